"""What DeepfakeBench (Yan et al., NeurIPS 2023) prepared: its JSON of frames, and the frames.

    *.json or dataset_json/*.json    {data set: {class: {split: {[compression:] {video: {...}}}}}}
    <frames>                         anywhere below the root

A video has a label and a list of frames, whose paths may be absolute, of another machine, or with
backslashes: what counts is the longest end of such a path that exists below the root.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from deepfake.base.errors import ManifestError, listed
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.importers.reading import notes_on, read_json
from deepfake.datasets.listing import COLUMNS, Listing, table_of

FOLDERS = (".", "dataset_json")  # of the JSON files, below the root
SPLITS = ("test", "val", "train")  # a video that is in several of them is taken for the first
HEAD = 2000  # characters that show what a JSON file is

# As in its label_dict. FakeAVCeleb's "FakeVideo-RealAudio" must be neither: say what it is instead.
REAL_CLASS = re.compile(r"(.*[-_])?real", re.IGNORECASE)
FAKE_CLASS = re.compile(r"FF-(DF|F2F|FS|NT|FH|SH)|(.*[-_])?fake[AB]?", re.IGNORECASE)

# What "data set/class" looks like, the names of its videos, and what people are called there.
_OF_FFPP, _OF_CELEBDF = "ffpp:{}", "celebdf:{}"
PEOPLE = [
    (
        re.compile(r".*/FF-.*|.*_ff/.*"),  # DF40 has data sets like simswap_ff
        re.compile(r"(?P<target>\d{3})(_(?P<source>\d{3}))?"),
        {"target": _OF_FFPP, "source": _OF_FFPP},
    ),
    (
        re.compile(r"Celeb-?DF.*|.*_cdf/.*", re.IGNORECASE),
        re.compile(r"(?P<target>id\d+)(_(?P<source>id\d+))?_\d+"),
        {"target": _OF_CELEBDF, "source": _OF_CELEBDF},
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
        re.compile(r".*/DF_(real|fake)"),  # DeeperForensics, its reals being FaceForensics++'s
        re.compile(r"(?P<target>\d{3})(_(?P<source>[MW]\d{3}))?"),
        {"target": _OF_FFPP, "source": "deeperforensics:{}"},
    ),
    (
        re.compile(r".*/UADFV_(Real|Fake)"),
        re.compile(r"(?P<target>\d{4})(_fake)?"),
        {"target": "uadfv:{}"},
    ),
]


def recognises(root: Path) -> bool:
    """Whether there is a JSON file that begins as DeepfakeBench's do."""
    return any(_begins_right(path) for path in _tables(root))


def listing(root: Path) -> Listing:
    """Rows for every video of the JSON files whose frames are there.

    Raises:
        ManifestError: there is no JSON file, or one is wrong, or two contradict each other.
    """
    tables = [path for path in _tables(root) if _begins_right(path)]
    if not tables:
        raise ManifestError(
            f"{root} has no JSON file of DeepfakeBench, nor has dataset_json in it"
            " (docs/datasets/deepfakebench.md)"
        )
    videos = pd.concat([read_splits(path) for path in tables], ignore_index=True)
    places = {path: _below(root, path) for path in videos["path"].unique()}
    rows = videos.assign(path=videos["path"].map(places))
    absent = rows.loc[rows["path"] == "", "video_id"].unique()
    notes = notes_on(absent, "videos have no frames on disk")
    rows, shared = _without_shared(rows[rows["path"] != ""])
    notes += notes_on(shared, "folders have the frames of several videos, left out")
    rows = rows.sort_values("official_split", key=_rank, kind="stable")
    notes += notes_on(
        _in_several(rows, "official_split"),
        f"videos are in several splits, taken for the first of {', '.join(SPLITS)}",
    )
    return Listing(rows.drop_duplicates("path")[COLUMNS].reset_index(drop=True), notes)


