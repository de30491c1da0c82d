"""What DeepfakeBench (Yan et al., NeurIPS 2023) prepared: its JSON of frames, and the frames.

    *.json or dataset_json/*.json    {data set: {class: {split: {[compression:] {video: {...}}}}}}
    <frames>                         anywhere below the root

A video has a label and a list of frames, whose paths may be absolute, of another machine, or with
backslashes: what counts is the longest end of such a path that exists below the root.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from deepfake.datasets import COLUMNS, FAKE, REAL, Listing, table_of
from deepfake.datasets.reading import notes_on, read_json
from deepfake.errors import ManifestError

FOLDERS = (".", "dataset_json")  # of the JSON files, below the root
SPLITS = ("train", "val", "test")
REAL_CLASS = re.compile(r".*real.*", re.IGNORECASE)  # FF-real, DFD_real, CelebDFv2_real, UADFV_Real
FAKE_CLASSES = {"FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FF-FH", "FF-SH"}  # what says fake nowhere
FAKE_CLASS = re.compile(r".*fake.*|.*_(DF|FS)$", re.IGNORECASE)
PEOPLE = [
    (re.compile(r"(?P<target>\d{3})(_(?P<source>\d{3}))?"), "ffpp"),
    (re.compile(r"(?P<target>id\d+)(_(?P<source>id\d+))?_\d+"), "celebdf"),
    (re.compile(r"(?P<target>\d\d)(_(?P<source>\d\d))?__.+"), "dfd"),
]


def recognises(root: Path) -> bool:
    """Whether there is a JSON file that begins as DeepfakeBench's do."""
    return any(_begins_right(path) for path in _tables(root))


def listing(root: Path) -> Listing:
    """Rows for every video of the JSON files whose folder of frames is there.

    Raises:
        ManifestError: there is no JSON file, or one is wrong.
    """
    tables = [path for path in _tables(root) if _begins_right(path)]
    if not tables:
        raise ManifestError(
            f"{root} has no JSON file of DeepfakeBench, nor has dataset_json in it"
            " (docs/datasets/deepfakebench.md)"
        )
    videos = pd.concat([read_splits(path) for path in tables], ignore_index=True)
    found = [_below(root, path) for path in videos["path"]]
    rows = videos.assign(path=found)
    absent = videos.loc[rows["path"] == "", "video_id"]
    rows = rows[rows["path"] != ""].drop_duplicates("path")
    notes = notes_on(absent, "videos have no frames on disk")
    return Listing(rows[COLUMNS].reset_index(drop=True), notes)


def read_splits(path: Path) -> pd.DataFrame:
    """All videos of a JSON file, whether or not their frames are there.

    Returns:
        `COLUMNS` with the folder of the frames as path, and video_id and dataset.

    Raises:
        ManifestError: it is not made as DeepfakeBench's are, or has an unknown class.
    """
    rows = []
    for dataset, class_name, split, compression, name, video in _walk(path):
        frames = video.get("frames")
        if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
            raise ManifestError(f"{path}: {name} of {class_name} has no list of frames")
        if not frames:
            continue
        label = _label(path, class_name)
        rows.append(
            {
                "video_id": "/".join(filter(None, [dataset, class_name, compression, name])),
                "dataset": dataset,
                "path": PurePosixPath(frames[0].replace("\\", "/")).parent.as_posix(),
                "label": label,
                "method": "real" if label == REAL else class_name,
                "compression": compression,
                "official_split": split if split in SPLITS else "",
                **_people(name),
            }
        )
    more = pd.DataFrame(rows, columns=["video_id", "dataset"])
    return pd.concat([table_of(rows), more], axis=1)


def _walk(path: Path) -> Iterator[tuple[str, str, str, str, str, dict[str, Any]]]:
    """Data set, class, split, compression, name and content of every video."""
    for dataset, classes in read_json(path, dict).items():
        for class_name, splits in _dict(path, dataset, classes).items():
            for split, content in _dict(path, class_name, splits).items():
                for name, value in _dict(path, split, content).items():
                    if "frames" in _dict(path, name, value):
                        yield dataset, class_name, split, "", name, value
                        continue
                    for video, inner in value.items():
                        entry = _dict(path, video, inner)
                        yield dataset, class_name, split, name, video, entry


def _dict(path: Path, name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ManifestError(f"{path}: {name} is not made as in DeepfakeBench's JSON files")
    return value


def _label(path: Path, class_name: str) -> int:
    if REAL_CLASS.fullmatch(class_name):
        return REAL
    if class_name in FAKE_CLASSES or FAKE_CLASS.fullmatch(class_name):
        return FAKE
    raise ManifestError(
        f"{path}: nothing says whether the class {class_name} is real or fake: put one of the words"
        " into its name"
    )


def _people(name: str) -> dict[str, str]:
    for pattern, space in PEOPLE:
        found = pattern.fullmatch(name)
        if found:
            return {role: f"{space}:{who}" for role, who in found.groupdict().items() if who}
    return {}


def _below(root: Path, path: str) -> str:
    """The longest end of the path that is a folder below the root, or ""."""
    parts = PurePosixPath(path).parts
    ends = (PurePosixPath(*parts[i:]) for i in range(len(parts)) if parts[i] not in ("/", ".."))
    return next((end.as_posix() for end in ends if (root / end).is_dir()), "")


def _tables(root: Path) -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (root / folder).glob("*.json"))


def _begins_right(path: Path) -> bool:
    """Whether the text starts with a data set that holds a class that holds a split."""
    with path.open(encoding="utf-8", errors="replace") as file:
        start = file.read(2000)
    return bool(
        re.match(r'\s*\{\s*"[^"]+":\s*\{\s*"[^"]+":\s*\{\s*"(train|val|test)":\s*\{', start)
    )
