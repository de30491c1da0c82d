"""DF40 (Yan et al., NeurIPS 2024): frames of forty methods applied to FaceForensics++ and Celeb-DF.

    <method>/{ff,cdf}/frames/<video>/NNN.png      fakes; the reals are those of the two data sets
    <method>/{ff,cdf}/NNN.png                     single images, of methods that generate whole faces
    <method>/{fake,real}/[frames/<video>/]NNN.png methods with their own reals

Training and test set may be in folders train/ and test/. Archives unpack into folders of the same
name (stargan/stargan/fake). A folder of images is one video, unless it is one of `IMAGE_FOLDERS`.
"""

import re
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any

from deepfake.base.errors import ManifestError
from deepfake.core.folders import files_below
from deepfake.core.labels import FAKE, REAL, SPLITS
from deepfake.core.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from deepfake.datasets.importers.reading import notes_on
from deepfake.datasets.listing import Listing, table_of

DOMAINS = {"ff": "ffpp", "cdf": "celebdf"}  # and the prefix of its people's names
CLASS_FOLDERS = (*DOMAINS, "fake", "real")
METHODS_WITH_REALS = {  # which have folders fake and real; in lower case
    *("collabdiff", "deepfacelab", "e4e", "heygen", "midjourney", "stargan", "starganv2"),
    *("styleclip", "whichfaceisreal", "whichisreal"),
}
IMAGE_FOLDERS = {  # folders in which each image is a video of its own
    *(*CLASS_FOLDERS, "frames", "inversions", "Celeb-real", "YouTube-real"),
    *("Fake_from_Celeb-real", "Fake_from_Youtube-real"),
}
IGNORED_FOLDERS = {"landmarks", "masks", "mask"}
NAMES = {
    "ff": re.compile(r"(?P<target>\d{3})(_(?P<source>\d{3}))?"),
    "cdf": re.compile(r"(?P<target>id\d+)(_(?P<source>id\d+))?_\d+"),
}


def recognises(root: Path) -> bool:
    """Whether a folder in the root, or in its train/, val/ or test/, has the layout of a method."""
    folders = [path for path in root.iterdir() if path.is_dir()]
    for split in SPLITS:
        folders += [path for path in (root / split).glob("*") if path.is_dir()]
    return any(_is_method(path) or _is_method(path / path.name) for path in folders)


def listing(root: Path) -> Listing:
    """Rows for every folder of frames, every single image and every video file.

    Raises:
        ManifestError: no file belongs to a method.
    """
    rows, others = [], []
    videos: set[PurePosixPath] = set()  # folders whose images, at any depth, are frames of a video
    for folder, files in sorted(_files_by_folder(root).items()):
        if not videos.isdisjoint(folder.parents) or not IGNORED_FOLDERS.isdisjoint(folder.parts):
            continue
        if not _method(folder):
            others.append(str(folder))
            continue
        images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
        clips = [file for file in files if file.suffix.lower() in VIDEO_SUFFIXES]
        rows += [_row(file, file.stem) for file in clips]
        if images and folder.name in IMAGE_FOLDERS:
            rows += [_row(file, "") for file in images]
        elif images:
            rows.append(_row(folder, folder.name))
            videos.add(folder)
    if not rows:
        raise ManifestError(
            f"{root} has no images or videos in <method>/ff, cdf, fake or real"
            " (see docs/datasets/df40.md)"
        )
    return Listing(table_of(rows), notes_on(others, "folders belong to no method, left out"))


def _files_by_folder(root: Path) -> dict[PurePosixPath, list[PurePosixPath]]:
    """Images and videos below the root, as paths relative to it, by their folder."""
    by_folder: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    for file in files_below(root, IMAGE_SUFFIXES | VIDEO_SUFFIXES):
        path = PurePosixPath(file.relative_to(root).as_posix())
        by_folder[path.parent].append(path)
    return by_folder


def _row(path: PurePosixPath, name: str) -> dict[str, Any]:
    """The row of a video, from its path; `name` names its people, "" if they are unknown."""
    domain = next((part for part in path.parts if part in DOMAINS), "")
    match = NAMES[domain].fullmatch(name) if domain else None
    people = match.groupdict() if match else {}
    label = REAL if "real" in path.parts else FAKE
    return {
        "path": str(path),
        "label": label,
        "method": "real" if label == REAL else _method(path),
        "official_split": next((part for part in path.parts if part in SPLITS), ""),
        **{role: f"{DOMAINS[domain]}:{person}" for role, person in people.items() if person},
    }


def _method(path: PurePosixPath) -> str:
    """The first folder that is not a split, if a class folder is below it, else ""."""
    names = [part for part in path.parts if part not in SPLITS]
    return names[0] if any(part in CLASS_FOLDERS for part in names[1:]) else ""


def _is_method(folder: Path) -> bool:
    labels = ("fake", "real") if folder.name.lower() in METHODS_WITH_REALS else ()
    return any((folder / name).is_dir() for name in (*DOMAINS, *labels))
