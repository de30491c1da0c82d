"""Parts of the web page as HTML, with the same sentences, gauge and heat maps as a report.

All text from outside is escaped. The parts hold no scripts and load nothing. Charts are images,
because Streamlit removes SVG elements.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from PIL import Image as Pil

from deepfake.model.card import ModelCard
from deepfake.predict.charts import (
    LINE_HEIGHT,
    WIDTH,
    gauge,
    threshold_text,
    timeline_points,
)
from deepfake.predict.detector import Detector
from deepfake.predict.report import PersonView, data_url, render, verdict_values
from deepfake.predict.result import Face, Result
from deepfake.predict.worth import USE, describe_thresholds, describe_worth
from deepfake.serving.comparison import agreement, comparison, difference, model_comparison
from deepfake.serving.uploads import UploadLimits


@dataclass(frozen=True)
class TimelineDot:
    """A frame on the timeline.

    Attributes:
        left, top: position in percent of the chart.
        frame: number of the frame.
        text: number, time and score of the frame.
        image: its crop as a data: URL.
    """

    left: float
    top: float
    frame: int
    text: str
    image: str


@dataclass(frozen=True)
class Picture:
    """A picture with its size, so that the page keeps its place free before the picture is there.

    Attributes:
        url: the picture as a data: URL.
        width, height: in pixels; it is shown smaller where there is less room.
        alt: what it shows, for those who do not see it.
        caption: the text below.
    """

    url: str
    width: int
    height: int
    alt: str
    caption: str


def picture_of(jpeg: bytes, alt: str, caption: str) -> Picture:
    """The picture in a JPEG."""
    with Pil.open(io.BytesIO(jpeg)) as opened:  # reads the header only, as the page asks often
        width, height = opened.size
    return Picture(data_url(jpeg), width, height, alt, caption)


def pictures_part(*pictures: Picture, wide: bool = False) -> str:
    """Pictures side by side, or below each other where there is less room.

    Args:
        pictures: the pictures.
        wide: whether a picture is as wide as its place, as a video is, and not as its pixels.
    """
    return _render("page_pictures.html", pictures=pictures, wide=wide)


def style() -> str:
    """The style sheet of all parts, in its element."""
    return f"<style>{_render('page.css')}</style>"


def verdict_part(result: Result) -> str:
    """Verdict, gauge and score range; or the reason for UNDECIDED and what to try."""
    svg = gauge(result.score, result.thresholds, result.interval)
    score = "" if result.score is None else f"score {result.score:.2f}, "
    image = chart_image(svg, f"{score}{threshold_text(result.thresholds)}")
    values = verdict_values(result)
    return _render("page_verdict.html", result=result, gauge=image, **values)


def people_part(
    result: Result, people: Sequence[PersonView], hidden_people: int = 0, explained: bool = True
) -> str:
    """People side by side, each with heat maps and a timeline whose dots show the frames.

    Args:
        result: of the file.
        people: those to show.
        hidden_people: number of those that are shown nowhere, to be told.
        explained: whether to say what dots and heat maps show.
    """
    return _render(
        "page_people.html",
        result=result,
        people=people,
        timelines={
            person.face.track: chart_image(person.timeline, "score of each frame over time")
            for person in people
        },
        dots={person.face.track: timeline_dots(person.face) for person in people},
        hidden_people=hidden_people,
        explained=explained,
    )


def chart_image(svg: str, alt_text: str) -> Markup:
    """A chart as an `img` element with its own light and dark colours."""
    plain = str(svg)  # a Markup would escape what is inserted
    with_namespace = plain.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    with_style = with_namespace.replace(">", f"><style>{_render('chart_image.css')}</style>", 1)
    data = base64.b64encode(with_style.encode()).decode()
    return Markup('<img class="chart" alt="{}" src="data:image/svg+xml;base64,{}">').format(
        alt_text, data
    )


def timeline_dots(face: Face) -> list[TimelineDot]:
    """Dots to lay over the timeline of a person; pointing at one shows its frame."""
    return [
        TimelineDot(
            100 * x / WIDTH,
            100 * y / LINE_HEIGHT,
            one.frame,
            f"frame {one.frame}"
            + ("" if one.seconds is None else f", {one.seconds:.1f} s")
            + f": {one.score:.2f}",
            data_url(one.image),
        )
        for (x, y), one in zip(timeline_points(face.frames), face.frames, strict=True)
    ]


def comparison_part(first: Result, second: Result) -> str:
    """Two results side by side."""
    return _render(
        "page_comparison.html",
        rows=comparison(first, second),
        sentence=difference(first, second),
    )


def model_comparison_part(first: Result, second: Result) -> str:
    """The results of two models for one file side by side."""
    return _render(
        "page_comparison.html",
        rows=model_comparison(first, second),
        sentence=agreement(first, second),
    )


def answering_part(detector: Detector, date: str) -> str:
    """What model answers: name, version, date and data, and what is to be known about it.

    Args:
        detector: the model.
        date: of the model; "" if unknown.
    """
    return _render(
        "page_answering.html", detector=detector, date=date, data=data_text(detector.card)
    )


def data_text(card: ModelCard) -> str:
    """The data sets of a model."""
    return ", ".join(card.origin.get("datasets", [])) or "unknown data"


def model_part(detector: Detector) -> str:
    """Operating points, origin and limits of the model."""
    sections = [("Operating points", point_rows(detector)), *card_sections(detector.card)]
    return _render("page_model.html", sections=sections, use=USE)


def point_rows(detector: Detector) -> list[tuple[str, str]]:
    """Each operating point with its thresholds and what they are worth, or why there is none."""
    rows = []
    for name, thresholds in detector.card.operating_points.items():
        used = " (in use)" if name == detector.operating_point.name else ""
        if thresholds is None:
            text = f"none: {detector.card.point_problems[name]}"
        else:
            point = detector.point(name)
            text = f"{describe_thresholds(point)} {describe_worth(point)}".rstrip()
        rows.append((f"{name}{used}", text))
    return rows


def card_sections(card: ModelCard) -> list[tuple[str, list[tuple[str, str]]]]:
    """The content of a model card: titles, each with names and values."""
    frames, crops = card.preprocessing["frames"], card.preprocessing["crops"]
    trained = card.origin.get("train", {})
    imported = "imported" in card.origin
    chosen = "set when it was imported" if imported else "chosen on validation videos"
    return [
        (
            "Verdict",
            [
                ("thresholds", f"{chosen} and fixed"),
                ("score", score_meaning(card)),
                ("score of a person", card.video_score.replace("_", " ") + " of the frames"),
                ("frames needed", str(card.min_frames)),
            ],
        ),
        (
            "Preprocessing",
            [
                ("network", f"{card.architecture}, {card.image_size} pixels"),
                ("frames of a video", f"{frames['per_video']}, evenly spaced"),
                ("face detector", str(crops["detector"])),
                (
                    "smallest face",
                    f"{crops['min_face_pixels']} pixels and"
                    f" {crops['min_face']:.0%} of the shorter side of the image",
                ),
            ],
        ),
        (
            "Training",
            [
                ("data sets", data_text(card)),
                ("initial weights", str(trained.get("init", "unknown"))),
                ("epochs", str(trained.get("epochs", "unknown"))),
                ("self-blended fakes", f"{_blended_share(trained):.0%} of the pairs"),
            ],
        ),
    ]


def score_meaning(card: ModelCard) -> str:
    """What a score is: a probability, or why it is none."""
    note = f"; {card.calibration_note}" if card.calibration_note else ""
    if not card.calibrated:
        return f"score (not calibrated): {card.calibration_problem}{note}"
    bias = f", bias {card.bias:g}" if card.bias else ""
    return (
        "probability of FAKE, calibrated on validation videos"
        f" (temperature {card.temperature:g}{bias}){note}"
    )


def _blended_share(trained: dict[str, Any]) -> float:
    """Fraction of self-blended pairs in a training, by its parameters in the card."""
    domains = trained.get("domains", {}).values()
    shares: list[float] = [domain["share"] * domain["self_blended"] for domain in domains]
    return sum(shares) if shares else trained.get("self_blended", 0.0)


def api_page(api: dict[str, Any], limits: UploadLimits) -> str:
    """The documentation of the HTTP API, from its OpenAPI document."""
    return _render("api.html", api=api, limits=limits)


def _render(template: str, **values: Any) -> str:
    return render(template, str(__package__), **values)
