"""DF40 (Yan et al., NeurIPS 2024): forty methods applied to FaceForensics++ and Celeb-DF, as frames.

    <method>/{ff,cdf}/frames/<video>/NNN.png      fakes; their reals are those of the two data sets
    <method>/{ff,cdf}/NNN.png                     single pictures, of methods that make whole faces
    <method>/{fake,real}/[frames/<video>/]NNN.png methods that bring their own reals

The training and the test set may be in a folder train/ and test/. Archives unpack into folders of
their own name (stargan/stargan/fake). A folder that holds images is one video, unless it is one of
`OF_PICTURES`.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from deepfake.datasets.importers.reading import notes_on
from deepfake.datasets.listing import Listing, table_of

SPLITS = ("train", "val", "test")
DOMAINS = {"ff": "ffpp", "cdf": "celebdf"}  # and whose names people have there
PARTS = (*DOMAINS, "fake", "real")
OWN_REALS = {  # methods with the folders fake and real, in lower case
    *("collabdiff", "deepfacelab", "e4e", "heygen", "midjourney", "stargan", "starganv2"),
    *("styleclip", "whichfaceisreal", "whichisreal"),
}
OF_PICTURES = {  # folders that are no video
    *(*PARTS, "frames", "inversions", "Celeb-real", "YouTube-real"),
    *("Fake_from_Celeb-real", "Fake_from_Youtube-real"),
}
LEFT_OUT = {"landmarks", "masks", "mask"}
NAMES = {
    "ff": re.compile(r"(?P<target>\d{3})(_(?P<source>\d{3}))?"),
    "cdf": re.compile(r"(?P<target>id\d+)(_(?P<source>id\d+))?_\d+"),
}


def recognises(root: Path) -> bool:
    """Whether a folder below the root, or its train/ or test/, is laid out as a method's."""
    folders = [path for path in root.iterdir() if path.is_dir()]
    for split in SPLITS:
        folders += [path for path in (root / split).glob("*") if path.is_dir()]
    return any(_is_method(path) or _is_method(path / path.name) for path in folders)


def listing(root: Path) -> Listing:
    """Rows for every folder of frames, every single picture and every video file.

    Raises:
        ManifestError: nothing is there that belongs to a method.
    """
    rows, strange = [], []
    for folder, below, files in os.walk(root):
        place = PurePosixPath(Path(folder).relative_to(root).as_posix())
        below[:] = sorted(name for name in below if name not in LEFT_OUT and name[0] != ".")
        names = sorted(name for name in files if name[0] != ".")
        images = [name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]
        videos = [name for name in names if Path(name).suffix.lower() in VIDEO_SUFFIXES]
        if not _method(place):
            strange += [str(place)] if images or videos else []
            continue
        rows += [_row(place / name, PurePosixPath(name).stem) for name in videos]
        if images and place.name in OF_PICTURES:
            rows += [_row(place / name, "") for name in images]
        elif images:
            rows.append(_row(place, place.name))
            below.clear()  # what is further down is read with it
    if not rows:
        raise ManifestError(
            f"{root} has no images or videos in <method>/ff, cdf, fake or real"
            " (see docs/datasets/df40.md)"
        )
    return Listing(table_of(rows), notes_on(strange, "folders are no part of a method, left out"))


def _row(path: PurePosixPath, name: str) -> dict[str, Any]:
    """What the path says; `name` is that of the video, which tells who is in it."""
    domain = next((part for part in path.parts if part in DOMAINS), "")
    found = NAMES[domain].fullmatch(name) if domain else None
    people = found.groupdict() if found else {}
    label = REAL if "real" in path.parts else FAKE
    return {
        "path": str(path),
        "label": label,
        "method": "real" if label == REAL else _method(path),
        "official_split": next((part for part in path.parts if part in SPLITS), ""),
        **{role: f"{DOMAINS[domain]}:{person}" for role, person in people.items() if person},
    }


def _method(path: PurePosixPath) -> str:
    """The first folder that is no split, if one of the parts is below it, else ""."""
    names = [part for part in path.parts if part not in SPLITS]
    return names[0] if any(part in PARTS for part in names[1:]) else ""


def _is_method(folder: Path) -> bool:
    own = ("fake", "real") if folder.name.lower() in OWN_REALS else ()
    return any((folder / name).is_dir() for name in (*DOMAINS, *own))
