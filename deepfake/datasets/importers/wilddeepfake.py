"""WildDeepfake (Zi et al., ACM MM 2020): face crops of videos from the internet.

    {real,fake}_{train,test}/N.tar.gz    or the unpacked archive, a folder N of images

An archive holds the numbered crops of one video, sometimes in one folder per sequence. The numbers N
are unique only within their folder. The people are unknown.
"""

import re
from pathlib import Path

from deepfake.base.errors import ManifestError
from deepfake.core.folders import walk
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import IMAGE_SUFFIXES
from deepfake.datasets.importers.reading import notes_on
from deepfake.datasets.listing import Listing, table_of

VIDEO = re.compile(r"(?P<number>\d+)(?P<archive>\.tar|\.tar\.gz|\.tgz)?")
FOLDERS = {
    f"{name}_{split}": (label, split)
    for name, label in (("real", REAL), ("fake", FAKE))
    for split in ("train", "test")
}
METHOD = "wild"


def recognises(root: Path) -> bool:
    """Whether there is one of the four folders."""
    return any((root / name).is_dir() for name in FOLDERS)


def listing(root: Path) -> Listing:
    """Rows for every archive or unpacked folder; if both exist, for the folder.

    Raises:
        ManifestError: all four folders are missing.
    """
    if not recognises(root):
        raise ManifestError(
            f"{root} has none of the folders {', '.join(FOLDERS)} (see docs/datasets/wilddeepfake.md)"
        )
    rows, others, unpacked = [], [], []
    for name, (label, split) in FOLDERS.items():
        folder = root / name
        method = "real" if label == REAL else METHOD
        row = {"label": label, "method": method, "official_split": split}
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            match = VIDEO.fullmatch(path.name)
            relative = path.relative_to(root).as_posix()
            if match and match["archive"] and _has_images(folder / match["number"]):
                unpacked.append(relative)
            elif match and (path.is_file() if match["archive"] else _has_images(path)):
                rows.append({"path": relative, **row})
            elif not path.name.startswith("."):
                others.append(relative)
    notes = notes_on(others, "files and folders are not numbered archives of images, left out")
    notes += notes_on(unpacked, "archives are also unpacked, so the archives are left out")
    return Listing(table_of(rows), notes)


def _has_images(folder: Path) -> bool:
    return folder.is_dir() and any(
        file.suffix.lower() in IMAGE_SUFFIXES for _, files in walk(folder) for file in files
    )
