"""Data sets prepared by DeepfakeBench (Yan et al., NeurIPS 2023): frames, and JSON files of them.

    *.json or dataset_json/*.json    {data set: {class: {split: {[compression:] {video: {...}}}}}}
    <frames>                         anywhere below the root

A video has a label and a list of frame paths. They may be absolute paths of another machine, or have
backslashes; the importer uses the longest end of a path that exists below the root.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from deepfake.base.errors import ManifestError, format_list
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.importers.reading import notes_on, read_json
from deepfake.datasets.listing import COLUMNS, Listing, table_of

JSON_FOLDERS = (".", "dataset_json")  # below the root
SPLIT_PRIORITY = ("test", "val", "train")  # a video in several splits goes to the first of them
HEAD_LENGTH = 2000  # characters that tell DeepfakeBench's JSON files from others

# The classes of its label_dict. FakeAVCeleb's "FakeVideo-RealAudio" matches neither, so it is an error.
REAL_CLASS = re.compile(r"(.*[-_])?real", re.IGNORECASE)
FAKE_CLASS = re.compile(r"FF-(DF|F2F|FS|NT|FH|SH)|(.*[-_])?fake[AB]?", re.IGNORECASE)

# Patterns of "data set/class" and of its video names; formats of the people's names, by role.
_FFPP, _CELEBDF = "ffpp:{}", "celebdf:{}"
PEOPLE = [
    (
        re.compile(r".*/FF-.*|.*_ff/.*"),  # DF40 has data sets like simswap_ff
        re.compile(r"(?P<target>\d{3})(_(?P<source>\d{3}))?"),
        {"target": _FFPP, "source": _FFPP},
    ),
    (
        re.compile(r"Celeb-?DF.*|.*_cdf/.*", re.IGNORECASE),
        re.compile(r"(?P<target>id\d+)(_(?P<source>id\d+))?_\d+"),
        {"target": _CELEBDF, "source": _CELEBDF},
    ),
    (
        re.compile(r".*/DFD_(real|fake)"),
        re.compile(r"(?P<target>\d\d)(_(?P<source>\d\d))?__.+"),
        {"target": "dfd:{}", "source": "dfd:{}"},
    ),
    (
        re.compile(r".*/DFDCP_Real"),
        re.compile(r"(?P<target>\d+)_.+"),
        {"target": "dfdc_preview:{}"},
    ),
    (
        re.compile(r".*/DFDCP_Fake[AB]"),
        re.compile(r"(?P<source>\d+)_(?P<target>\d+)_.+"),
        {"target": "dfdc_preview:{}", "source": "dfdc_preview:{}"},
    ),
    (
        re.compile(r".*/DF_(real|fake)"),  # DeeperForensics, with the reals of FaceForensics++
        re.compile(r"(?P<target>\d{3})(_(?P<source>[MW]\d{3}))?"),
        {"target": _FFPP, "source": "deeperforensics:{}"},
    ),
    (
        re.compile(r".*/UADFV_(Real|Fake)"),
        re.compile(r"(?P<target>\d{4})(_fake)?"),
        {"target": "uadfv:{}"},
    ),
]


def recognises(root: Path) -> bool:
    """Whether there is a JSON file that begins like DeepfakeBench's."""
    return any(_is_deepfakebench(path) for path in _json_files(root))


def listing(root: Path) -> Listing:
    """Rows for every video of the JSON files that has frames on disk.

    Raises:
        ManifestError: there is no JSON file of DeepfakeBench, one is invalid, or the same frames
            are listed as REAL and as FAKE.
    """
    json_files = [path for path in _json_files(root) if _is_deepfakebench(path)]
    if not json_files:
        raise ManifestError(
            f"{root} has no JSON file of DeepfakeBench, neither has its folder dataset_json"
            " (see docs/datasets/deepfakebench.md)"
        )
    videos = pd.concat([read_videos(path) for path in json_files], ignore_index=True)
    on_disk = {path: _longest_existing_end(root, path) for path in videos["path"].unique()}
    rows = videos.assign(path=videos["path"].map(on_disk))
    absent = rows.loc[rows["path"] == "", "video_id"].unique()
    notes = notes_on(absent, "videos have no frames on disk")
    rows, shared = _without_shared(rows[rows["path"] != ""])
    notes += notes_on(shared, "folders have frames of several videos, left out")
    rows = rows.sort_values("official_split", key=_priority, kind="stable")
    notes += notes_on(
        _paths_with_several(rows, "official_split"),
        f"videos are in several splits, assigned to the first of {', '.join(SPLIT_PRIORITY)}",
    )
    return Listing(rows.drop_duplicates("path")[COLUMNS].reset_index(drop=True), notes)


