"""Where the files come from: names, folders, patterns, a list on standard input, addresses."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepfake.base.download import is_url
from deepfake.core.media import IMAGE_MAGICS, IMAGE_SUFFIXES, VIDEO_SUFFIXES

MAX_BYTES = 2 * 2**30  # of a download
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Source:
    """A file to judge.

    Attributes:
        name: path or address, as it was given or found.
    """

    name: str

    @property
    def is_url(self) -> bool:
        """Whether it must be downloaded first."""
        return is_url(self.name)


def expand(names: Sequence[str], lines: Iterable[str] = ()) -> tuple[list[Source], list[str]]:
    """The files that the arguments of the command mean, each once, in order.

    Args:
        names: files; folders, searched for images and videos by their suffixes; patterns with *, ?
            or [ ], of which ** goes through folders; addresses; "-" for `lines`.
        lines: more names, one a line, each as above but "-".

    Returns:
        The files, and a sentence for every name that means none.
    """
    found: dict[str, None] = {}
    complaints = []
    for name in names:
        inner = [line.rstrip("\r\n") for line in lines] if name == "-" else [name]
        for one in filter(None, inner):
            files = _files_of(one)
            found.update(dict.fromkeys(files))
            if not files:
                complaints.append(_complaint(one))
    return [Source(name) for name in found], complaints


def _files_of(name: str) -> list[str]:
    if is_url(name):
        return [name]
    if Path(name).is_dir():
        return _media_below(Path(name))
    if Path(name).exists() or Path(name).is_symlink():
        return [name]
    # Path.glob takes no pattern that begins at the root.
    matches = sorted(glob.glob(name, recursive=True)) if glob.has_magic(name) else []  # noqa: PTH207
    return [file for match in matches for file in _of_match(Path(match))]


def _of_match(path: Path) -> list[str]:
    return _media_below(path) if path.is_dir() else [str(path)]


def _media_below(folder: Path) -> list[str]:
    """Images and videos in a folder and the folders in it, but for hidden ones, sorted."""
    known = IMAGE_SUFFIXES | VIDEO_SUFFIXES
    return sorted(
        str(file)
        for file in folder.rglob("*")
        if file.suffix.lower() in known
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def _complaint(name: str) -> str:
    if Path(name).is_dir():
        return f"{name}: no image or video in this folder"
    if glob.has_magic(name):
        return f"{name}: nothing matches this pattern"
    return f"{name}: no such file or folder"


def sniff(path: Path) -> str:
    """video, image or frames (a folder or tar archive of them), by what is in it.

    What is none of them is called a video: its decoder says best what is wrong.
    """
    if path.is_dir():
        return "frames"
    if not path.is_file():
        return "video"
    try:
        with path.open("rb") as file:
            head = file.read(TAR_MAGIC_AT + len(TAR_MAGIC))
    except OSError:
        return "video"
    if head[TAR_MAGIC_AT:] == TAR_MAGIC or head.startswith(GZIP_MAGIC):
        return "frames"
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return "image" if is_webp or head.startswith(IMAGE_MAGICS) else "video"
