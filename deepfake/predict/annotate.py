"""The annotated video: a box and a score on every face.

A verdict needs few frames, but boxes that follow a face need many. So the video is analysed once
more at more frames, and between these the boxes are interpolated linearly.
"""

import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
from av.error import FFmpegError

from deepfake.base.errors import DeepfakeError
from deepfake.core.files import TEMPORARY_PREFIX
from deepfake.core.image import MAX_PIXELS, Image
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED
from deepfake.jobs.step import Failure
from deepfake.model.operating_points import Thresholds
from deepfake.predict.palette import LIGHT, rgb
from deepfake.predict.result import Face, Result, by_suspicion
from deepfake.video.decoded import check_file
from deepfake.video.pixels import displayed_rgb, displayed_stream, pixel_aspect_of

if TYPE_CHECKING:
    from deepfake.predict.detector import Detector

ANALYSED_PER_SECOND = 6  # frames
MAX_ANALYSED = 300  # frames of a long video
MAX_ANALYSED_BYTES = 1.5e9  # of frames in memory, of a video with large frames
MAX_GAP_SECONDS = 2.0  # a face that is missed for longer has no box in between
DASH_THICKNESSES = 9  # length of a dash and the space behind it, in thicknesses of the line
QUALITY = "20"  # constant rate factor of x264; 18 looks like the original
COLORS = {  # RGB, dark enough for white text
    LABEL_NAMES[FAKE]: rgb(LIGHT.fake),
    LABEL_NAMES[REAL]: rgb(LIGHT.real),
    UNDECIDED: rgb(LIGHT.undecided),
}

Box = tuple[float, float, float, float]


class AnnotateError(DeepfakeError):
    """The video cannot be annotated."""


@dataclass(frozen=True)
class Label:
    """A box on a frame.

    Attributes:
        box: left, top, right, bottom in pixels.
        text: the text above the box.
        verdict: REAL, FAKE or UNDECIDED, by the score of this frame; decides the colour.
        interpolated: whether the frame itself was not analysed; its box is dashed.
    """

    box: Box
    text: str
    verdict: str
    interpolated: bool = False


@dataclass(frozen=True)
class Caption:
    """The text in the lower left corner of every frame.

    Attributes:
        text: the text.
        verdict: of the file: REAL, FAKE or UNDECIDED; decides the colour.
    """

    text: str
    verdict: str


def annotate(result: Result, path: Path, out: Path, detector: "Detector") -> None:
    """Write the video with boxes, scores and the verdict as H.264 in an MP4, without sound.

    Args:
        result: of the video.
        path: the video.
        out: where to write; the file appears when it is complete.
        detector: analyses more frames; the scores at the boxes are those of single frames.

    Raises:
        AnnotateError: the file is not a video that can be decoded, or `out` is that file or cannot
            be written.
    """
    if out.exists() and path.exists() and out.samefile(path):
        raise AnnotateError(f"{out} is the video itself: give the annotated one another name")
    video = result.video
    if not video.indices:
        raise AnnotateError(f"{result.path}: {result.reason}")
    if not video.codec:
        raise AnnotateError(f"{result.path}: only a video can be annotated")
    count = analysed_count(video.frame_count, video.fps, video.width * video.height)
    dense = detector.predict(path, per_video=count)
    if not dense.video.indices:
        raise AnnotateError(f"{result.path}: {dense.reason}")
    arguments = {
        "caption": make_caption(result),
        "faces": [_without_images(face) for face in dense.faces],
        "thresholds": result.thresholds,
        "max_gap": MAX_GAP_SECONDS * video.fps or MAX_ANALYSED,
    }
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=TEMPORARY_PREFIX) as folder:
            temporary = Path(folder, out.name)
            arguments["out"] = str(temporary)
            written = detector.preprocessor.call(write_annotated, path, arguments)
            if isinstance(written, Failure):
                raise AnnotateError(f"{result.path}: {written.reason}")
            temporary.replace(out)
    except OSError as error:
        raise AnnotateError(f"{out} cannot be written: {error.strerror}") from error


