"""The scratch cache: finished results of single videos, outside of what DVC tracks.

DVC reruns a whole stage when one video is added. What a stage has found out about the others is
here, under the content of each video, so that it need not be found out again, whatever the video is
called and whatever interrupted the last run. Deleting it costs time and nothing else.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deepfake.errors import CacheError
from deepfake.files import TEMPORARY, write_bytes

FOLDER = Path(".scratch/videos")
DIGEST = hashlib.sha256().digest_size  # bytes before each stored result, which tell damage


@dataclass(frozen=True)
class Cache:
    """Results below a folder, by the content of the video and a name.

    Attributes:
        folder: made when something is stored.
    """

    folder: Path = FOLDER

    def path(self, video: str, name: str) -> Path:
        """Where the result `name` of a video stands; `video` is the SHA-256 of its content."""
        return self.folder / video[:2] / video / name

    def load(self, video: str, name: str) -> bytes | None:
        """A stored result; None if there is none, or it is damaged.

        Raises:
            CacheError: it is there and cannot be read.
        """
        path = self.path(video, name)
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CacheError(f"{path} cannot be read: {error.strerror}. {REMEDY}") from error
        digest, result = stored[:DIGEST], stored[DIGEST:]
        return result if hashlib.sha256(result).digest() == digest else None

    def store(self, video: str, name: str, result: bytes) -> None:
        """Keep a result.

        Raises:
            CacheError: the disk is full or read-only; nothing is left of the result then.
        """
        path = self.path(video, name)
        try:
            write_bytes(path, hashlib.sha256(result).digest() + result, durable=False)
        except OSError as error:
            raise CacheError(f"{path} cannot be written: {error.strerror}. {REMEDY}") from error

    def entries(self) -> Iterator[tuple[str, Path]]:
        """Every stored file with the video it belongs to, leftovers of killed runs among them."""
        for path in sorted(self.folder.glob("*/*/*")):
            yield path.parent.name, path


REMEDY = "Make room or mend its permissions, or delete the folder .scratch, and run again"


def is_leftover(path: Path) -> bool:
    """Whether a file was being written when its process was killed."""
    return path.name.startswith(TEMPORARY)
