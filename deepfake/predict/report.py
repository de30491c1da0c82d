"""An HTML report of one result, to mail, archive and print: one file that loads nothing."""

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deepfake.base.text import printable
from deepfake.core.image import decode_image, encode_jpeg
from deepfake.model.heat_maps import Heat, blend_heat_map, heat_maps
from deepfake.model.operating_points import Thresholds
from deepfake.predict.advice import advice
from deepfake.predict.charts import gauge, timeline
from deepfake.predict.palette import FONT, SMALLEST_TEXT, css_variables
from deepfake.predict.result import Face, FaceFrame, Result
from deepfake.predict.worth import (
    USE,
    describe_meaning,
    describe_sureness,
    describe_thresholds,
    describe_verdict_worth,
    plain_verdict,
)

if TYPE_CHECKING:
    from deepfake.predict.detector import Detector

MAX_PEOPLE, MAX_CROPS = 8, 4  # with heat maps; the report of a crowd would be endless
MAX_NAME_BYTES = 200  # of a file name without its suffix; most file systems stop at 255
HEAT_MAP_QUALITY = 90  # of the JPEGs with heat maps


@dataclass(frozen=True)
class FrameView:
    """A frame as shown in a report.

    Attributes:
        frame: the frame.
        image: its crop as a data: URL.
        heat: the crop with its heat map as a data: URL.
        is_cold: whether no region raised the score.
    """

    frame: FaceFrame
    image: str
    heat: str
    is_cold: bool


@dataclass(frozen=True)
class PersonView:
    """A person as shown in a report: number, timeline as SVG and the most suspicious frames."""

    number: int
    face: Face
    timeline: Markup
    crops: list[FrameView]


def html_report(
    result: Result, detector: "Detector", people: Sequence[PersonView] | None = None
) -> str:
    """The report of a result, with heat maps of each person's most suspicious frames.

    All text from outside (file names, reasons) is escaped, and the Content-Security-Policy of the
    report forbids scripts and requests.

    Args:
        result: the result.
        detector: the detector that gave it; draws the heat maps.
        people: as `person_views` gives them, if they exist already.

    Raises:
        ModelError: the detector uses ONNX Runtime, which gives no heat maps.
    """
    people = person_views(result, detector) if people is None else people
    return render(
        "report.html",
        **verdict_values(result),
        name=printable(result.path),
        result=result,
        reason=printable(result.reason),
        note=printable(result.note),
        gauge=Markup(gauge(result.score, result.thresholds, result.interval)),
        people=people,
        hidden_people=len(result.faces) - len(people),
        card=detector.card,
        tool=f"deepfake {version('deepfake')}",
        date=datetime.now(timezone.utc).date().isoformat(),
    )


def verdict_values(result: Result) -> dict[str, str]:
    """The words that a template with the verdict shows."""
    return {
        "plain_verdict": plain_verdict(result),
        "meaning": describe_meaning(result),
        "use": USE,
        "worth": describe_verdict_worth(result),
        "sureness": describe_sureness(result),
        "thresholds_sentence": describe_thresholds(result.operating_point),
        "advice": advice(result),
    }


def render(template: str, *packages: str, **values: Any) -> str:
    """Fill in a template; values are escaped, and a missing value is an error.

    Args:
        template: file name in the folder templates/ of this package or of one of `packages`.
        packages: other packages with templates.
        values: of the variables in the template.
    """
    loaders = [PackageLoader(package) for package in (*packages, __package__)]
    environment = Environment(
        loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined
    )
    look = {"colours": css_variables(), "font": FONT, "chart_text": SMALLEST_TEXT}
    return environment.get_template(template).render(**look, **values)


def person_views(result: Result, detector: "Detector") -> list[PersonView]:
    """At most `MAX_PEOPLE` people with heat maps, the most suspicious first."""
    return [
        _person_view(number, face, detector, result.thresholds)
        for number, face in enumerate(result.people[:MAX_PEOPLE], 1)
    ]


def _person_view(
    number: int, face: Face, detector: "Detector", thresholds: Thresholds
) -> PersonView:
    crops = frame_views(face.most_suspicious(MAX_CROPS), detector)
    return PersonView(number, face, Markup(timeline(face.frames, thresholds)), crops)


def frame_views(frames: Sequence[FaceFrame], detector: "Detector") -> list[FrameView]:
    """Frames with their heat maps; raises ModelError as `html_report`."""
    images = [frame.image for frame in frames]
    heats = heat_maps(detector.network, images, detector.card.image_size, detector.device)
    return [_frame_view(frame, heat) for frame, heat in zip(frames, heats, strict=True)]


def _frame_view(frame: FaceFrame, heat: Heat) -> FrameView:
    picture = encode_jpeg(
        blend_heat_map(decode_image(frame.image), heat), HEAT_MAP_QUALITY, "yuv444"
    )
    return FrameView(frame, data_url(frame.image), data_url(picture), is_cold=not heat.any())


def data_url(jpeg: bytes) -> str:
    """A data: URL that holds a JPEG."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def report_name(path: str, taken: Collection[str]) -> str:
    """A file name for the report of a file, different from all names in `taken`.

    >>> report_name("clips/a b.mp4", {"a b.mp4.html"})
    'a b.mp4-2.html'
    """
    name = printable(PurePath(path.split("?")[0]).name)
    stem = name.encode()[:MAX_NAME_BYTES].decode(errors="ignore") or "report"
    number, name = 2, f"{stem}.html"
    while name in taken:
        number, name = number + 1, f"{stem}-{number}.html"
    return name
