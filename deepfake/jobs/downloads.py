"""Videos of remote data sets, kept on the local disk up to a limit.

`.scratch/downloads/KEY/NAME` is the video NAME, a file or a folder of frames. A process that uses a
video holds a lock on the folder KEY, and nothing that is locked is deleted.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from uuid import uuid4

from deepfake.base.remote import RemoteFile, RemoteFolder
from deepfake.core.files import TEMPORARY_PREFIX

DOWNLOADS_FOLDER = Path(".scratch/downloads")
FREED_FRACTION = 0.1  # of the limit; more than needed is deleted, so that it is not done each time


@dataclass(frozen=True)
class RemoteVideo:
    """A video that is not on this machine.

    Attributes:
        folder: where its files are.
        path: below that folder.
        files: the file at `path`, or the files below it if it is a folder of frames.
    """

    folder: RemoteFolder
    path: str
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


class Downloads:
    """A folder with the videos that were used last. Several threads and processes may share it."""

    def __init__(self, limit: int, folder: Path = DOWNLOADS_FOLDER) -> None:
        """Reads and writes nothing.

        Args:
            limit: bytes that the videos may use together, with a video that is downloaded. What is
                in use is kept, and so may exceed it.
            folder: created with the first video.
        """
        self._limit = limit
        self._folder = folder
        self._lock = Lock()
        self._used: int | None = None  # bytes, as far as this process knows
        self._reserved = 0  # of them, for downloads that this process has not finished

    @contextmanager
    def use(self, video: RemoteVideo, key: str) -> Iterator[Path]:
        """The video as a local file or folder, which is not deleted within the block.

        Args:
            video: downloaded if it is not there.
            key: hexadecimal digest of its name and version.

        Raises:
            RemoteError: it could not be downloaded.
            OSError: the disk is full or read-only.
        """
        handle = self._locked(video, key)
        try:
            yield self._folder / key / Path(video.path).name
        finally:
            os.close(handle)
        self._make_room(0)

    def discard(self, key: str) -> None:
        """Delete a video that turned out to be damaged."""
        if _delete_unused(self._folder / key):
            self._forget_size()

    def _forget_size(self) -> None:
        with self._lock:
            self._used = None  # counted again when it matters

    def _locked(self, video: RemoteVideo, key: str) -> int:
        """A descriptor that holds a shared lock on the video's folder."""
        place = self._folder / key
        while True:
            try:
                handle = os.open(place, os.O_RDONLY)
            except FileNotFoundError:
                return self._download(video, place)
            fcntl.flock(handle, fcntl.LOCK_SH)
            if _is_same(handle, place):  # not deleted between the two calls
                os.utime(place)
                return handle
            os.close(handle)

    def _download(self, video: RemoteVideo, place: Path) -> int:
        """Download a video; returns a descriptor that holds a shared lock on its folder."""
        self._make_room(video.size)
        temporary, handle = self._locked_temporary()
        try:
            for file in video.files:
                target = temporary / (Path(video.path).name + file.path.removeprefix(video.path))
                target.parent.mkdir(parents=True, exist_ok=True)
                video.folder.download(file, target)
            os.utime(temporary)
            temporary.rename(place)
            return handle
        except BaseException as error:
            shutil.rmtree(temporary, ignore_errors=True)
            os.close(handle)  # not before: another thread would delete it at the same time
            self._forget_size()
            if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return self._locked(video, place.name)  # another thread or process was faster
            raise
        finally:
            with self._lock:
                self._reserved -= video.size

    def _locked_temporary(self) -> tuple[Path, int]:
        """A new folder, and a descriptor that holds a shared lock on it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            temporary = Path(tempfile.mkdtemp(dir=self._folder, prefix=TEMPORARY_PREFIX))
            try:
                handle = os.open(temporary, os.O_RDONLY)
            except FileNotFoundError:  # deleted by a process that makes room
                continue
            fcntl.flock(handle, fcntl.LOCK_SH)
            if _is_same(handle, temporary):
                return temporary, handle
            os.close(handle)

    def _make_room(self, size: int) -> None:
        """Reserve `size` bytes, and delete videos if they exceed the limit."""
        with self._lock:
            self._reserved += size
            if self._used is None:
                self._used = sum(_size(entry) for entry in self._entries()) + self._reserved
            else:
                self._used += size
            if self._used > self._limit:
                self._used = self._free() + self._reserved

    def _free(self) -> int:
        """Delete the videos that were not used for the longest time; bytes that are left."""
        by_use = sorted(self._entries(), key=_last_use)
        sizes = [_size(entry) for entry in by_use]
        left = sum(sizes)
        for entry, size in zip(by_use, sizes, strict=True):
            if left + self._reserved <= self._limit * (1 - FREED_FRACTION):
                break
            if _delete_unused(entry):
                left -= size
        return left

    def _entries(self) -> list[Path]:
        return [*self._folder.iterdir()] if self._folder.is_dir() else []


def _is_same(handle: int, place: Path) -> bool:
    """Whether an open folder is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(handle), place.stat())
    except FileNotFoundError:
        return False


def _last_use(entry: Path) -> int:
    try:
        return entry.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _size(entry: Path) -> int:
    """Bytes of the files below a folder, as far as they are still there."""
    sizes = 0
    for folder, _, names in os.walk(entry):
        for name in names:
            with suppress(FileNotFoundError):
                sizes += (Path(folder) / name).stat().st_size
    return sizes


def _delete_unused(entry: Path) -> bool:
    """Delete a folder that no process has locked; whether it is gone."""
    try:
        handle = os.open(entry, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is_same(handle, entry):  # deleted between the two calls, and downloaded again
            return False
        # At once, so that nobody finds a part of it. A new name, and no folder created for it: that
        # would not be locked, and another thread would delete it.
        doomed = entry.with_name(f"{TEMPORARY_PREFIX}{uuid4().hex}")
        entry.rename(doomed)
        shutil.rmtree(doomed)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True