def read_videos(path: Path) -> pd.DataFrame:
    """All videos of a JSON file; their frames need not be on disk.

    Returns:
        A table with `COLUMNS`, video_id and dataset. `path` is the folder of the frames as the file
        gives it (the frame itself if there is only one, "" if there is none). A video has one row
        for each split that lists it.

    Raises:
        ManifestError: the file does not have DeepfakeBench's structure, or a class is unknown.
    """
    rows = []
    for dataset, class_name, split, compression, name, video in _videos(path):
        label = _label(path, class_name)
        label_name = video.get("label", class_name)
        if _label(path, str(label_name)) != label:
            raise ManifestError(
                f"{path}: {name} is in {class_name} but has the label {label_name}: correct one of"
                " them"
            )
        rows.append(
            {
                "video_id": "/".join(filter(None, [dataset, class_name, compression, name])),
                "dataset": dataset,
                "path": _common_path(path, f"{name} of {class_name}", video.get("frames")),
                "label": label,
                "method": "real" if label == REAL else class_name,
                "compression": compression,
                "official_split": split if split in SPLIT_PRIORITY else "",
                **_people(f"{dataset}/{class_name}", name),
            }
        )
    ids = pd.DataFrame(rows, columns=["video_id", "dataset"])
    return pd.concat([table_of(rows), ids], axis=1)


def _videos(path: Path) -> Iterator[tuple[str, str, str, str, str, dict[str, Any]]]:
    """Data set, class, split, compression, name and entry of every video."""
    for dataset, classes in read_json(path, dict).items():
        for class_name, splits in _dict(path, dataset, classes).items():
            for split, content in _dict(path, class_name, splits).items():
                if isinstance(_dict(path, split, content).get("frames"), list):
                    continue  # DFDC's val is one video without a name, which is also in test
                for name, value in content.items():
                    if "frames" in _dict(path, name, value):
                        yield dataset, class_name, split, "", name, value
                        continue
                    for video, entry in value.items():  # here `name` is the compression
                        yield dataset, class_name, split, name, video, _dict(path, video, entry)


def _dict(path: Path, name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ManifestError(f"{path}: {name} does not have the structure of DeepfakeBench's JSON")
    return value


def _label(path: Path, class_name: str) -> int:
    if REAL_CLASS.fullmatch(class_name):
        return REAL
    if FAKE_CLASS.fullmatch(class_name):
        return FAKE
    raise ManifestError(
        f"{path}: unknown whether class {class_name} is real or fake: end its name with _real or"
        " _fake"
    )


def _common_path(path: Path, name: str, frames: Any) -> str:
    """The folder that holds all frames; the frame if there is only one."""
    if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
        raise ManifestError(f"{path}: {name} has no list of frames")
    paths: list[str] = [frame.replace("\\", "/") for frame in frames]
    if len(paths) < 2:
        return paths[0] if paths else ""
    folders = {posixpath.dirname(frame) for frame in paths}
    try:
        return posixpath.commonpath(folders)
    except ValueError as error:
        raise ManifestError(f"{path}: {name} has frames in unrelated folders: {error}") from error


def _people(class_path: str, name: str) -> dict[str, str]:
    """Target and source of a video in "data set/class", named as that data set's importer does."""
    for class_pattern, name_pattern, formats in PEOPLE:
        match = name_pattern.fullmatch(name) if class_pattern.fullmatch(class_path) else None
        if match:
            people = match.groupdict().items()
            return {role: formats[role].format(person) for role, person in people if person}
    return {}


def _longest_existing_end(root: Path, path: str) -> str:
    """The longest end of the path that exists below the root; "" if there is none."""
    parts = PurePosixPath(path).parts
    ends = (PurePosixPath(*parts[i:]) for i in range(len(parts)) if parts[i] not in ("/", ".."))
    return next((end.as_posix() for end in ends if (root / end).exists()), "")


def _without_shared(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Rows whose path belongs to one video only, and the paths of the other rows.

    Raises:
        ManifestError: the same frames are listed as REAL and as FAKE.
    """
    conflicts = _paths_with_several(rows, "label")
    if conflicts:
        title = f"{len(conflicts)} folders are listed as REAL and as FAKE; correct the JSON files:"
        raise ManifestError(format_list(title, conflicts, 3))
    names = rows["video_id"].str.rsplit("/", n=1).str[-1]
    shared = _paths_with_several(rows.assign(name=names), "name")
    return rows[~rows["path"].isin(shared)], shared


def _paths_with_several(rows: pd.DataFrame, column: str) -> list[str]:
    """Paths with several values in a column."""
    counts = rows.groupby("path")[column].nunique()
    return [str(path) for path in counts.index[counts > 1]]


def _priority(splits: "pd.Series[str]") -> "pd.Series[int]":
    return splits.map({split: rank for rank, split in enumerate((*SPLIT_PRIORITY, ""))})


def _json_files(root: Path) -> list[Path]:
    return sorted(path for folder in JSON_FOLDERS for path in (root / folder).glob("*.json"))


def _is_deepfakebench(path: Path) -> bool:
    """Whether the JSON begins with data set, class and split, as DeepfakeBench's does."""
    with path.open(encoding="utf-8", errors="replace") as file:
        start = file.read(HEAD_LENGTH)
    return bool(
        re.match(r'\s*\{\s*"[^"]+":\s*\{\s*"[^"]+":\s*\{\s*"(train|val|test)":\s*\{', start)
    )
