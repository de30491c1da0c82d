"""Pack evenly spaced frames of one video, with their exact indices, into an archive."""

import re
import tarfile
import zlib
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path, PurePath

from deepfake.core import archive
from deepfake.core.folders import walk
from deepfake.core.image import Chroma, Image, encode_jpeg
from deepfake.core.media import IMAGE_SUFFIXES
from deepfake.core.sampling import evenly_spaced
from deepfake.video.decoded import DecodingError, check_file
from deepfake.video.decoding import decode_video
from deepfake.video.image_file import read_image
from deepfake.video.record import DAMAGED, OK, TOO_SHORT, TRUNCATED, UNREADABLE, VideoMeta


def frame_archive(
    path: Path, kind: str, per_video: int, min_frames: int, jpeg_quality: int, jpeg_chroma: Chroma
) -> bytes:
    """Sample the frames of a video, or read an image, and pack them: the frames stage for one file.

    Args:
        path: the file, or a folder of frames.
        kind: "video", "image", or "frames" (a folder or tar archive of a video's frames).
        per_video: number of frames to keep.
        min_frames: videos with fewer decodable frames get the status too_short.
        jpeg_quality, jpeg_chroma: see `image.encode_jpeg`.

    Returns:
        A packed archive: the fields of `VideoMeta`, and JPEGs named by frame index.
    """
    try:
        meta, frames = READERS[kind](path, per_video)
        if kind != "image" and meta.frame_count < min_frames:
            reason = f"{meta.frame_count} decodable frames, {min_frames} needed"
            meta, frames = replace(meta, status=TOO_SHORT, reason=reason), []
        kept = zip(meta.indices, frames, strict=False)
        images = {
            f"{i:06d}.jpg": encode_jpeg(frame, jpeg_quality, jpeg_chroma) for i, frame in kept
        }
    except (DecodingError, ValueError) as error:
        meta, images = VideoMeta(UNREADABLE, str(error)), {}
    return archive.pack(asdict(replace(meta, file_bytes=_size(path))), images)


def _size(path: Path) -> int:
    """Bytes of a file or of all files in a folder; 0 if they cannot be read."""
    try:
        files = _files_of_folder(path) if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files if file.is_file())
    except OSError:
        return 0


def _read_video(path: Path, per_video: int) -> tuple[VideoMeta, list[Image]]:
    video = decode_video(path, lambda count: evenly_spaced(count, per_video))
    meta = VideoMeta(
        video.status,
        video.reason,
        video.width,
        video.height,
        video.fps,
        video.count,
        codec=video.codec,
        indices=video.indices,
    )
    return meta, video.frames


def _read_image(path: Path, _: int) -> tuple[VideoMeta, list[Image]]:
    check_file(path)
    decoded = read_image(path.read_bytes())
    height, width = decoded.image.shape[:2]
    status = TRUNCATED if decoded.truncated else OK
    meta = VideoMeta(status, decoded.note, width, height, frame_count=1, indices=(0,))
    return meta, [decoded.image]


def _read_frame_images(path: Path, per_video: int) -> tuple[VideoMeta, list[Image]]:
    """Frames of a folder or tar archive, whose images are one video in the order of their numbers.

    Images that cannot be decoded are skipped, and their number is in the reason.
    """
    try:
        files = _images_of_folder(path) if path.is_dir() else _images_of_tar(path)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise DecodingError("not a readable archive of images") from error
    if not files:
        raise DecodingError("contains no images")
    names = sorted(files, key=_natural_order)
    wanted = evenly_spaced(len(names), per_video)
    decoded: dict[int, Image] = {}
    for index in wanted:
        with suppress(ValueError):
            decoded[index] = read_image(files[names[index]]).image
    if not decoded:
        raise DecodingError("no frame can be decoded")
    broken = len(wanted) - len(decoded)
    height, width = next(iter(decoded.values())).shape[:2]
    meta = VideoMeta(
        DAMAGED if broken else OK,
        f"{broken} of {len(wanted)} frames cannot be decoded" if broken else "",
        width,
        height,
        frame_count=len(names) - broken,
        indices=tuple(decoded),
    )
    return meta, list(decoded.values())


def _images_of_folder(path: Path) -> dict[str, bytes]:
    files = [file for file in _files_of_folder(path) if _is_image(file.name) and file.is_file()]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


def _files_of_folder(path: Path) -> list[Path]:
    return [file for _, files in walk(path) for file in files]


def _images_of_tar(path: Path) -> dict[str, bytes]:
    check_file(path)
    with tarfile.open(path) as tar:
        members = [member for member in tar if member.isfile() and _is_image(member.name)]
        return {member.name: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]


def _is_image(name: str) -> bool:
    path = PurePath(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _natural_order(name: str) -> list[tuple[int, str]]:
    """A sort key that compares numbers in names as numbers: 2.png precedes 10.png."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


READERS = {"video": _read_video, "image": _read_image, "frames": _read_frame_images}
