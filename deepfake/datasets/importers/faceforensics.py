"""FaceForensics++, with FaceShifter and DFD (Google and Jigsaw's Deep Fake Detection).

    original_sequences/youtube/{raw,c23,c40}/videos/NNN.mp4
    original_sequences/actors/{raw,c23,c40}/videos/AA__scene.mp4                    DFD
    manipulated_sequences/<method>/{raw,c23,c40}/videos/TTT_SSS.mp4                 target, source
    manipulated_sequences/DeepFakeDetection/{...}/videos/TT_SS__scene__8CHARS.mp4   DFD

train.json, val.json and test.json (pairs of sequences, in either order) and conversion_dict.json
(the YouTube video of each sequence) may be in any of `LIST_FOLDERS`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepfake.base.errors import ManifestError, format_list
from deepfake.core.folders import files_below
from deepfake.core.labels import FAKE, REAL, SPLITS
from deepfake.core.media import kind_by_name
from deepfake.datasets.importers.reading import read_json
from deepfake.datasets.listing import Listing, table_of

LIST_FOLDERS = ("", "splits", "dataset", "dataset/splits")  # below the root
CONVERSION = "conversion_dict.json"

_VIDEOS = r"(?P<compression>raw|c0|c23|c40)/videos"
PATHS = [
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
    """Whether there are folders videos/ at the paths of this data set."""
    return any(root.glob("original_sequences/*/*/videos")) or any(
        root.glob("manipulated_sequences/*/*/videos")
    )


def listing(root: Path) -> Listing:
    """Rows for every video; masks, images and other files are left out.

    Raises:
        ManifestError: there is no folder of videos, or a list is invalid.
    """
    if not recognises(root):
        raise ManifestError(
            f"{root} has no original_sequences/*/*/videos and no manipulated_sequences/*/*/videos"
            " (see docs/datasets/faceforensics.md)"
        )
    people, notes = read_people(root)
    splits, notes_on_splits = _read_splits(root)
    folders = [folder for folder in sorted(root.glob("*_sequences/*/*/*")) if folder.is_dir()]
    rows, others = [], []
    for folder in folders:
        for file in files_below(folder) if folder.name == "videos" else []:
            path = file.relative_to(root).as_posix()
            row = _row(path, people, splits) if kind_by_name(file) == "video" else None
            if row is None:
                others.append(path)
            else:
                rows.append(row)
    left_out = [folder for folder in folders if folder.name != "videos"]
    if not any(row["target"].startswith("ffpp:") for row in rows):
        notes, notes_on_splits = [], []  # all videos are of DFD, which has no such lists
    return Listing(table_of(rows), notes + notes_on_splits + _left_out(root, left_out, others))


def read_people(root: Path) -> tuple[dict[str, str], list[str]]:
    """Names of the people, the same for all sequences of a YouTube video.

    Returns:
        The name by sequence: that of the first sequence of its video, such as "ffpp:755" for "756".
        And no note; without conversion_dict.json, no names and a note.

    Raises:
        ManifestError: conversion_dict.json is invalid.
    """
    path = _find(root, CONVERSION)
    if path is None:
        return {}, [
            f"{CONVERSION} is missing: 45 of the 1000 sequences come from 22 YouTube videos, but"
            " count as 45 different people"
        ]
    videos = read_json(path, dict)
    valid = all(
        SEQUENCE.fullmatch(key) and isinstance(video, str) and video.strip()
        for key, video in videos.items()
    )
    if not valid:
        raise ManifestError(
            f'{path} must be like {{"000": "<YouTube id> 0", ...}}: restore it from the data set'
        )
    first: dict[str, str] = {}
    for sequence in sorted(videos):
        first.setdefault(videos[sequence].split()[0], sequence)
    return {key: f"ffpp:{first[video.split()[0]]}" for key, video in videos.items()}, []


def _row(
    path: str, people: Mapping[str, str], splits: Mapping[frozenset[str], str]
) -> dict[str, Any] | None:
    """The row of a video, from its path; None if the data set has no such path."""
    match = next(filter(None, (pattern.fullmatch(path) for pattern in PATHS)), None)
    if match is None:
        return None
    part = match.groupdict()
    is_dfd = "scene" in part
    ids = [part[role] for role in ("target", "source") if role in part]
    names = [f"dfd:{i}" if is_dfd else people.get(i, f"ffpp:{i}") for i in ids]
    row = {
        "path": path,
        "label": FAKE if "method" in part else REAL,
        "method": part.get("method", "real"),
        "compression": part["compression"],
        "target": names[0],
        "official_split": "" if is_dfd else splits.get(frozenset(ids), ""),
    }
    if "method" in part:
        folder, stem = ("actors", f"{ids[0]}__{part['scene']}") if is_dfd else ("youtube", ids[0])
        folder = f"original_sequences/{folder}/{part['compression']}/videos"
        row["original"] = f"{folder}/{stem}{part['suffix']}"
        row["source"] = names[1]
    return row


def _read_splits(root: Path) -> tuple[dict[frozenset[str], str], list[str]]:
    """The official split of every listed pair and sequence, and a note on missing lists."""
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
                        " restore the three lists from the data set"
                    )
    note = f"{', '.join(missing)}: missing, so the official split is unknown"
    return split_of, [note] if missing else []


def _pairs(path: Path) -> list[list[str]]:
    pairs: list[list[str]] = read_json(path, list)
    for index, pair in enumerate(pairs):
        valid = isinstance(pair, list) and len(pair) == 2
        if not valid or not all(isinstance(i, str) and SEQUENCE.fullmatch(i) for i in pair):
            raise ManifestError(
                f'{path}: entry {index} is {str(pair)[:60]}, not two sequences like ["012", "026"];'
                " restore the list from the data set"
            )
    return pairs


def _find(root: Path, name: str) -> Path | None:
    return next((path for folder in LIST_FOLDERS if (path := root / folder / name).is_file()), None)


def _left_out(root: Path, folders: list[Path], files: list[str]) -> list[str]:
    notes = []
    if folders:
        names = [folder.relative_to(root).as_posix() for folder in folders]
        title = f"{len(folders)} folders other than videos/ (masks, images, models), left out:"
        notes.append(format_list(title, names, 3))
    if files:
        title = (
            f"{len(files)} files in videos/ are not named like videos of this data set, left out:"
        )
        notes.append(format_list(title, files, 3))
    return notes
