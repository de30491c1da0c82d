"""Files that strangers hand in: how large, of what kind, and where they lie while they are judged."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from deepfake.base.errors import DeepfakeError
from deepfake.base.text import printable
from deepfake.core.media import IMAGE_MAGICS
from deepfake.params.schema import ExecutionParams

MEGABYTE = 10**6
FOLDER = "deepfake-upload-"  # begins the names of folders with an upload
STALE_SECONDS = 3600  # nobody waits that long: a folder of that age is of a process that was killed
LONGEST_NAME = 100  # characters of a client's name that are shown
HEAD = 512  # bytes that tell the kind of a file
TS_PACKET, TS_SYNC = 188, b"G"

VIDEO_MAGICS = (
    b"GIF8",
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"\0\0\1\xba",  # MPEG program stream
    b"\0\0\1\xb3",  # MPEG video
    b"FLV\1",
    b"OggS",
    b"0&\xb2u\x8ef\xcf\x11",  # ASF, WMV
)
MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


class TooLargeError(DeepfakeError):
    """An upload has more bytes than are allowed."""


@dataclass(frozen=True)
class UploadLimits:
    """What a stranger may ask for.

    Attributes:
        megabytes: of a file, in millions of bytes.
        minutes: a video that claims to be longer is refused; one that lies is stopped by `seconds`.
        seconds: of work on a file in the process that decodes.
        gigabytes: of memory of that process.
        waiting: files that may wait for their turn; one more is turned away.
    """

    megabytes: int = 100
    minutes: float = 10
    seconds: float = 120
    gigabytes: float = 3
    waiting: int = 8

    @property
    def max_bytes(self) -> int:
        """Of a file."""
        return self.megabytes * MEGABYTE

    @property
    def execution(self) -> ExecutionParams:
        """For `intake.Preprocessor`."""
        return ExecutionParams(
            workers=1, video_seconds=self.seconds, video_gigabytes=self.gigabytes
        )


@contextmanager
def kept(stream: BinaryIO, limits: UploadLimits) -> Iterator[Path]:
    """A copy of an upload, in a folder that only this user may enter and that is deleted at the end.

    Its name says nothing of what the client called it.

    Raises:
        TooLargeError: there are more bytes than `limits` allow; no more are read.
    """
    with tempfile.TemporaryDirectory(
        prefix=_prefix(os.getpid()), ignore_cleanup_errors=True
    ) as folder:
        path = Path(folder, "file")
        left = limits.max_bytes
        with path.open("wb") as file:
            while block := stream.read(MEGABYTE):
                left -= len(block)
                if left < 0:
                    raise TooLargeError(f"more than {limits.megabytes} MB, which is the limit")
                file.write(block)
        yield path


def sweep(now: float | None = None) -> int:
    """Delete uploads that a killed process has left; how many.

    Args:
        now: seconds since 1970; by default the time.
    """
    found = 0
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{FOLDER}*")):
        with suppress(OSError):  # another process may have been faster, or own it
            if (now or time.time()) - folder.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(folder)
                found += 1
    return found


def discard(process: int) -> None:
    """Delete uploads of a process that has ended."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_prefix(process)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _prefix(process: int) -> str:
    """Begins the names of folders with uploads of a process."""
    return f"{FOLDER}{process}-"


def kind_of(head: bytes) -> str:
    """image, video, or "" for what is neither, by the first bytes of a file.

    What is not on the list is refused before a decoder sees it: archives, and playlists, with which
    a file could ask FFmpeg to open others.

    >>> kind_of(b"#EXTM3U")
    ''
    """
    riff = head[8:12] if head[:4] == b"RIFF" else b""
    if riff == b"WEBP" or head.startswith(IMAGE_MAGICS):
        return "image"
    is_mp4 = head[4:8] in MP4_BOXES
    is_ts = len(head) > TS_PACKET and head[:1] == head[TS_PACKET : TS_PACKET + 1] == TS_SYNC
    if riff == b"AVI " or is_mp4 or is_ts or head.startswith(VIDEO_MAGICS):
        return "video"
    return ""


def refusal(path: Path) -> str:
    """Why a file is not even tried to be decoded, or ""."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return "empty file"
    return "" if kind_of(head) else "neither an image nor a video"


def claimed_seconds(path: Path) -> bytes:
    """How long a video claims to be, in seconds, as text; "0" if it does not say.

    It parses the file, so it belongs into the process with limits.
    """
    import av

    options = {"protocol_whitelist": "file"}
    try:
        with av.open(f"file:{path}", options=options, metadata_errors="replace") as container:
            return str((container.duration or 0) / av.time_base).encode()
    except (av.FFmpegError, ValueError):
        return b"0"  # the decoder says better what is wrong


def display_name(name: str) -> str:
    r"""What a client calls a file, to be shown and for nothing else: no folders, no control codes.

    >>> display_name("..\\..\\etc/pass\x1bwd")
    'pass\\x1bwd'
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    return "file" if last in ("", "..") else printable(last)[:LONGEST_NAME]
