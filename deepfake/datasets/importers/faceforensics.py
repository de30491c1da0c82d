"""FaceForensics++, with FaceShifter and DFD (Google and Jigsaw's Deep Fake Detection).

    original_sequences/youtube/{raw,c23,c40}/videos/NNN.mp4
    original_sequences/actors/{raw,c23,c40}/videos/AA__scene.mp4                    DFD
    manipulated_sequences/<method>/{raw,c23,c40}/videos/TTT_SSS.mp4                 target, source
    manipulated_sequences/DeepFakeDetection/{...}/videos/TT_SS__scene__8CHARS.mp4   DFD

train.json, val.json and test.json (pairs of sequences, valid in both orders) and
conversion_dict.json (the YouTube video of each sequence) may be in any of `PLACES`.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepfake.base.errors import ManifestError, listed
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import kind_of
from deepfake.datasets.listing import Listing, files_below, table_of

PLACES = ("", "splits", "dataset", "dataset/splits")  # below the root
SPLITS = ("train", "val", "test")
CONVERSION = "conversion_dict.json"

_VIDEOS = r"(?P<compression>raw|c0|c23|c40)/videos"
GRAMMAR = [
    re.compile(rf"original_sequences/youtube/{_VIDEOS}/(?P<target>\d{{3}})\.\w+"),
    re.compile(rf"original_sequences/actors/{_VIDEOS}/(?P<target>\d\d)__(?P<scene>\w+)\.\w+"),
    re.compile(
        rf"manipulated_sequences/(?P<method>[^/]+)/{_VIDEOS}"
        r"/(?P<target>\d{3})_(?P<source>\d{3})(?P<suffix>\.\w+)"
    ),
    re.compile(
        rf"manipulated_sequences/(?P<method>[^/]+)/{_VIDEOS}"
        r"/(?P<target>\d\d)_(?P<source>\d\d)__(?P<scene>\w+)__[A-Z0-9]{8}(?P<suffix>\.\w+)"
    ),
]
SEQUENCE = re.compile(r"\d{3}")


def recognises(root: Path) -> bool:
    """Whether there are folders of videos where this data set has them."""
    return any(root.glob("original_sequences/*/*/videos")) or any(
        root.glob("manipulated_sequences/*/*/videos")
    )


def listing(root: Path) -> Listing:
    """Rows for every video; masks, images and what else is beside them is left out.

    Raises:
        ManifestError: there is no folder of videos, or a list is broken.
    """
    if not recognises(root):
        raise ManifestError(
            f"{root} has no original_sequences/*/*/videos and no manipulated_sequences/*/*/videos"
            " (see docs/datasets/faceforensics.md)"
        )
    people, notes = read_people(root)
    splits, notes_on_splits = _read_splits(root)
    folders = [folder for folder in sorted(root.glob("*_sequences/*/*/*")) if folder.is_dir()]
    rows, strange = [], []
    for folder in folders:
        for file in files_below(folder) if folder.name == "videos" else []:
            path = file.relative_to(root).as_posix()
            row = _row(path, people, splits) if kind_of(file) == "video" else None
            if row is None:
                strange.append(path)
            else:
                rows.append(row)
    others = [folder.relative_to(root).as_posix() for folder in folders if folder.name != "videos"]
    if not any(row["target"].startswith("ffpp:") for row in rows):
        notes, notes_on_splits = [], []  # all of it is DFD, which has neither
    return Listing(table_of(rows), notes + notes_on_splits + _left_out(others, strange))


def read_people(root: Path) -> tuple[dict[str, str], list[str]]:
    """Names of the people in sequences that share a YouTube video, and a note if it is not known.

    Returns:
        By sequence ("756"), the name for all that share its video ("ffpp:755"): that of the first.

    Raises:
        ManifestError: conversion_dict.json is broken.
    """
    path = _find(root, CONVERSION)
    if path is None:
        return {}, [
            f"{CONVERSION} is not there: 45 of the 1000 sequences come from 22 YouTube videos, and"
            " the people in them are taken for 45 different ones"
        ]
    videos = _json(path)
    valid = isinstance(videos, dict) and all(
        SEQUENCE.fullmatch(key) and isinstance(video, str) and video.strip()
        for key, video in videos.items()
    )
    if not valid:
        raise ManifestError(
            f'{path} must be like {{"000": "<YouTube id> 0", ...}}: take it from the data set'
        )
    first: dict[str, str] = {}
    for sequence in sorted(videos):
        first.setdefault(videos[sequence].split()[0], sequence)
    return {key: f"ffpp:{first[video.split()[0]]}" for key, video in videos.items()}, []


def _row(
    path: str, people: Mapping[str, str], splits: Mapping[frozenset[str], str]
) -> dict[str, Any] | None:
    """What the path says of a video, or None if it is not one of the data set's."""
    found = next(filter(None, (pattern.fullmatch(path) for pattern in GRAMMAR)), None)
    if found is None:
        return None
    part = found.groupdict()
    dfd = "scene" in part
    ids = [part[role] for role in ("target", "source") if role in part]
    names = [f"dfd:{i}" if dfd else people.get(i, f"ffpp:{i}") for i in ids]
    row = {
        "path": path,
        "label": FAKE if "method" in part else REAL,
        "method": part.get("method", "real"),
        "compression": part["compression"],
        "target": names[0],
        "official_split": "" if dfd else splits.get(frozenset(ids), ""),
    }
    if "method" in part:
        folder, stem = ("actors", f"{ids[0]}__{part['scene']}") if dfd else ("youtube", ids[0])
        folder = f"original_sequences/{folder}/{part['compression']}/videos"
        row["original"] = f"{folder}/{stem}{part['suffix']}"
        row["source"] = names[1]
    return row


def _read_splits(root: Path) -> tuple[dict[frozenset[str], str], list[str]]:
    """The official split of every listed pair and of each sequence in it, and a note on lists."""
    split_of: dict[frozenset[str], str] = {}
    missing = []
    for split in SPLITS:
        path = _find(root, f"{split}.json")
        if path is None:
            missing.append(f"{split}.json")
            continue
        for pair in _pairs(path):
            for names in (frozenset(pair), *(frozenset([name]) for name in pair)):
                if split_of.setdefault(names, split) != split:
                    raise ManifestError(
                        f"{path}: {' and '.join(sorted(names))} is also in {split_of[names]}.json;"
                        " take the three lists from the data set"
                    )
    text = f"no official split is known from {', '.join(missing)}: not there"
    return split_of, [text] if missing else []


def _pairs(path: Path) -> list[list[str]]:
    pairs = _json(path)
    for index, pair in enumerate(pairs if isinstance(pairs, list) else [pairs]):
        valid = isinstance(pair, list) and len(pair) == 2
        if not valid or not all(isinstance(i, str) and SEQUENCE.fullmatch(i) for i in pair):
            raise ManifestError(
                f'{path}: entry {index} is {str(pair)[:60]}, not two sequences like ["012", "026"];'
                " take the list from the data set"
            )
    return list(pairs)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ManifestError(f"{path} is not JSON ({error}): take it from the data set") from error


def _find(root: Path, name: str) -> Path | None:
    return next((path for place in PLACES if (path := root / place / name).is_file()), None)


def _left_out(folders: list[str], strange: list[str]) -> list[str]:
    notes = []
    if folders:
        title = f"{len(folders)} folders beside videos/ (masks, images, models) are left out:"
        notes.append(listed(title, folders, 3))
    if strange:
        title = (
            f"{len(strange)} files in videos/ have other names than videos here and are left out:"
        )
        notes.append(listed(title, strange, 3))
    return notes
