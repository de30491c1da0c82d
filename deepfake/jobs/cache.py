"""The scratch cache: finished results of single videos, outside of what DVC tracks.

DVC reruns a whole stage when one video is added. What a stage has found out about the others is
here, under the content of each video, so that it need not be found out again, whatever the video is
called and whatever interrupted the last run. Deleting it costs time and nothing else.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deepfake.base.errors import CacheError
from deepfake.core.files import TEMPORARY, write_bytes

FOLDER = Path(".scratch/videos")


@dataclass(frozen=True)
class Entry:
    """A stored result.

    Attributes:
        path: its file, whose name ends in a checksum of the content, which tells damage.
        content: what is in it.
    """

    path: Path
    content: bytes

    def link(self, target: Path) -> None:
        """Make `target` the same file; a copy where the file system cannot.

        So it takes no room of its own. To change it in place is damage here too.

        Raises:
            OSError: the disk is full or read-only; it names `target`.
        """
        try:
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            os.link(self.path, target)
        except OSError:
            write_bytes(target, self.content, durable=False)


@dataclass(frozen=True)
class Cache:
    """Results below a folder, by the content of the video and a name.

    Attributes:
        folder: made when something is stored.
    """

    folder: Path = FOLDER

    def load(self, video: str, name: str) -> Entry | None:
        """A stored result; None if there is none, or it is damaged.

        Args:
            video: SHA-256 of the content of the video.
            name: of the result.

        Raises:
            CacheError: it is there and cannot be read.
        """
        try:
            for path in sorted(self._folder(video).iterdir()):
                stem, _, checksum = path.name.partition(".")
                if stem != name:
                    continue
                content = path.read_bytes()
                if _checksum(content) == checksum:
                    return Entry(path, content)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CacheError(
                f"{error.filename} cannot be read: {error.strerror}. {REMEDY}"
            ) from error
        return None

    def store(self, video: str, name: str, result: bytes) -> Entry:
        """Keep a result.

        Raises:
            CacheError: the disk is full or read-only; nothing is left of the result then.
        """
        path = self._folder(video) / f"{name}.{_checksum(result)}"
        try:
            write_bytes(path, result, durable=False)
        except OSError as error:
            raise CacheError(f"{path} cannot be written: {error.strerror}. {REMEDY}") from error
        return Entry(path, result)

    def _folder(self, video: str) -> Path:
        return self.folder / video[:2] / video

    def entries(self) -> Iterator[tuple[str, Path]]:
        """Every stored file with the video it belongs to, leftovers of killed runs among them."""
        for path in sorted(self.folder.glob("*/*/*")):
            yield path.parent.name, path


REMEDY = "Make room or mend its permissions, or delete the folder .scratch, and run again"


def _checksum(content: bytes) -> str:
    """CRC-32: several times faster than a cryptographic digest, and as good against accidents."""
    return f"{zlib.crc32(content):08x}"


def is_leftover(path: Path) -> bool:
    """Whether a file was being written when its process was killed."""
    return path.name.startswith(TEMPORARY)
