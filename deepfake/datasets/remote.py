"""Remote data sets: their listing is written, and read as if it were a folder of videos."""

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from deepfake.base.errors import ManifestError
from deepfake.base.remote import RemoteFile, RemoteFolder
from deepfake.base.remote_listing import (
    COLUMNS,
    COPIES,
    OBJECTS,
    SOURCE,
    RemoteListing,
    is_listing,
    read_listing,
)
from deepfake.core.files import write_bytes, write_json

LISTINGS = Path("data/listings")
COPIED_SUFFIXES = (".csv", ".json", ".txt")  # of the files that importers read
MAX_NAME_BYTES = 255  # of a file or folder on the usual file systems


@dataclass(frozen=True)
class ListingChanges:
    """How a listing differs from the one before.

    Attributes:
        listing: the new one.
        added, changed, removed: numbers of files.
        left_out: paths that cannot be those of local files.
    """

    listing: RemoteListing
    added: int
    changed: int
    removed: int
    left_out: list[str]


def update_listing(folder: Path, address: str | None = None) -> ListingChanges:
    """List a remote data set: write `folder`, or bring it up to date.

    Only files that importers read are downloaded, and only if they changed.

    Args:
        folder: of the listing; `base.remote_listing` describes its files.
        address: of the data set; None for that of the present listing.

    Raises:
        ManifestError: there is no listing yet and no address, or no file at the address.
        RemoteError: the address is not readable; the present listing is unchanged.
    """
    before = read_listing(folder) if is_listing(folder) else None
    if address is None and before is None:
        raise ManifestError(f"{folder} is not a listing yet: give the address of the data set")
    remote = RemoteFolder(address or (before.address if before else ""))
    found = remote.files()
    usable = _usable(found)
    if not usable:
        raise ManifestError(f"{remote.address} has no files: check the address")
    old = before.files if before and before.address == remote.address else []
    _copy_small_files(remote, folder, usable, {*old})
    write_json(folder / SOURCE, {"address": remote.address})
    write_bytes(folder / OBJECTS, _table(usable))
    old_paths, new_paths = {file.path for file in old}, {file.path for file in usable}
    new = len({*usable} - {*old})
    return ListingChanges(
        RemoteListing(remote.address, usable),
        added=len(new_paths - old_paths),
        changed=new - len(new_paths - old_paths),
        removed=len(old_paths - new_paths),
        left_out=sorted({file.path for file in found} - new_paths),
    )


def _usable(files: list[RemoteFile]) -> list[RemoteFile]:
    """The files whose paths are possible on a local disk."""
    folders = {str(parent) for file in files for parent in PurePosixPath(file.path).parents}
    return [
        file
        for file in files
        if file.path not in folders
        and all(
            part not in ("", ".", "..") and len(part.encode()) <= MAX_NAME_BYTES
            for part in file.path.split("/")
        )
        and "\0" not in file.path
    ]


def _is_copied(path: str) -> bool:
    return path.lower().endswith(COPIED_SUFFIXES)


def _copy_small_files(
    remote: RemoteFolder, folder: Path, files: list[RemoteFile], old: set[RemoteFile]
) -> None:
    """Bring the copies of the files that importers read up to date."""
    copies = folder / COPIES
    wanted = {copies / file.path: file for file in files if _is_copied(file.path)}
    for path, file in wanted.items():
        if file in old and path.is_file() and path.stat().st_size == file.size:
            continue
        with TemporaryDirectory(prefix="deepfake-") as temporary:
            copy = Path(temporary) / "copy"
            remote.download(file, copy)
            write_bytes(path, copy.read_bytes())
    for path in [*copies.rglob("*")]:
        if path.is_file() and path not in wanted:
            path.unlink()


def _table(files: list[RemoteFile]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((file.path, file.size, file.version) for file in files)
    return text.getvalue().encode()


@contextmanager
def as_folder(root: Path, listing: RemoteListing) -> Iterator[Path]:
    """A folder with an empty file for each file of a listing, and the copies of small files.

    Importers read it like a local data set. An error of theirs names the address in its place.

    Args:
        root: folder of the listing.
        listing: what is in it.

    Raises:
        ManifestError: a copy is missing; or as the block raises it.
    """
    with TemporaryDirectory(prefix="deepfake-") as temporary:
        top = Path(temporary).resolve()
        for parent in {PurePosixPath(file.path).parent for file in listing.files}:
            (top / parent).mkdir(parents=True, exist_ok=True)
        for file in listing.files:
            copy = root / COPIES / file.path
            if not _is_copied(file.path):
                (top / file.path).touch()
            elif copy.is_file():
                os.symlink(copy.resolve(), top / file.path)  # noqa: PTH211
            else:
                raise ManifestError(f"{copy} is missing: run `deepfake list-files {root.name}`")
        try:
            yield top
        except ManifestError as error:
            raise ManifestError(str(error).replace(str(top), listing.address)) from error
