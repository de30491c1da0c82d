"""The record of a video: its status, its properties and which frames were kept."""

from dataclasses import dataclass

OK, TRUNCATED, DAMAGED = "ok", "truncated", "damaged"
TOO_SHORT, UNREADABLE = "too_short", "unreadable"
USABLE = (OK, TRUNCATED, DAMAGED)  # statuses of videos with frames


@dataclass(frozen=True)
class VideoMeta:
    """Record of one video or image.

    Attributes:
        status: ok, truncated (the file ends early) or damaged (a part cannot be decoded), all with
            frames; too_short or unreadable, without frames; or the status of a `Failure`.
        reason: why the status is not ok, or a note on an image; else "".
        width, height: in pixels, after the rotation in the file's metadata.
        fps: frames per second in the file's metadata; 0 for images.
        frame_count: number of frames that can be decoded.
        file_bytes: size of the file, or of all files of a folder.
        codec: FFmpeg's name of the codec; "" for images.
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
