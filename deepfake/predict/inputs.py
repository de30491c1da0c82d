"""Which files to predict: paths, folders, patterns, addresses, and a list on standard input."""

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepfake.base.download import is_url
from deepfake.core.folders import is_video_folder, media_below, skipped_note
from deepfake.core.media import HEAD_BYTES, kind_by_content

MAX_DOWNLOAD_BYTES = 2 * 2**30
TAR_MAGIC, TAR_MAGIC_OFFSET = b"ustar", 257
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class InputFile:
    """A file to predict.

    Attributes:
        name: path or address, as given or found.
    """

    name: str

    @property
    def is_url(self) -> bool:
        """Whether the file must be downloaded first."""
        return is_url(self.name)


@dataclass(frozen=True)
class Expanded:
    """What the arguments of the command stand for.

    Attributes:
        files: each once, in order.
        errors: a message for each folder or pattern without a file.
        notes: on the files that are skipped in folders.
    """

    files: list[InputFile]
    errors: list[str]
    notes: list[str]


def expand(names: Sequence[str], lines: Iterable[str] = ()) -> Expanded:
    """Expand the arguments of the command to files.

    A file that is not there is kept like an address, which may not be there either: the result of
    both says so.

    Args:
        names: files; folders, searched as those of a data set (`folders.media_below`); patterns with
            *, ? or [ ], in which ** matches folders at any depth; addresses; "-" for `lines`.
        lines: more names, one a line, of all these kinds except "-".
    """
    files: dict[str, None] = {}
    errors, notes = [], []
    for argument in names:
        expanded = [line.rstrip("\r\n") for line in lines] if argument == "-" else [argument]
        for name in filter(None, expanded):
            try:
                searched = [_files_of(match) for match in _matches(name)]
            except OSError as error:
                errors.append(f"{error.filename}: {error.strerror}")
                continue
            found = [file for media, _ in searched for file in media]
            files.update(dict.fromkeys(found))
            notes += [note for _, skipped in searched for note in skipped]
            errors += [] if found else [_no_match_error(name)]
    return Expanded([InputFile(name) for name in files], errors, notes)


def _matches(name: str) -> list[str]:
    """The files, folders and addresses that a name stands for."""
    if is_url(name) or os.path.lexists(name) or not glob.has_magic(name):
        return [name]
    # Path.glob rejects patterns that begin at the root. A link to a parent folder leads glob.glob to
    # each file many times; the shortest path is kept.
    found = sorted(glob.glob(name, recursive=True), key=lambda match: (len(match), match))  # noqa: PTH207
    by_place = {(Path(match).parent.resolve(), Path(match).name): match for match in found[::-1]}
    return sorted(by_place.values())


def _files_of(match: str) -> tuple[list[str], list[str]]:
    """The files of a folder with a note on those that are skipped; anything else as it is."""
    folder = Path(match)
    if is_url(match) or not _is_folder(match) or is_video_folder(folder):
        return [match], []
    media, skipped = media_below(folder)
    return [str(file) for file in media], [f"{match}: {x}" for x in skipped_note(skipped, folder)]


def _is_folder(name: str) -> bool:
    return os.path.isdir(name)  # noqa: PTH112  as Path.is_dir raises if a name is too long


def _no_match_error(name: str) -> str:
    if _is_folder(name):
        return f"{name}: no image or video in this folder"
    return f"{name}: nothing matches this pattern"


def sniff(path: Path) -> str:
    """The kind of a file by its content: video, image or frames (a folder or tar archive of them).

    Anything else is called a video, because the decoder's message is the most precise one.
    """
    if _is_folder(str(path)):
        return "frames"
    if not os.path.isfile(path):  # noqa: PTH113
        return "video"
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return "video"
    if head[TAR_MAGIC_OFFSET:].startswith(TAR_MAGIC) or head.startswith(GZIP_MAGIC):
        return "frames"
    return kind_by_content(head) or "video"
