"""What is recorded about a video: its status, size and which frames were kept."""

from dataclasses import dataclass

OK, TRUNCATED, DAMAGED = "ok", "truncated", "damaged"
TOO_SHORT, UNREADABLE = "too_short", "unreadable"
USABLE = (OK, TRUNCATED, DAMAGED)  # statuses of videos with frames


@dataclass(frozen=True)
class VideoMeta:
    """What is recorded about one video or image.

    Attributes:
        status: ok; truncated (it stops early) or damaged (a part cannot be decoded), with frames;
            too_short or unreadable, without.
        reason: why the status is not ok, else "".
        width, height: pixels, after the rotation the file asks for.
        fps: frames per second as the file claims; 0 for images.
        frame_count: frames that could be decoded.
        file_bytes: size of the file, or of all frames of a folder.
        codec: FFmpeg's name of it, "" for images.
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