def _without_images(face: Face) -> Face:
    return replace(face, frames=tuple(replace(one, image=b"") for one in face.frames))


def analysed_count(frames: int, fps: float, pixels: int) -> int:
    """Number of frames to analyse: several per second, as far as memory allows.

    Args:
        frames: of the video.
        fps: frames per second; 0 if unknown.
        pixels: of a frame.
    """
    seconds = frames / fps if fps else frames / ANALYSED_PER_SECOND
    wanted = min(
        ANALYSED_PER_SECOND * seconds, MAX_ANALYSED, MAX_ANALYSED_BYTES / (3 * max(1, pixels))
    )
    return max(2, min(frames, round(wanted)))


def make_caption(result: Result) -> Caption:
    """The verdict in one line."""
    if result.score is None:
        return Caption(f"{result.verdict} {result.reason}", result.verdict)
    text = f"{result.verdict} {result.score:.2f} ({result.thresholds})"
    return Caption(text, result.verdict)


def write_annotated(
    path: Path,
    out: str,
    caption: Caption,
    faces: Sequence[Face],
    thresholds: Thresholds,
    max_gap: float,
) -> bytes:
    """Decode a video, draw on every frame and encode it; to be called in a process with limits.

    Args:
        path: the video.
        out: path of the MP4 to write.
        caption, faces: what to draw.
        thresholds, max_gap: as for `labels_at`.

    Returns:
        No bytes; the result is the file.

    Raises:
        AnnotateError: the video cannot be decoded, or the MP4 cannot be written.
    """
    try:
        with open_video(path) as (source, stream, rate):
            annotated = (
                draw(image, labels_at(number, faces, thresholds, max_gap), caption)
                for number, image in enumerate(displayed_frames(source, stream))
            )
            with av.open(out, "w", format="mp4", options={"movflags": "faststart"}) as target:
                encode(annotated, target, rate, {"crf": QUALITY})
    except (FFmpegError, OSError, ValueError) as error:
        raise AnnotateError(f"{path} cannot be annotated: {error}") from error
    return b""


@contextmanager
def open_video(path: Path) -> Iterator[tuple[Any, Any, Fraction]]:
    """A video as a container, the stream that players display, and its frames per second."""
    check_file(path)
    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    with av.open(f"file:{path}", options=options) as source:
        stream = displayed_stream(source)
        rate = Fraction(stream.average_rate or ANALYSED_PER_SECOND).limit_denominator(1001)
        yield source, stream, rate


def displayed_frames(source: Any, stream: Any) -> Iterator[Image]:
    """All frames as they are displayed, up to the first decoding error; raises it if there is no frame before."""
    any_decoded = False
    try:
        for frame in source.decode(stream):
            yield displayed_rgb(frame, pixel_aspect_of(stream))
            any_decoded = True
    except FFmpegError:
        if not any_decoded:
            raise


def encode(frames: Iterator[Image], target: Any, rate: Any, quality: dict[str, str]) -> None:
    """Write frames at a constant rate with options of x264; an odd last row or column is cut off, as H.264 requires."""
    stream = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", **quality})
    stream.pix_fmt = "yuv420p"
    for number, image in enumerate(frames):
        if number == 0:
            height, width = (side - side % 2 for side in image.shape[:2])
            stream.height, stream.width = height, width
        if image.shape[0] < height or image.shape[1] < width:  # the size may change in mid-stream
            image = np.asarray(cv2.resize(image, (width, height)), np.uint8)
        image = np.ascontiguousarray(image[:height, :width])
        target.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
    target.mux(stream.encode())


