"""Which files to predict: paths, folders, patterns, addresses, and a list on standard input."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepfake.base.download import is_url
from deepfake.core.media import HEAD_BYTES, IMAGE_SUFFIXES, VIDEO_SUFFIXES, kind_by_content

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


def expand(names: Sequence[str], lines: Iterable[str] = ()) -> tuple[list[InputFile], list[str]]:
    """Expand the arguments of the command to files, each once, in order.

    Args:
        names: files; folders, searched for images and videos by their suffixes; patterns with *, ?
            or [ ], in which ** matches folders at any depth; addresses; "-" for `lines`.
        lines: more names, one a line, of all these kinds except "-".

    Returns:
        The files, and an error message for each name that matches none.
    """
    files: dict[str, None] = {}
    errors = []
    for argument in names:
        expanded = [line.rstrip("\r\n") for line in lines] if argument == "-" else [argument]
        for name in filter(None, expanded):
            matches = _matching_files(name)
            files.update(dict.fromkeys(matches))
            if not matches:
                errors.append(_no_match_error(name))
    return [InputFile(name) for name in files], errors


def _matching_files(name: str) -> list[str]:
    if is_url(name):
        return [name]
    if Path(name).is_dir():
        return _media_below(Path(name))
    if Path(name).exists() or Path(name).is_symlink():
        return [name]
    # Path.glob rejects patterns that begin at the root.
    matches = sorted(glob.glob(name, recursive=True)) if glob.has_magic(name) else []  # noqa: PTH207
    return [file for match in matches for file in _files_of_match(Path(match))]


def _files_of_match(path: Path) -> list[str]:
    return _media_below(path) if path.is_dir() else [str(path)]


def _media_below(folder: Path) -> list[str]:
    """Images and videos at any depth in a folder, sorted, except hidden ones."""
    suffixes = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    return sorted(
        str(file)
        for file in folder.rglob("*")
        if file.suffix.lower() in suffixes
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


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
