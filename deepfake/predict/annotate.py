"""The video again, with a box and a score on every face.

A verdict looks at a few frames; boxes that follow a face need many. So the video is looked at once
more and more densely, and between those frames the boxes move in straight lines.
"""

import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.stream import Disposition

from deepfake.base.errors import DeepfakeError
from deepfake.core.files import TEMPORARY
from deepfake.core.image import MAX_PIXELS, Image
from deepfake.jobs.step import Failure
from deepfake.predict.result import Face, Result
from deepfake.video.decoding import check_file
from deepfake.video.pixels import upright_rgb

if TYPE_CHECKING:
    from deepfake.predict.detector import Detector

PER_SECOND = 6  # frames in which faces are looked for
MOST_FRAMES = 300  # of them, in a long video
MOST_BYTES = 1.5e9  # of them in memory, in a large one
GAP = 2.0  # seconds: a face that is missed for longer has no box meanwhile
QUALITY = "20"  # constant rate factor of x264; 18 looks like the original
COLORS = {"fake": (230, 60, 50), "real": (40, 170, 90), "undecided": (120, 120, 120)}  # RGB

Box = tuple[float, float, float, float]


class AnnotateError(DeepfakeError):
    """The video cannot be annotated."""


@dataclass(frozen=True)
class Label:
    """A box on a frame.

    Attributes:
        box: left, top, right, bottom in pixels.
        text: what stands above it.
        kind: a key of `COLORS`.
    """

    box: Box
    text: str
    kind: str


def annotate(result: Result, path: Path, out: Path, detector: "Detector") -> None:
    """Write the video with boxes, scores and the verdict as H.264 in an MP4, without sound.

    Args:
        result: of the video; its verdict stands in the corner.
        path: the video.
        out: where to write; it appears when it is complete.
        detector: looks at more frames; the scores at the boxes are those of its single frames.

    Raises:
        AnnotateError: it is no video that can be decoded, or `out` cannot be written.
    """
    video = result.video
    if not video.codec:
        raise AnnotateError(f"{result.path}: only a video can be annotated")
    count = dense_count(video.frame_count, video.fps, video.width * video.height)
    dense = detector.predict(path, per_video=count)
    if not dense.video.indices:
        raise AnnotateError(f"{result.path}: {dense.reason}")
    arguments = {
        "title": title(result),
        "faces": [_without_images(face) for face in dense.faces],
        "threshold": result.threshold,
        "gap": GAP * video.fps or MOST_FRAMES,
    }
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=TEMPORARY) as folder:
            drawn = Path(folder, out.name)
            made = detector.preprocessor.call(draw_video, path, {"out": str(drawn), **arguments})
            if isinstance(made, Failure):
                raise AnnotateError(f"{result.path}: {made.reason}")
            drawn.replace(out)
    except OSError as error:
        raise AnnotateError(f"{out} cannot be written: {error.strerror}") from error


def _without_images(face: Face) -> Face:
    return replace(face, frames=tuple(replace(one, image=b"") for one in face.frames))


def dense_count(frames: int, fps: float, pixels: int) -> int:
    """How many frames to look at: several a second, within what memory allows."""
    seconds = frames / fps if fps else frames / PER_SECOND
    wanted = min(PER_SECOND * seconds, MOST_FRAMES, MOST_BYTES / (3 * max(1, pixels)))
    return max(2, min(frames, round(wanted)))


def title(result: Result) -> str:
    """The verdict in a line."""
    if result.score is None:
        return f"{result.verdict} {result.reason}"
    return f"{result.verdict} {result.score:.2f} (FAKE from {result.threshold:.2f})"


def draw_video(
    path: Path, out: str, title: str, faces: Sequence[Face], threshold: float, gap: float
) -> bytes:
    """Decode, draw and encode; to be called in a process with limits. Gives no bytes.

    Raises:
        AnnotateError: the video cannot be decoded, or the other not be written.
    """
    check_file(path)
    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        with av.open(f"file:{path}", options=options) as source:
            stream = next(
                one
                for one in source.streams.video
                if not one.disposition & Disposition.attached_pic
            )
            rate = Fraction(stream.average_rate or PER_SECOND).limit_denominator(1001)
            drawn = (
                draw(image, labels_at(number, faces, threshold, gap), title)
                for number, image in enumerate(_frames(source, stream))
            )
            with av.open(out, "w", format="mp4", options={"movflags": "faststart"}) as target:
                _encode(drawn, target, rate)
    except (FFmpegError, OSError, ValueError) as error:
        raise AnnotateError(f"{path} cannot be annotated: {error}") from error
    return b""


