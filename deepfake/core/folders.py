"""What is below a folder, in linked folders too. All code that searches folders uses this."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from pathlib import Path

from deepfake.base.text import printable
from deepfake.core.media import MEDIA_SUFFIXES, VIDEO_SUFFIXES


def walk(top: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder from `top` down, with its files, sorted; nothing if there is no such folder.

    Links to folders are followed. Each real folder comes once, by the path with the fewest links,
    and a folder that contains `top` never. Folders that are hidden or forbidden are not entered, but
    listed as files are.

    Raises:
        OSError: `top` cannot be listed.
    """
    seen = {*top.resolve().parents}
    # The number of links in a path, and the path.
    waiting = [(0, top)] if top.is_dir() else []
    while waiting:
        links, folder = heappop(waiting)
        if folder.resolve() in seen:
            continue
        seen.add(folder.resolve())
        files = []
        for path in sorted(folder.iterdir()):
            if is_hidden(path) or not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
                files.append(path)
            else:
                heappush(waiting, (links + path.is_symlink(), path))
        yield folder, files


def files_below(folder: Path, suffixes: Iterable[str] | None = None) -> list[Path]:
    """Files at any depth, sorted, without hidden ones; with `suffixes`, only files that end in one.

    A folder of a video's frames (`is_video_folder`) counts as a file. Those without an image, and
    broken links, are included, so that they are reported as unreadable videos instead of being
    skipped silently.
    """
    allowed = ("",) if suffixes is None else tuple(suffixes)
    return [path for path in _files_and_videos(folder) if _is_shown(path, allowed)]


def media_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """All images and videos at any depth, by their suffixes, and the files that are skipped.

    Archives and folders of a video's frames are videos. Hidden files and folders are skipped. Both
    lists are sorted.
    """
    media: list[Path] = []
    skipped: list[Path] = []
    for path in _files_and_videos(folder):
        (media if _is_shown(path, MEDIA_SUFFIXES) else skipped).append(path)
    return media, skipped


def skipped_note(skipped: Sequence[Path], top: Path) -> list[str]:
    """A list of one note, which counts skipped files by suffix, with an example; [] without files.

    >>> skipped_note([Path("a/b.txt"), Path("a/c.TXT"), Path("a/.d")], Path("a"))
    ['3 files skipped: 2 .txt (b.txt), 1 hidden (.d)']
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for path in skipped:
        groups[_group(path)].append(printable(path.relative_to(top).as_posix()))
    in_order = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    parts = [f"{len(names)} {group} ({names[0]})" for group, names in in_order]
    plural = "s" * (len(skipped) > 1)
    return [f"{len(skipped)} file{plural} skipped: {', '.join(parts)}"] if parts else []


def is_video_folder(folder: Path) -> bool:
    """Whether the images in a folder are frames of a video: it is named like one and holds none."""
    return folder.suffix.lower() in VIDEO_SUFFIXES and not any(
        path.suffix.lower() in VIDEO_SUFFIXES and not is_hidden(path) for path in folder.iterdir()
    )


def is_hidden(path: Path) -> bool:
    """Whether a file or folder is hidden, as .DS_Store is."""
    return path.name.startswith(".")


def _is_shown(path: Path, suffixes: tuple[str, ...]) -> bool:
    return not is_hidden(path) and path.name.lower().endswith(suffixes)


def _group(path: Path) -> str:
    """The group of a skipped file in the note."""
    if is_hidden(path):
        return "hidden"
    return "forbidden" if path.is_dir() else path.suffix.lower() or "without suffix"


def _files_and_videos(top: Path) -> list[Path]:
    """Files at any depth and folders of a video's frames, sorted; files in the latter are left out."""
    found: list[Path] = []
    videos: set[Path] = set()
    for folder, files in walk(top):
        if not videos.isdisjoint(folder.parents):
            continue
        if folder != top and is_video_folder(folder):
            videos.add(folder)
        else:
            found += files
    return sorted([*found, *videos])
