"""What a page shows of a file: a small clip with boxes, and the analysed frames with boxes.

Everything is made in one pass over the file, in the process with limits, from what was analysed
already. `annotate` analyses more frames instead, and writes a video of full size.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
from av.error import FFmpegError

from deepfake.base.errors import DeepfakeError
from deepfake.core import archive
from deepfake.core.image import Image, encode_jpeg
from deepfake.core.labels import UNDECIDED
from deepfake.jobs.step import Failure
from deepfake.model.operating_points import Thresholds
from deepfake.predict.annotate import (
    MAX_GAP_SECONDS,
    AnnotateError,
    Label,
    displayed_frames,
    draw,
    encode,
    labels_at,
    open_video,
)
from deepfake.predict.result import Face, Result
from deepfake.video.image_file import read_image

if TYPE_CHECKING:
    from deepfake.predict.detector import Detector

LONG_SIDE, SHORT_SIDE = 1280, 720  # pixels, at most
MAX_CLIP_FRAMES = 1800  # a minute at 30 frames per second
MAX_CLIP_SECONDS = 60
CLIP_QUALITY = {"crf": "26", "maxrate": "2M", "bufsize": "4M"}  # of x264: at most 15 MB a minute
PICTURE_QUALITY = 85  # of JPEGs
INSPECTED_FRAMES = 3  # searched for faces that were too small to be analysed
JPEG = ".jpg"


@dataclass(frozen=True)
class Pictures:
    """What a page shows of a file.

    Attributes:
        frames: the analysed frames with boxes as JPEG, by their number; of a file without analysed
            faces only the one with the largest face that was found, if any.
        clip: the beginning of a video with boxes as MP4 (H.264, without sound); b"" if there is none.
        clip_seconds: its length.
        problem: why a clip or a frame is missing, else "".
    """

    frames: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    clip: bytes = field(default=b"", repr=False)
    clip_seconds: float = 0.0
    problem: str = ""


def make_pictures(result: Result, path: Path, folder: Path, detector: "Detector") -> Pictures:
    """Draw the boxes of a result on its file.

    Args:
        result: of the file.
        path: the file.
        folder: where a temporary folder for the clip may be made.
        detector: gave the result.
    """
    if not result.video.indices:
        return Pictures()
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as temporary:
        return _made_pictures(result, path, Path(temporary, "clip.mp4"), detector)


def _made_pictures(result: Result, path: Path, out: Path, detector: "Detector") -> Pictures:
    arguments = {
        "out": str(out) if result.video.codec else "",
        "indices": result.video.indices,
        "faces": [
            replace(face, frames=tuple(replace(one, image=b"") for one in face.frames))
            for face in result.faces
        ],
        "thresholds": result.thresholds,
        "detection": {
            key: detector.settings["crops"][key] for key in ("detector", "detect_size", "min_score")
        },
    }
    try:
        drawn = detector.preprocessor.call(draw_pictures, path, arguments)
        if isinstance(drawn, Failure):
            return Pictures(problem=drawn.reason)
        unpacked = archive.unpack(drawn)
        frames = {int(name.removesuffix(JPEG)): data for name, data in unpacked.images.items()}
        clip = out.read_bytes() if out.exists() else b""
        return Pictures(frames, clip, unpacked.meta["seconds"])
    except DeepfakeError as error:
        return Pictures(problem=str(error))


def draw_pictures(
    path: Path,
    out: str,
    indices: Sequence[int],
    faces: Sequence[Face],
    thresholds: Thresholds,
    detection: dict[str, Any],
) -> bytes:
    """Decode a file, draw boxes and encode; to be called in a process with limits.

    Args:
        path: the file.
        out: path of the MP4 to write; "" if the file is an image.
        indices: numbers of the analysed frames.
        faces, thresholds: as for `annotate.labels_at`.
        detection: settings of `find_faces`, for a file without faces.

    Returns:
        An archive of the frames with boxes; its meta has the `seconds` of the clip.

    Raises:
        AnnotateError: the file cannot be decoded, or the MP4 cannot be written.
    """
    if out:
        frames, seconds = _write_clip(path, out, indices, faces, thresholds)
    else:
        image, scale = _reduced(read_image(path.read_bytes()).image)
        frames, seconds = {indices[0]: (image, scale)}, 0.0
    if not faces:
        frames = _largest_face(frames, detection)
    pictures = {
        f"{number}{JPEG}": encode_jpeg(
            draw(image, _scaled(labels_at(number, faces, thresholds, 0), scale), None),
            PICTURE_QUALITY,
            "yuv420",
        )
        for number, (image, scale) in frames.items()
    }
    return archive.pack({"seconds": seconds}, pictures)


def _write_clip(
    path: Path, out: str, indices: Sequence[int], faces: Sequence[Face], thresholds: Thresholds
) -> tuple[dict[int, tuple[Image, float]], float]:
    """Write the clip; returns the analysed frames without boxes, and the seconds of the clip."""
    analysed: dict[int, tuple[Image, float]] = {}
    wanted, last = set(indices), max(indices)
    try:
        with open_video(path) as (source, stream, rate):
            count = min(MAX_CLIP_FRAMES, round(MAX_CLIP_SECONDS * rate))
            written = 0

            def annotated() -> Iterator[Image]:
                nonlocal written
                for number, full in enumerate(displayed_frames(source, stream)):
                    if number >= count and number > last:
                        return
                    if number >= count and number not in wanted:
                        continue
                    image, scale = _reduced(full)
                    if number in wanted:
                        analysed[number] = (image, scale)
                    if number < count:
                        written += 1
                        labels = labels_at(number, faces, thresholds, MAX_GAP_SECONDS * rate)
                        yield draw(image, _scaled(labels, scale), None)

            with av.open(out, "w", format="mp4", options={"movflags": "faststart"}) as target:
                encode(annotated(), target, rate, CLIP_QUALITY)
            return analysed, float(written / rate)
    except (FFmpegError, OSError, ValueError) as error:
        raise AnnotateError(f"the file cannot be drawn: {error}") from error


def _reduced(image: Image) -> tuple[Image, float]:
    """The image within `LONG_SIDE` and `SHORT_SIDE`, and its size relative to the original."""
    short, long = sorted(image.shape[:2])
    scale = min(1.0, LONG_SIDE / long, SHORT_SIDE / short)
    if scale == 1:
        return image, scale
    width, height = (max(2, round(scale * side)) for side in (image.shape[1], image.shape[0]))
    reduced = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.uint8), scale


def _scaled(labels: Sequence[Label], scale: float) -> list[Label]:
    return [
        replace(label, box=tuple(scale * value for value in label.box))  # type: ignore[arg-type]
        for label in labels
    ]


def _largest_face(
    frames: Mapping[int, tuple[Image, float]], detection: dict[str, Any]
) -> dict[int, tuple[Image, float]]:
    """Of a few frames the one with the largest face of any size, with its box; else the middle one."""
    from deepfake.core.sampling import evenly_spaced
    from deepfake.faces.detection import find_faces  # slow to load, and seldom needed

    numbers = sorted(frames)
    inspected = [numbers[one] for one in evenly_spaced(len(numbers), INSPECTED_FRAMES)]
    found = [
        (face.size / frames[number][1], number, face.box)
        for number in inspected
        for face in find_faces(frames[number][0], **detection, min_face=0)
    ]
    if not found:
        number = inspected[len(inspected) // 2]
        return {number: frames[number]}
    size, number, box = max(found)
    image, scale = frames[number]
    label = Label(box, f"{size:.0f} pixels", UNDECIDED)
    return {number: (draw(image, [label], None), scale)}
