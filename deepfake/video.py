"""Evenly spaced frames of a video, with their exact indices."""

from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from deepfake import archive
from deepfake.image import Image, decode_image, encode_jpeg

OK, TOO_SHORT, UNREADABLE = "ok", "too_short", "unreadable"


@dataclass(frozen=True)
class VideoMeta:
    """What is recorded about one video or image.

    Attributes:
        status: ok, too_short or unreadable.
        reason: why the status is not ok, else "".
        width, height: pixels, after the rotation the file asks for.
        fps: frames per second as the file claims; 0 for images.
        frame_count: frames that could be decoded.
        file_bytes: size of the file.
        codec: four-character code, "" for images.
        indices: which frames were kept, counted from 0 in reading order.
    """

    status: str
    reason: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frame_count: int = 0
    file_bytes: int = 0
    codec: str = ""
    indices: tuple[int, ...] = ()


def evenly_spaced(count: int, wanted: int) -> list[int]:
    """Indices of the middles of `wanted` equal parts of `count` frames; all of them if too few.

    >>> evenly_spaced(16, 4)
    [2, 6, 10, 14]
    >>> evenly_spaced(3, 8)
    [0, 1, 2]
    """
    if count <= wanted:
        return list(range(count))
    return [(2 * i + 1) * count // (2 * wanted) for i in range(wanted)]


def frame_archive(path: Path, kind: str, per_video: int, min_frames: int, quality: int) -> bytes:
    """Sample a video (or take an image) and pack it: the frames stage for one file.

    Args:
        path: the file.
        kind: "video" or "image".
        per_video: frames to keep.
        min_frames: a video with fewer decodable frames is too_short.
        quality: of the JPEGs, 1..100, without chroma subsampling.

    Returns:
        A packed archive: record as `VideoMeta`, images named by frame index.
    """
    meta, frames = _read_image(path) if kind == "image" else _read_video(path, per_video)
    if meta.status == OK and kind == "video" and meta.frame_count < min_frames:
        reason = f"{meta.frame_count} decodable frames, {min_frames} needed"
        meta, frames = VideoMeta(**{**asdict(meta), "status": TOO_SHORT, "reason": reason}), []
    kept = zip(meta.indices, frames, strict=False)
    images = {f"{index:06d}.jpg": encode_jpeg(frame, quality) for index, frame in kept}
    return archive.pack(asdict(meta), images)


def _read_image(path: Path) -> tuple[VideoMeta, list[Image]]:
    size = path.stat().st_size
    try:
        image = decode_image(path.read_bytes())
    except (ValueError, cv2.error) as error:
        return VideoMeta(UNREADABLE, str(error), file_bytes=size), []
    height, width = image.shape[:2]
    return VideoMeta(OK, "", width, height, 0.0, 1, size, "", (0,)), [image]


def _read_video(path: Path, per_video: int) -> tuple[VideoMeta, list[Image]]:
    """Read in order, so indices are exact; once more when the header's frame count was wrong."""
    size = path.stat().st_size
    capture = _open(path)
    if not capture.isOpened():
        return VideoMeta(UNREADABLE, "no decoder opens it", file_bytes=size), []
    claimed = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1")
    wanted = evenly_spaced(max(claimed, 0), per_video)
    frames, count = _grab(capture, wanted)
    if count == 0:
        return VideoMeta(UNREADABLE, "no frame can be decoded", file_bytes=size), []
    if count != claimed:
        wanted = evenly_spaced(count, per_video)
        frames, again = _grab(_open(path), wanted)
        if again != count:
            reason = f"{count} frames at the first reading, {again} at the second"
            return VideoMeta(UNREADABLE, reason, file_bytes=size), []
    height, width = frames[0].shape[:2]
    known_fps = round(fps, 3) if np.isfinite(fps) and fps > 0 else 0.0
    record = VideoMeta(
        OK, "", width, height, known_fps, count, size, codec.strip("\0 "), tuple(wanted)
    )
    return record, frames


def _open(path: Path) -> cv2.VideoCapture:
    """A decoder with one thread: the processes over videos are the parallelism."""
    return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


def _grab(capture: cv2.VideoCapture, wanted: list[int]) -> tuple[list[Image], int]:
    """Frames at the indices `wanted` (ascending), and how many frames there are."""
    frames: list[Image] = []
    count, due = 0, iter(wanted)
    following = next(due, None)
    while capture.grab():
        if count == following:
            decoded, frame = capture.retrieve()
            if not decoded:
                break
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            following = next(due, None)
        count += 1
    capture.release()
    return frames, count
