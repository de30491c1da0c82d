"""Untrusted uploads: size, kind, length, name, and where they are stored during the analysis."""

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
from deepfake.core.media import HEAD_BYTES, kind_by_content
from deepfake.params.schema import ExecutionParams

MEGABYTE = 10**6
FOLDER_PREFIX = "deepfake-upload-"  # of the names of folders with an upload
STALE_SECONDS = 3600  # no analysis takes that long: the process of an older folder was killed
MAX_NAME_LENGTH = 100  # characters of a client's file name that are shown


class TooLargeError(DeepfakeError):
    """An upload is larger than the limit."""


@dataclass(frozen=True)
class UploadLimits:
    """Limits of each upload, and of the queue.

    Attributes:
        megabytes: maximum size of a file, in millions of bytes.
        minutes: maximum length of a video, as the file claims; `seconds` stops a file that lies.
        seconds: maximum processing time of a file in the process that decodes.
        gigabytes: maximum memory of that process.
        waiting: maximum number of files that wait; further ones are refused.
    """

    megabytes: int = 100
    minutes: float = 10
    seconds: float = 120
    gigabytes: float = 3
    waiting: int = 8

    @property
    def max_bytes(self) -> int:
        """Maximum size of a file in bytes."""
        return self.megabytes * MEGABYTE

    @property
    def execution(self) -> ExecutionParams:
        """The limits for `preprocess.Preprocessor`."""
        return ExecutionParams(
            engine="local",
            address=None,
            workers=1,
            video_seconds=self.seconds,
            video_gigabytes=self.gigabytes,
            download_gigabytes=0,
        )


@contextmanager
def temporary_copy(stream: BinaryIO, limits: UploadLimits) -> Iterator[Path]:
    """A copy of an upload, deleted at the end of the block.

    Its folder is private to this user, and its path does not depend on the client's file name.

    Raises:
        TooLargeError: the upload is larger than the limit; the rest is not read.
    """
    with tempfile.TemporaryDirectory(
        prefix=_folder_prefix(os.getpid()), ignore_cleanup_errors=True
    ) as folder:
        path = Path(folder, "file")
        bytes_left = limits.max_bytes
        with path.open("wb") as file:
            while chunk := stream.read(MEGABYTE):
                bytes_left -= len(chunk)
                if bytes_left < 0:
                    raise TooLargeError(f"larger than the limit of {limits.megabytes} MB")
                file.write(chunk)
        yield path


def delete_stale_uploads(now: float | None = None) -> int:
    """Delete uploads that a killed process left behind.

    Args:
        now: seconds since 1970; None for the current time.

    Returns:
        The number of deleted folders.
    """
    deleted = 0
    for folder in sorted(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*")):
        with suppress(OSError):  # another process may have deleted it, or own it
            if (now or time.time()) - folder.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(folder)
                deleted += 1
    return deleted


def delete_uploads_of(process: int) -> None:
    """Delete the uploads of a process that has ended."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_folder_prefix(process)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _folder_prefix(process: int) -> str:
    """Beginning of the names of folders with uploads of a process."""
    return f"{FOLDER_PREFIX}{process}-"


def refusal_reason(path: Path) -> str:
    """Why a file is refused before decoding, or ""."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        return "empty file"
    return "" if kind_by_content(head) else "neither an image nor a video"


def claimed_seconds(path: Path) -> bytes:
    """The length of a video in seconds, as its header claims, as text; "0" if it claims none.

    It parses the file, so call it in the process with limits.
    """
    import av

    options = {"protocol_whitelist": "file"}
    try:
        with av.open(f"file:{path}", options=options, metadata_errors="replace") as container:
            return str((container.duration or 0) / av.time_base).encode()
    except (av.FFmpegError, ValueError):
        return b"0"  # the decoder's message is more precise


def display_name(name: str) -> str:
    r"""A client's file name, only to be shown: without folders, control codes escaped.

    >>> display_name("..\\..\\etc/pass\x1bwd")
    'pass\\x1bwd'
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    return "file" if last in ("", "..") else printable(last)[:MAX_NAME_LENGTH]
