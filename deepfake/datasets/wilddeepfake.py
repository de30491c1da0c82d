"""WildDeepfake (Zi et al., ACM MM 2020): face crops of videos from the internet.

    {real,fake}_{train,test}/N.tar.gz    or a folder N of images where it was unpacked

Each archive holds the numbered crops of one video's people. The numbers start anew in every folder,
so the folder belongs to the name. Nothing says who is in them.
"""

import re
from pathlib import Path
from typing import Any

from deepfake.datasets import ARCHIVE_SUFFIXES, FAKE, REAL, Listing, table_of
from deepfake.datasets.reading import notes_on

FOLDER = re.compile(r"(?P<label>real|fake)_(?P<split>train|test)")
LABELS = {"real": REAL, "fake": FAKE}


def recognises(root: Path) -> bool:
    """Whether one of the four folders is there."""
    return any(FOLDER.fullmatch(path.name) for path in root.iterdir())


def listing(root: Path) -> Listing:
    """Rows for every archive or unpacked folder."""
    rows, strange = [], []
    for folder in sorted(path for path in root.iterdir() if FOLDER.fullmatch(path.name)):
        for path in sorted(folder.iterdir()):
            name = path.relative_to(root).as_posix()
            if path.is_dir() or path.name.endswith(ARCHIVE_SUFFIXES):
                rows.append(_row(name))
            elif not path.name.startswith("."):
                strange.append(name)
    return Listing(table_of(rows), notes_on(strange, "files are no archives, left out"))


def _row(path: str) -> dict[str, Any]:
    label, split = path.split("/")[0].split("_")
    return {
        "path": path,
        "label": LABELS[label],
        "method": "real" if label == "real" else "wild",
        "official_split": split,
    }
