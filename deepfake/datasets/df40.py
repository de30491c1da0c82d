"""DF40 (Yan et al., NeurIPS 2024): forty methods applied to FaceForensics++ and Celeb-DF, as frames.

    <method>/{ff,cdf}/[frames/]<video>/NNN.png    fakes; their reals are those of the two data sets
    <method>/{fake,real}/.../<video>/NNN.png      methods that bring their own reals

A folder that holds images is one video. Images that lie in ff, cdf, frames, fake or real themselves
are single pictures of methods that make whole faces.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from deepfake.datasets import FAKE, IMAGE_SUFFIXES, REAL, Listing, table_of
from deepfake.datasets.reading import notes_on

PARTS = ("ff", "cdf", "fake", "real")
OF_IMAGES = {*PARTS, "frames"}  # folders that are no video
LEFT_OUT = {"landmarks", "masks", "mask"}
NAMES = [
    re.compile(r"(?P<target>\d{3})_(?P<source>\d{3})"),
    re.compile(r"(?P<target>id\d+)_(?P<source>id\d+)(_\d+)?"),
    re.compile(r"(?P<target>\d{3})"),
    re.compile(r"(?P<target>id\d+)_\d+"),
]


def recognises(root: Path) -> bool:
    """Whether a folder has one of the parts, and the root itself is none."""
    if any((root / name).is_dir() for name in PARTS):
        return False
    return any((folder / name).is_dir() for folder in root.iterdir() for name in PARTS)


def listing(root: Path) -> Listing:
    """Rows for every folder of frames and every single picture."""
    rows, strange = [], []
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if name not in LEFT_OUT)
        images = sorted(name for name in files if Path(name).suffix.lower() in IMAGE_SUFFIXES)
        place = PurePosixPath(Path(folder).relative_to(root).as_posix())
        if not images or not place.parts:
            continue
        if len(place.parts) < 2 or not set(place.parts[1:]) & set(PARTS):
            strange.append(str(place))
        elif place.name in OF_IMAGES:
            rows += [_row(place / name) for name in images]
        else:
            rows.append(_row(place))
    return Listing(table_of(rows), notes_on(strange, "folders are no part of a method, left out"))


def _row(path: PurePosixPath) -> dict[str, Any]:
    real = "real" in path.parts[1:]
    found = next(filter(None, (pattern.fullmatch(path.name) for pattern in NAMES)), None)
    people = {
        role: f"{'celebdf' if name.startswith('id') else 'ffpp'}:{name}"
        for role, name in (found.groupdict() if found else {}).items()
    }
    split = next((part for part in path.parts[:-1] if part in ("train", "val", "test")), "")
    method = "real" if real else path.parts[0]
    label = REAL if real else FAKE
    return {"path": str(path), "label": label, "method": method, "official_split": split, **people}
