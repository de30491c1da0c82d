"""The listing of a remote data set: a local folder that stands for the files at an address.

    source.json    {"address": "s3://bucket/prefix"}
    objects.csv    path,size,version of every file there
    files/         copies of the small files that importers read

`deepfake list-files` writes it. The folder is the root of the data set, so that DVC notices a changed
file by objects.csv.
"""

import csv
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deepfake.base.errors import DeepfakeError
from deepfake.base.remote import RemoteFile, RemoteFolder

SOURCE, OBJECTS, COPIES = "source.json", "objects.csv", "files"
COLUMNS = ["path", "size", "version"]


class RemoteListingError(DeepfakeError):
    """A listing is damaged or incomplete."""


@dataclass(frozen=True)
class RemoteListing:
    """The files at an address, as they were when they were listed.

    Attributes:
        address: of the folder.
        files: sorted by path.
    """

    address: str
    files: list[RemoteFile]

    @cached_property
    def folder(self) -> RemoteFolder:
        """The files at the address now."""
        return RemoteFolder(self.address)

    @cached_property
    def _by_video(self) -> dict[str, list[RemoteFile]]:
        """The file at each path, and all files below each folder."""
        found: dict[str, list[RemoteFile]] = {}
        for file in self.files:
            found.setdefault(file.path, []).append(file)
            parts = file.path.split("/")
            for depth in range(1, len(parts)):
                found.setdefault("/".join(parts[:depth]), []).append(file)
        return found

    def files_of(self, path: str) -> list[RemoteFile]:
        """The file at a path, or the files below it if it is a folder of frames; [] if none."""
        return self._by_video.get(path, [])

    def version_of(self, path: str) -> str:
        """Version and size of a video; of a folder of frames, a digest of those of its files.

        >>> RemoteListing("s3://b", [RemoteFile("a.mp4", 9, "etag:f0")]).version_of("a.mp4")
        'etag:f0 9'
        """
        files = self.files_of(path)
        if [file.path for file in files] == [path]:
            return f"{files[0].version} {files[0].size}"
        lines = [f"{file.path} {file.version} {file.size}" for file in files]
        return f"files:{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def is_listing(folder: Path) -> bool:
    """Whether a folder is the listing of a remote data set."""
    return (folder / SOURCE).is_file() and (folder / OBJECTS).is_file()


def read_listing(folder: Path) -> RemoteListing:
    """Read the listing of a remote data set.

    Raises:
        RemoteListingError: a file of it is missing or damaged.
    """
    try:
        address = json.loads((folder / SOURCE).read_text(encoding="utf-8"))["address"]
        with (folder / OBJECTS).open(newline="", encoding="utf-8") as file:
            rows = [*csv.DictReader(file)]
        files = [RemoteFile(row["path"], int(row["size"]), row["version"]) for row in rows]
        return RemoteListing(str(address), files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RemoteListingError(
            f"{folder} is not the listing of a remote data set ({type(error).__name__}: {error}):"
            " restore it, or delete it and run `deepfake list-files`"
        ) from error