def _frames(source: Any, stream: Any) -> Iterator[Image]:
    """All frames, upright, up to where decoding fails, but at least one."""
    any_yet = False
    try:
        for frame in source.decode(stream):
            yield upright_rgb(frame)
            any_yet = True
    except FFmpegError:
        if not any_yet:
            raise


def _encode(frames: Iterator[Image], target: Any, rate: Any) -> None:
    """Write frames at a constant rate; an odd last row or column is cut off, as H.264 needs."""
    stream = target.add_stream("libx264", rate=rate, options={"crf": QUALITY, "preset": "veryfast"})
    stream.pix_fmt = "yuv420p"
    for number, image in enumerate(frames):
        if number == 0:
            height, width = (side - side % 2 for side in image.shape[:2])
            stream.height, stream.width = height, width
        if image.shape[0] < height or image.shape[1] < width:  # the size may change on the way
            image = np.asarray(cv2.resize(image, (width, height)), np.uint8)
        image = np.ascontiguousarray(image[:height, :width])
        target.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
    target.mux(stream.encode())


def labels_at(number: int, faces: Sequence[Face], threshold: float, gap: float) -> list[Label]:
    """The boxes of a frame: where each face was seen, or between its two nearest frames.

    Args:
        number: of the frame, counted from 0.
        faces: people with their frames.
        threshold: scores from here on are FAKE.
        gap: the most frames between two sightings across which a box is drawn.
    """
    labels = []
    for face in faces:
        found = _place(number, face, gap)
        if found is not None:
            box, score = found
            kind = "fake" if score >= threshold else "real"
            labels.append(Label(box, f"person {face.track}: {score:.2f}", kind))
    return labels


def _place(number: int, face: Face, gap: float) -> tuple[Box, float] | None:
    """Box and score of a person in a frame; None where it is not known."""
    numbers = [one.frame for one in face.frames]
    at = bisect_right(numbers, number)
    before = face.frames[at - 1] if at else None
    after = face.frames[at] if at < len(numbers) else None
    if before is None or after is None:
        near = before or after
        if near is None or abs(near.frame - number) > gap / 4:
            return None
        return near.box, near.score
    if after.frame - before.frame > gap and number != before.frame:
        return None
    part = (number - before.frame) / (after.frame - before.frame)
    left, top, right, bottom = (
        (1 - part) * old + part * new for old, new in zip(before.box, after.box, strict=True)
    )
    return (left, top, right, bottom), (1 - part) * before.score + part * after.score


def draw(image: Image, labels: Sequence[Label], title: str) -> Image:
    """A copy of the image with boxes, their texts, and the title in its corner."""
    drawn = image.copy()
    size = min(image.shape[:2]) / 720
    thick = max(1, round(3 * size))
    for label in labels:
        left, top, right, bottom = map(round, label.box)
        cv2.rectangle(drawn, (left, top), (right, bottom), COLORS[label.kind], thick)
        _write(drawn, label.text, (left, top), size, COLORS[label.kind])
    kind = title.split()[0].lower()
    _write(drawn, title, (0, image.shape[0]), size, COLORS.get(kind, COLORS["undecided"]))
    return drawn


def _write(image: Image, text: str, place: tuple[int, int], size: float, color: Any) -> None:
    """White text on a coloured ground whose lower left corner is at `place`, kept in the image."""
    scale, thick = max(0.35, 0.8 * size), max(1, round(2 * size))
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    high = height + below + 4
    left = min(max(0, place[0]), max(0, image.shape[1] - width - 4))
    bottom = min(max(high, place[1]), image.shape[0])
    cv2.rectangle(image, (left, bottom - high), (left + width + 4, bottom), color, cv2.FILLED)
    at = (left + 2, bottom - below - 2)
    cv2.putText(
        image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), thick, cv2.LINE_AA
    )
