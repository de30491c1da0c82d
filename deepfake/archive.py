"""One uncompressed tar per video: a small record, then its JPEGs.

DVC handles a thousand archives ten times faster than the thirty thousand images in them.
The bytes depend on the content alone: no times, owners or modes of the machine.
"""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from deepfake.errors import ArchiveError
from deepfake.files import write_bytes

META = "meta.json"
MAX_NAME = 200  # bytes; most file systems end at 255


@dataclass(frozen=True)
class Archive:
    """What is stored for one video.

    Attributes:
        meta: JSON-able record; `meta["status"]` says whether `images` can be expected.
        images: JPEG bytes by member name, in stored order.
    """

    meta: dict[str, Any]
    images: dict[str, bytes]


def pack(meta: Mapping[str, Any], images: Mapping[str, bytes]) -> bytes:
    """Bytes of the tar that holds `meta` and then `images`, in the order given.

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

    Raises:
        ArchiveError: the bytes are not a complete archive with a record; `name` is in the message.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            members = {member.name: _content(tar, member) for member in tar.getmembers()}
        meta = json.loads(members.pop(META))
    except (tarfile.TarError, KeyError, EOFError, ValueError) as error:
        raise ArchiveError(
            f"{name} is not a complete archive ({error}): delete it and run `dvc repro`"
        ) from error
    return Archive(meta, members)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    content = file.read() if file else b""
    if len(content) != member.size:
        raise EOFError(f"{member.name} is cut short")
    return content


def read(path: Path) -> Archive:
    """Read the archive at `path`; raises ArchiveError as `unpack` does."""
    try:
        return unpack(path.read_bytes(), str(path))
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}") from error


def read_images(folder: Path, keys: Sequence[tuple[str, str]]) -> list[bytes]:
    """JPEG bytes by (video_id, name of the image), each archive read once.

    Raises:
        ArchiveError: an archive is damaged, or lacks the image.
    """
    images: dict[tuple[str, str], bytes] = {}
    for video_id in dict.fromkeys(video_id for video_id, _ in keys):
        stored = read(path_of(folder, video_id)).images
        images.update({(video_id, name): data for name, data in stored.items()})
    missing = next((key for key in keys if key not in images), None)
    if missing:
        raise ArchiveError(f"the archive of {missing[0]} has no {missing[1]}: run `dvc repro`")
    return [images[key] for key in keys]


def path_of(folder: Path, video_id: str) -> Path:
    """Where the archive of a video stands below `folder`, any characters in its id allowed.

    >>> path_of(Path("data/frames"), "demo/real/c23/a b").as_posix()
    'data/frames/demo/real/c23/a%20b.tar'
    """
    parts = [quote(part, safe="@+=,") for part in video_id.split("/")]
    too_long = [part for part in parts if len(part) > MAX_NAME]
    if too_long:
        raise ArchiveError(f"a name in video_id {video_id[:80]!r}... is too long; shorten it")
    return folder.joinpath(*parts[:-1], parts[-1] + ".tar")


def write(folder: Path, video_id: str, data: bytes) -> None:
    """Store the packed archive of a video below `folder`."""
    write_bytes(path_of(folder, video_id), data)
