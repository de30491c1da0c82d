"""Evenly spaced frames of a video, with their exact indices."""

import re
import tarfile
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath

import cv2
import numpy as np

from deepfake import archive
from deepfake.datasets import IMAGE_SUFFIXES
from deepfake.image import Image, decode_image, encode_jpeg

OK, TOO_SHORT, UNREADABLE = "ok", "too_short", "unreadable"


@dataclass(frozen=True)
class VideoMeta:
    """What is recorded about one video or image.

    Attributes:
        status: ok, too_short or unreadable.
        reason: why the status is not ok, or which frames are missing all the same, else "".
        width, height: pixels, after the rotation the file asks for.
        fps: frames per second as the file claims; 0 for images.
        frame_count: frames that could be decoded.
        file_bytes: size of the file, or of all frames of a folder.
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
        path: the file, or a folder of frames.
        kind: "video", "image", or "frames" (a folder or tar archive of a video's frames).
        per_video: frames to keep.
        min_frames: a video with fewer decodable frames is too_short.
        quality: of the JPEGs, 1..100, without chroma subsampling.

    Returns:
        A packed archive: record as `VideoMeta`, images named by frame index.
    """
    if kind == "image":
        meta, frames = _read_image(path)
    else:
        read = _read_frame_images if kind == "frames" else _read_video
        meta, frames = read(path, per_video)
        if meta.status == OK and meta.frame_count < min_frames:
            reason = f"{meta.frame_count} decodable frames, {min_frames} needed"
            meta, frames = replace(meta, status=TOO_SHORT, reason=reason), []
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


def _read_frame_images(path: Path, per_video: int) -> tuple[VideoMeta, list[Image]]:
    """A folder or tar archive whose images are the frames of one video, in order of their numbers.

    Images that cannot be decoded are left out; the reason counts them.
    """
    try:
        source = _images_of_folder(path) if path.is_dir() else _images_of_tar(path)
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        size = 0 if path.is_dir() else path.stat().st_size
        return VideoMeta(UNREADABLE, f"not a readable archive: {error}", file_bytes=size), []
    names = sorted(source, key=_by_numbers)
    wanted = evenly_spaced(len(names), per_video)
    size = sum(len(data) for data in source.values())
    decoded: dict[int, Image] = {}
    for index in wanted:
        with suppress(ValueError, cv2.error):
            decoded[index] = decode_image(source[names[index]])
    if not decoded:
        return VideoMeta(UNREADABLE, "no frame can be decoded", file_bytes=size), []
    broken = len(wanted) - len(decoded)
    reason = f"{broken} of {len(wanted)} frames cannot be decoded" if broken else ""
    height, width = next(iter(decoded.values())).shape[:2]
    count = len(names) - broken
    meta = VideoMeta(OK, reason, width, height, 0.0, count, size, "", tuple(decoded))
    return meta, list(decoded.values())


def _images_of_folder(path: Path) -> dict[str, bytes]:
    files = [file for file in path.rglob("*") if _is_image(file.name) and file.is_file()]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def _images_of_tar(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        members = [member for member in tar if member.isfile() and _is_image(member.name)]
        return {member.name: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]


def _is_image(name: str) -> bool:
    return PurePath(name).suffix.lower() in IMAGE_SUFFIXES and not PurePath(name).name.startswith(
        "."
    )


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """A key that puts 2.png before 10.png."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


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