def read_splits(path: Path) -> pd.DataFrame:
    """All videos of a JSON file, whether or not their frames are there.

    Returns:
        `COLUMNS` with the folder of the frames as path (the frame, if there is one only; "" if
        there is none), and video_id and dataset. A video has a row for each split that it is in.

    Raises:
        ManifestError: it is not made as DeepfakeBench's are, or has an unknown class.
    """
    rows = []
    for dataset, class_name, split, compression, name, video in _walk(path):
        label = _label(path, class_name)
        said = video.get("label", class_name)
        if _label(path, str(said)) != label:
            raise ManifestError(f"{path}: {name} of {class_name} has the label {said}")
        rows.append(
            {
                "video_id": "/".join(filter(None, [dataset, class_name, compression, name])),
                "dataset": dataset,
                "path": _place(path, f"{name} of {class_name}", video.get("frames")),
                "label": label,
                "method": "real" if label == REAL else class_name,
                "compression": compression,
                "official_split": split if split in SPLITS else "",
                **_people(f"{dataset}/{class_name}", name),
            }
        )
    more = pd.DataFrame(rows, columns=["video_id", "dataset"])
    return pd.concat([table_of(rows), more], axis=1)


def _walk(path: Path) -> Iterator[tuple[str, str, str, str, str, dict[str, Any]]]:
    """Data set, class, split, compression, name and content of every video."""
    for dataset, classes in read_json(path, dict).items():
        for class_name, splits in _dict(path, dataset, classes).items():
            for split, content in _dict(path, class_name, splits).items():
                if isinstance(_dict(path, split, content).get("frames"), list):
                    continue  # DFDC's val is one video without a name, which is also in test
                for name, value in content.items():
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
    if FAKE_CLASS.fullmatch(class_name):
        return FAKE
    raise ManifestError(
        f"{path}: nothing says whether the class {class_name} is real or fake: let its name end"
        " with _real or _fake"
    )


def _place(path: Path, name: str, frames: Any) -> str:
    """The folder that all frames are in, or the frame if there is one only."""
    if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
        raise ManifestError(f"{path}: {name} has no list of frames")
    plain: list[str] = [frame.replace("\\", "/") for frame in frames]
    if len(plain) < 2:
        return plain[0] if plain else ""
    folders = {posixpath.dirname(frame) for frame in plain}
    try:
        return posixpath.commonpath(folders)
    except ValueError as error:
        raise ManifestError(f"{path}: {name} has frames in unrelated folders: {error}") from error


def _people(place: str, name: str) -> dict[str, str]:
    """Who is in a video of "data set/class", as the importer of that data set calls them."""
    for where, names, spaces in PEOPLE:
        found = names.fullmatch(name) if where.fullmatch(place) else None
        if found:
            people = found.groupdict().items()
            return {role: spaces[role].format(who) for role, who in people if who}
    return {}


def _below(root: Path, path: str) -> str:
    """The longest end of the path that exists below the root, or ""."""
    parts = PurePosixPath(path).parts
    ends = (PurePosixPath(*parts[i:]) for i in range(len(parts)) if parts[i] not in ("/", ".."))
    return next((end.as_posix() for end in ends if (root / end).exists()), "")


def _without_shared(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Rows whose path is that of one video, and the other paths.

    Raises:
        ManifestError: the same frames are once REAL and once FAKE.
    """
    torn = _in_several(rows, "label")
    if torn:
        raise ManifestError(listed(f"{len(torn)} folders are once REAL and once FAKE:", torn, 3))
    names = rows["video_id"].str.rsplit("/", n=1).str[-1]
    shared = _in_several(rows.assign(name=names), "name")
    return rows[~rows["path"].isin(shared)], shared


def _in_several(rows: pd.DataFrame, column: str) -> list[str]:
    """Paths that have several values in a column."""
    counts = rows.groupby("path")[column].nunique()
    return [str(path) for path in counts.index[counts > 1]]


def _rank(splits: "pd.Series[str]") -> "pd.Series[int]":
    return splits.map({split: rank for rank, split in enumerate((*SPLITS, ""))})


def _tables(root: Path) -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (root / folder).glob("*.json"))


def _begins_right(path: Path) -> bool:
    """Whether the text starts with a data set that holds a class that holds a split."""
    with path.open(encoding="utf-8", errors="replace") as file:
        start = file.read(HEAD)
    return bool(
        re.match(r'\s*\{\s*"[^"]+":\s*\{\s*"[^"]+":\s*\{\s*"(train|val|test)":\s*\{', start)
    )
