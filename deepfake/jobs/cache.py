"""The scratch cache: results of single videos, which DVC does not track.

DVC reruns a whole stage when one video is added. This cache keeps the results of the others by the
content of each video, so they are not computed again, even if the video was renamed or the last run
was interrupted. Deleting the cache costs time and nothing else.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deepfake.base.errors import CacheError
from deepfake.core.files import TEMPORARY_PREFIX, write_bytes

CACHE_FOLDER = Path(".scratch/videos")
DVC_COPIES = Path(".dvc/tmp/exps")  # `dvc exp run --temp` and `--queue` run in copies below it
REMEDY = "Free some space or fix its permissions, or delete the folder .scratch, then run again"


@dataclass(frozen=True)
class Entry:
    """A stored result.

    Attributes:
        path: its file, whose name ends in a checksum of the content, so that damage is detected.
        content: the result.
    """

    path: Path
    content: bytes

    def link(self, target: Path) -> None:
        """Make `target` a hard link to the file, or a copy where the file system has no hard links.

        A hard link takes no disk space. Changing `target` in place damages the entry too.

        Raises:
            OSError: the disk is full or read-only; the error names `target`.
        """
        try:
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            os.link(self.path, target)
        except OSError:
            write_bytes(target, self.content, durable=False)


def cache_folder() -> Path:
    """The scratch cache of the repository; in a temporary copy that DVC made of it, the same one."""
    count = len(DVC_COPIES.parts)
    for folder in Path.cwd().parents:
        if folder.parts[-count:] == DVC_COPIES.parts:
            return folder.parents[count - 1] / CACHE_FOLDER
    return CACHE_FOLDER


@dataclass(frozen=True)
class Cache:
    """Results below a folder, by the content of the video and the name of the result.

    Attributes:
        folder: created with the first result.
    """

    folder: Path = field(default_factory=cache_folder)

    def load(self, key: str, name: str) -> Entry | None:
        """A stored result; None if there is none, or it is damaged.

        Args:
            key: of the video, as `step.content_keys` returns it.
            name: of the result.

        Raises:
            CacheError: the result exists but cannot be read.
        """
        try:
            for path in sorted(self._folder_of(key).iterdir()):
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

    def store(self, key: str, name: str, result: bytes) -> Entry:
        """Store a result.

        Raises:
            CacheError: the disk is full or read-only; no part of the result is left.
        """
        path = self._folder_of(key) / f"{name}.{_checksum(result)}"
        try:
            write_bytes(path, result, durable=False)
        except OSError as error:
            raise CacheError(f"{path} cannot be written: {error.strerror}. {REMEDY}") from error
        return Entry(path, result)

    def _folder_of(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def entries(self) -> Iterator[tuple[str, Path]]:
        """Key of the video and path of every stored file, also of leftovers of killed runs."""
        for path in sorted(self.folder.glob("*/*/*")):
            yield path.parent.name, path


def _checksum(content: bytes) -> str:
    """CRC-32, which detects damage and is several times faster than a cryptographic digest."""
    return f"{zlib.crc32(content):08x}"


def is_leftover(path: Path) -> bool:
    """Whether a file is an incomplete one of a process that was killed while it wrote it."""
    return path.name.startswith(TEMPORARY_PREFIX)
