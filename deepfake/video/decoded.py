"""What every reader of video files has in common: its result, its error and its checks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deepfake.core.image import MAX_PIXELS, Image

ChooseIndices = Callable[[int], list[int]]  # from the number of frames to the wanted indices


class DecodingError(Exception):
    """No frame of the file can be decoded; the message becomes the reason of its status."""


@dataclass(frozen=True)
class DecodedVideo:
    """Chosen frames of a video, and its properties.

    Attributes:
        status: ok; truncated (the file ends early); damaged (frames are missing or damaged before
            others). Parts that no chosen frame depends on may be damaged without being noticed.
        reason: why the status is not ok, with numbers; "" if it is ok.
        frames: the chosen frames, height x width x 3, RGB, 0..255, upright.
        indices: the indices of `frames`, counted from 0 in reading order.
        count: number of frames that can be decoded.
        width, height: in pixels, after the rotation in the file's metadata.
        fps: mean frames per second in the file's metadata, rounded to 3 digits; 0 if unknown.
        codec: FFmpeg's name of the codec, such as h264.
    """

    status: str
    reason: str
    frames: list[Image]
    indices: tuple[int, ...]
    count: int
    width: int
    height: int
    fps: float
    codec: str


def check_file(path: Path) -> None:
    """Check that the path is a readable file with content, whatever decoder reads it.

    Raises:
        DecodingError: it is not.
    """
    try:
        if path.is_dir():
            raise DecodingError("is a folder")
        if not path.exists():
            raise DecodingError("broken link" if path.is_symlink() else "no such file")
        if not path.is_file():
            raise DecodingError("not a regular file")
        with path.open("rb") as file:
            if not file.read(1):
                raise DecodingError("empty file")
    except PermissionError as error:
        raise DecodingError("no permission") from error
    except OSError as error:
        raise DecodingError("cannot be read") from error


def check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise DecodingError(f"{width} x {height} pixels, at most {MAX_PIXELS} allowed")


def wanted_indices(choose: ChooseIndices, count: int) -> list[int]:
    wanted = choose(count) if count else []
    if any(later <= index for index, later in zip([-1, *wanted], [*wanted, count], strict=True)):
        raise ValueError(f"not ascending indices of {count} frames: {wanted}")
    return wanted