def labels_at(
    number: int, faces: Sequence[Face], thresholds: Thresholds, max_gap: float
) -> list[Label]:
    """The boxes of one frame, interpolated between the two closest analysed frames.

    Args:
        number: of the frame, counted from 0.
        faces: people with their analysed frames.
        thresholds: make a verdict of the score of a frame.
        max_gap: maximum number of frames between two analysed frames to interpolate.
    """
    labels = []
    for person, face in enumerate(by_suspicion(faces), 1):
        interpolated = _interpolate(number, face, max_gap)
        if interpolated is not None:
            box, score = interpolated
            text = f"Person {person}: {score:.2f}"
            analysed = any(one.frame == number for one in face.frames)
            labels.append(Label(box, text, thresholds.verdict(score), not analysed))
    return labels


def _interpolate(number: int, face: Face, max_gap: float) -> tuple[Box, float] | None:
    """Box and score of a person in a frame; None if no analysed frame is close enough."""
    numbers = [one.frame for one in face.frames]
    position = bisect_right(numbers, number)
    before = face.frames[position - 1] if position else None
    after = face.frames[position] if position < len(numbers) else None
    if before is None or after is None or after.frame - before.frame > max_gap:
        around = [one for one in (before, after) if one]
        closest = min(around, key=lambda one: abs(one.frame - number), default=None)
        if closest is None or abs(closest.frame - number) > max_gap / 4:
            return None
        return closest.box, closest.score
    part = (number - before.frame) / (after.frame - before.frame)
    left, top, right, bottom = (
        (1 - part) * old + part * new for old, new in zip(before.box, after.box, strict=True)
    )
    return (left, top, right, bottom), (1 - part) * before.score + part * after.score


def draw(image: Image, labels: Sequence[Label], caption: Caption | None) -> Image:
    """A copy of the image with the boxes, their texts and the caption, if there is one."""
    annotated = image.copy()
    scale = min(image.shape[:2]) / 720
    thickness = max(1, round(3 * scale))
    for label in labels:
        left, top, right, bottom = map(round, label.box)
        color = COLORS[label.verdict]
        if label.interpolated:
            _dashed_rectangle(annotated, (left, top, right, bottom), color, thickness)
        else:
            cv2.rectangle(annotated, (left, top), (right, bottom), color, thickness)
        _write_text(annotated, label.text, (left, top), scale, color)
    if caption is not None:
        corner = (0, image.shape[0])
        _write_text(annotated, caption.text, corner, scale, COLORS[caption.verdict])
    return annotated


def _dashed_rectangle(
    image: Image, box: tuple[int, int, int, int], color: Any, thickness: int
) -> None:
    """A rectangle whose sides are dashes, each twice as long as the space between them."""
    left, top, right, bottom = box
    dash = DASH_THICKNESSES * thickness
    for x in range(left, right, dash):
        end = min(x + 2 * dash // 3, right)
        for y in (top, bottom):
            cv2.line(image, (x, y), (end, y), color, thickness)
    for y in range(top, bottom, dash):
        end = min(y + 2 * dash // 3, bottom)
        for x in (left, right):
            cv2.line(image, (x, y), (x, end), color, thickness)


def _write_text(
    image: Image, text: str, lower_left: tuple[int, int], scale: float, color: Any
) -> None:
    """White text on a coloured background with the given corner, moved to lie in the image."""
    font, font_scale = cv2.FONT_HERSHEY_SIMPLEX, max(0.35, 0.8 * scale)
    thickness = max(1, round(2 * scale))
    (width, height), baseline = cv2.getTextSize(text, font, font_scale, thickness)
    box_height = height + baseline + 4
    left = min(max(0, lower_left[0]), max(0, image.shape[1] - width - 4))
    bottom = min(max(box_height, lower_left[1]), image.shape[0])
    upper_left, lower_right = (left, bottom - box_height), (left + width + 4, bottom)
    cv2.rectangle(image, upper_left, lower_right, color, cv2.FILLED)
    origin = (left + 2, bottom - baseline - 2)
    white = (255, 255, 255)
    cv2.putText(image, text, origin, font, font_scale, white, thickness, cv2.LINE_AA)
