"""One uncompressed tar per video: a JSON record, then its JPEGs.

DVC handles a thousand archives ten times faster than the thirty thousand images in them.
The bytes depend on the content only: times, owners and modes are fixed.
"""

import hashlib
import io
import json
import tarfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload
from urllib.parse import quote

import numpy as np

from deepfake.base.errors import ArchiveError
from deepfake.core.files import write_bytes

META = "meta.json"
# Zeros after the last member. tarfile reads a file without them and would not notice a cut there.
END_BYTES = 2 * tarfile.BLOCKSIZE
MAX_NAME_BYTES = 200  # most file systems allow 255, with the suffix


@dataclass(frozen=True)
class Archive:
    """The record and images of one video.

    Attributes:
        meta: JSON-serializable record; `meta["status"]` says whether there are images.
        images: JPEG bytes by member name, in stored order.
    """

    meta: dict[str, Any]
    images: dict[str, bytes]


def pack(meta: Mapping[str, Any], images: Mapping[str, bytes]) -> bytes:
    """Bytes of a tar with `meta`, then `images` in the order given.

    >>> unpack(pack({"status": "ok"}, {"000000.jpg": b"jpeg"})).images
    {'000000.jpg': b'jpeg'}
    """
    record = json.dumps(meta, indent=1, allow_nan=False).encode()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in {META: record, **images}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def unpack(data: bytes, name: str = "archive") -> Archive:
    """Inverse of `pack`.

    Args:
        data: what `pack` returned.
        name: of the archive, for error messages.

    Raises:
        ArchiveError: `data` is not a complete archive with a record.
    """
    with _archive_errors(data, name), tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        members = {member.name: _read_member(tar, member) for member in tar.getmembers()}
        meta = json.loads(members.pop(META))
    return Archive(meta, members)


def unpack_meta(data: bytes, name: str = "archive") -> dict[str, Any]:
    """The record of what `pack` returned, without its images; raises ArchiveError as `unpack` does.

    >>> unpack_meta(pack({"status": "ok"}, {"000000.jpg": b"jpeg"}))
    {'status': 'ok'}
    """
    with _archive_errors(data, name):
        first = tarfile.TarInfo.frombuf(data[: tarfile.BLOCKSIZE], "utf-8", "strict")
        record = data[tarfile.BLOCKSIZE : tarfile.BLOCKSIZE + first.size]
        if first.name != META or len(record) != first.size:
            raise KeyError(META)
        meta: dict[str, Any] = json.loads(record)
    return meta


@contextmanager
def _archive_errors(data: bytes, name: str) -> Iterator[None]:
    """Raise ArchiveError if `data` is cut short, or reading it in the block fails."""
    try:
        if len(data) % tarfile.RECORDSIZE or not data.endswith(tarfile.NUL * END_BYTES):
            raise EOFError("its end is missing")
        yield
    except (tarfile.TarError, KeyError, EOFError, ValueError) as error:
        raise ArchiveError(
            f"{name} is not a complete archive ({error}): delete it, then run `dvc repro`"
        ) from error


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise EOFError(f"the end of {member.name} is missing")
    return content


def read(path: Path) -> Archive:
    """Read the archive at `path`; raises ArchiveError as `unpack` does."""
    try:
        return unpack(path.read_bytes(), str(path))
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}") from error


class StoredImages(Sequence[bytes]):
    """JPEG bytes by index, read from the archives on access.

    Only the positions of the images are kept in memory, 20 bytes for each, so it stays small with
    millions of images and is cheap to pass to another process.

    Args:
        folder: where the archives are.
        keys: (video_id, name of the image) of each image.

    Raises:
        ArchiveError: an archive is missing or damaged, or has no such image.
    """

    def __init__(self, folder: Path, keys: Iterable[tuple[str, str]]) -> None:
        numbers: dict[str, int] = {}  # of the archives, by video_id
        archives = array("i")
        names = []
        for video_id, name in keys:
            archives.append(numbers.setdefault(video_id, len(numbers)))
            names.append(name)
        self._archives = np.array(archives, np.int32)
        self._paths = [str(path_of(folder, video_id)) for video_id in numbers]
        self._offsets = np.empty(len(names), np.int64)
        self._sizes = np.empty(len(names), np.int64)
        order = np.argsort(self._archives, kind="stable")
        ends = np.cumsum(np.bincount(self._archives, minlength=len(numbers)))
        for video_id, path, rows in zip(
            numbers, self._paths, np.split(order, ends[:-1]), strict=False
        ):
            positions = _positions_in(path)
            for row in rows:
                if names[row] not in positions:
                    raise ArchiveError(
                        f"the archive of {video_id} has no {names[row]}: run `dvc repro`"
                    )
                self._offsets[row], self._sizes[row] = positions[names[row]]

    def __len__(self) -> int:
        return len(self._archives)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        with Path(self._paths[self._archives[index]]).open("rb") as file:
            file.seek(int(self._offsets[index]))
            return file.read(int(self._sizes[index]))


def _positions_in(path: str) -> dict[str, tuple[int, int]]:
    """Offset and size, in bytes, of each member of an archive."""
    try:
        with tarfile.open(path, mode="r:") as tar:
            return {member.name: (member.offset_data, member.size) for member in tar}
    except (OSError, tarfile.TarError) as error:
        raise ArchiveError(f"{path} cannot be read ({error}): run `dvc repro`") from error


def path_of(folder: Path, video_id: str) -> Path:
    """Path of a video's archive below `folder`; the video_id may have any characters.

    >>> path_of(Path("data/frames"), "demo/real/c23/a b").as_posix()
    'data/frames/demo/real/c23/a%20b.tar'
    """
    *folders, last = [_safe_name(part) for part in video_id.split("/")]
    return folder.joinpath(*folders, last + ".tar")


def _safe_name(part: str) -> str:
    """A part of a video_id with safe characters only, shortened to `MAX_NAME_BYTES`."""
    name = quote(part, safe="@+=,")
    if len(name) <= MAX_NAME_BYTES:
        return name
    digest = hashlib.sha256(part.encode()).hexdigest()[:16]
    return f"{name[: MAX_NAME_BYTES - len(digest) - 1]}-{digest}"


def write(folder: Path, video_id: str, data: bytes) -> None:
    """Write the packed archive of a video below `folder`.

    It does not wait for the disk, since a stage runs again after a power cut.
    """
    write_bytes(path_of(folder, video_id), data, durable=False)
