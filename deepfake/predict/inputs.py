"""Which files to predict: paths, folders, patterns, addresses, and a list on standard input."""

import glob
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
        errors: a message for each name without a file.
        notes: on the files that are skipped in folders.
    """

    files: list[InputFile]
    errors: list[str]
    notes: list[str]


def expand(names: Sequence[str], lines: Iterable[str] = ()) -> Expanded:
    """Expand the arguments of the command to files.

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
    if is_url(name) or Path(name).exists() or Path(name).is_symlink():
        return [name]
    if not glob.has_magic(name):
        return []
    # Path.glob rejects patterns that begin at the root. A link to a parent folder leads glob.glob to
    # each file many times; the shortest path is kept.
    found = sorted(glob.glob(name, recursive=True), key=lambda match: (len(match), match))  # noqa: PTH207
    by_place = {(Path(match).parent.resolve(), Path(match).name): match for match in found[::-1]}
    return sorted(by_place.values())


def _files_of(match: str) -> tuple[list[str], list[str]]:
    """The files of a folder with a note on those that are skipped; anything else as it is."""
    folder = Path(match)
    if is_url(match) or not folder.is_dir() or is_video_folder(folder):
        return [match], []
    media, skipped = media_below(folder)
    return [str(file) for file in media], [f"{match}: {x}" for x in skipped_note(skipped, folder)]


def _no_match_error(name: str) -> str:
    if Path(name).is_dir():
        return f"{name}: no image or video in this folder"
    if glob.has_magic(name):
        return f"{name}: nothing matches this pattern"
    return f"{name}: no such file or folder"


def sniff(path: Path) -> str:
    """The kind of a file by its content: video, image or frames (a folder or tar archive of them).

    Anything else is called a video, because the decoder's message is the most precise one.
    """
    if path.is_dir():
        return "frames"
    if not path.is_file():
        return "video"
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return "video"
    if head[TAR_MAGIC_OFFSET:].startswith(TAR_MAGIC) or head.startswith(GZIP_MAGIC):
        return "frames"
    return kind_by_content(head) or "video"
