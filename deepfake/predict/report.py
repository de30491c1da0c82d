"""A page about one result that can be mailed, archived and printed: one file, no network."""

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deepfake.base.text import printable
from deepfake.core.image import decode_image, encode_jpeg
from deepfake.model.heat_maps import Heat, heat_maps, overlay
from deepfake.predict.charts import gauge, timeline
from deepfake.predict.result import Face, FaceFrame, Result

if TYPE_CHECKING:
    from deepfake.predict.detector import Detector

MOST_PEOPLE, MOST_CROPS = 8, 4  # with heat maps; a page of a crowd would be endless
LONGEST = 200  # bytes of a name, with room for its end; most file systems stop at 255
QUALITY = 90  # of the JPEGs with heat maps


@dataclass(frozen=True)
class Shown:
    """A frame with its crop and heat map as data: addresses; `cold` if no region raised the score."""

    frame: FaceFrame
    image: str
    heat: str
    cold: bool


@dataclass(frozen=True)
class Person:
    """A person's section of the page."""

    face: Face
    timeline: Markup
    crops: list[Shown]


def html_report(
    result: Result, detector: "Detector", people: Sequence[Person] | None = None
) -> str:
    """The page about a result, with heat maps of each person's most suspicious frames.

    All text from outside (names of files, reasons) is escaped, and the page forbids itself scripts
    and addresses (Content-Security-Policy). `people` are those of `shown_people`, where they are
    known already.
    """
    people = shown_people(result, detector) if people is None else people
    return render(
        "report.html",
        name=printable(result.path),
        result=result,
        reason=printable(result.reason),
        note=printable(result.note),
        gauge=Markup(gauge(result.score, result.threshold, result.interval)),
        people=people,
        hidden=len(result.faces) - len(people),
        card=detector.card,
    )


def render(template: str, *packages: str, **values: Any) -> str:
    """A template with values, which are escaped; a value that is missing is an error.

    Args:
        template: file name in the folder templates/ of this package or of one of `packages`.
        packages: other packages that have templates.
        values: for the template.
    """
    loaders = [PackageLoader(package) for package in (*packages, __package__)]
    environment = Environment(
        loader=ChoiceLoader(loaders), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(template).render(**values)


def shown_people(result: Result, detector: "Detector") -> list[Person]:
    """The most suspicious people, the one who decides first, with their heat maps."""
    faces = sorted(result.faces, key=lambda face: (-(face.score or 0), face.track))[:MOST_PEOPLE]
    return [_person(face, detector, result.threshold) for face in faces]


def _person(face: Face, detector: "Detector", threshold: float) -> Person:
    frames = face.most_suspicious(MOST_CROPS)
    images = [frame.image for frame in frames]
    heats = heat_maps(detector.network, images, detector.card.image_size, detector.device)
    crops = [_shown(frame, heat) for frame, heat in zip(frames, heats, strict=True)]
    return Person(face, Markup(timeline(face.frames, threshold)), crops)


def _shown(frame: FaceFrame, heat: Heat) -> Shown:
    picture = encode_jpeg(overlay(decode_image(frame.image), heat), QUALITY, "4:4:4")
    return Shown(frame, data_url(frame.image), data_url(picture), cold=not heat.any())


def data_url(jpeg: bytes) -> str:
    """A JPEG as an address that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def report_name(path: str, taken: Collection[str]) -> str:
    """A name for the report of a file, none of those already taken.

    >>> report_name("clips/a b.mp4", {"a b.mp4.html"})
    'a b.mp4-2.html'
    """
    stem = printable(PurePath(path.split("?")[0]).name).encode()[:LONGEST].decode(errors="ignore")
    stem = stem or "report"
    number, name = 2, f"{stem}.html"
    while name in taken:
        number, name = number + 1, f"{stem}-{number}.html"
    return name
