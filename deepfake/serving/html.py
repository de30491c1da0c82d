"""Parts of the web page as HTML: the same words, gauge and pictures as in a report.

All text from outside is escaped. They hold no script, and load nothing. Charts are images, since
Streamlit lets no SVG elements through.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from deepfake.model.card import ModelCard
from deepfake.predict.advice import advice
from deepfake.predict.charts import LINE_HEIGHT, WIDTH, dots, gauge
from deepfake.predict.report import Person, data_url, render
from deepfake.predict.result import Face, Result
from deepfake.serving.comparison import comparison, difference
from deepfake.serving.uploads import UploadLimits


@dataclass(frozen=True)
class Dot:
    """A frame on the timeline.

    Attributes:
        left, top: its place in percent of the chart.
        frame: its number.
        words: what is known about it.
        image: its crop as a data: address.
    """

    left: float
    top: float
    frame: int
    words: str
    image: str


def style() -> str:
    """The style sheet of all parts, in its element."""
    return f"<style>{_render('page.css')}</style>"


def verdict_part(result: Result) -> str:
    """Verdict, gauge with the threshold on it, what the numbers mean; or why there are none."""
    drawn = gauge(result.score, result.threshold, result.interval)
    words = "" if result.score is None else f"score {result.score:.2f}, "
    image = chart_image(drawn, f"{words}threshold {result.threshold:.2f}")
    return _render("page_verdict.html", result=result, gauge=image, advice=advice(result))


def people_part(result: Result, people: Sequence[Person]) -> str:
    """People side by side, each with a timeline whose dots show their frames, and heat maps."""
    return _render(
        "page_people.html",
        result=result,
        people=people,
        timelines={
            person.face.track: chart_image(person.timeline, "score of each frame over time")
            for person in people
        },
        dots={person.face.track: timeline_dots(person.face) for person in people},
        hidden=len(result.faces) - len(people),
    )


def chart_image(svg: str, words: str) -> Markup:
    """A chart as an image with its own light and dark colours; `words` are for who cannot see it."""
    plain = str(svg)  # of Markup, which would escape what is put in
    named = plain.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    whole = named.replace(">", f"><style>{_render('chart_image.css')}</style>", 1)
    data = base64.b64encode(whole.encode()).decode()
    return Markup('<img class="chart" alt="{}" src="data:image/svg+xml;base64,{}">').format(
        words, data
    )


def timeline_dots(face: Face) -> list[Dot]:
    """What lies over the timeline of a person, so that its frames can be pointed at."""
    return [
        Dot(
            100 * x / WIDTH,
            100 * y / LINE_HEIGHT,
            one.frame,
            f"frame {one.frame}"
            + ("" if one.seconds is None else f", {one.seconds:.1f} s")
            + f": {one.score:.2f}",
            data_url(one.image),
        )
        for (x, y), one in zip(dots(face.frames), face.frames, strict=True)
    ]


def comparison_part(first: Result, second: Result) -> str:
    """Two results beside each other."""
    return _render(
        "page_comparison.html",
        rows=comparison(first, second),
        sentence=difference(first, second),
    )


def model_part(card: ModelCard) -> str:
    """What the model is, and what it is not for."""
    return _render("page_model.html", sections=card_sections(card))


def card_sections(card: ModelCard) -> list[tuple[str, list[tuple[str, str]]]]:
    """Titles with names and values of what the model's card says."""
    frames, crops = card.preprocessing["frames"], card.preprocessing["crops"]
    trained = card.origin.get("train", {})
    return [
        (
            "Verdict",
            [
                (
                    "FAKE begins at",
                    f"{card.threshold:.3f}, chosen on validation videos, fixed here",
                ),
                ("temperature", f"{card.temperature:g}"),
                ("score of a person", card.video_score.replace("_", " ") + " of the frames"),
                ("frames needed", str(card.min_frames)),
            ],
        ),
        (
            "What it looks at",
            [
                ("network", f"{card.architecture}, {card.image_size} pixels"),
                ("frames of a video", f"{frames['per_video']}, evenly spaced"),
                ("face detector", str(crops["detector"])),
                ("smallest face", f"{crops['min_face']:.0%} of the shorter side of the picture"),
            ],
        ),
        (
            "Where it comes from",
            [
                ("data", ", ".join(card.origin.get("datasets", [])) or "unknown"),
                ("began with", str(trained.get("init", "unknown"))),
                ("epochs", str(trained.get("epochs", "unknown"))),
                ("self-blended fakes", f"{trained.get('self_blended', 0):.0%} of the pairs"),
            ],
        ),
    ]


def api_page(api: dict[str, Any], limits: UploadLimits) -> str:
    """The description of the server for people, from its OpenAPI document."""
    return _render("api.html", api=api, limits=limits)


def _render(template: str, **values: Any) -> str:
    return render(template, str(__package__), **values)
