"""WildDeepfake (Zi et al., ACM MM 2020): face crops of videos from the internet.

    {real,fake}_{train,test}/N.tar.gz    or a folder N of images where it was unpacked

Each archive holds the numbered crops of one video, perhaps in folders, one for each sequence. The
numbers N start anew in every folder, so the folder belongs to the name. Nothing says who is in them.
"""

import re
from pathlib import Path

from deepfake.base.errors import ManifestError
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
    """Whether one of the four folders is there."""
    return any((root / name).is_dir() for name in FOLDERS)


def listing(root: Path) -> Listing:
    """Rows for every archive or unpacked folder; of both, the folder.

    Raises:
        ManifestError: none of the four folders is there.
    """
    if not recognises(root):
        raise ManifestError(
            f"{root} has no folder {', '.join(FOLDERS)} (see docs/datasets/wilddeepfake.md)"
        )
    rows, strange, twice = [], [], []
    for name, (label, split) in FOLDERS.items():
        folder = root / name
        method = "real" if label == REAL else METHOD
        row = {"label": label, "method": method, "official_split": split}
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            found = VIDEO.fullmatch(path.name)
            place = path.relative_to(root).as_posix()
            if found and found["archive"] and _holds_images(folder / found["number"]):
                twice.append(place)
            elif found and (path.is_file() if found["archive"] else _holds_images(path)):
                rows.append({"path": place, **row})
            elif not path.name.startswith("."):
                strange.append(place)
    notes = notes_on(strange, "files and folders are no numbered archive of images, left out")
    return Listing(table_of(rows), notes + notes_on(twice, "archives are unpacked too, left out"))


def _holds_images(folder: Path) -> bool:
    return folder.is_dir() and any(
        path.suffix.lower() in IMAGE_SUFFIXES for path in folder.rglob("*")
    )
