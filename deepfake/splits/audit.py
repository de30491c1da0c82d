"""The leak check of any splits: tables, DeepfakeBench's JSON, or a data set's official lists."""

from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.base.errors import ManifestError
from deepfake.core.labels import REAL, SPLITS
from deepfake.datasets.importers import csv_file, deepfakebench
from deepfake.datasets.scanning import list_videos
from deepfake.splits import groups
from deepfake.splits.policies import MAX_LISTED

TABLE_FILES = {name: f"{name}.csv" for name in SPLITS}


def read_splits(path: Path) -> dict[str, pd.DataFrame]:
    """Read splits as tables by name, with the columns that `groups.linking_names` uses.

    Args:
        path: a folder with train.csv, val.csv and test.csv (at least two of them; columns path,
            label, and any of video_id, target, source, original, identity, clusters, content), a
            JSON file of DeepfakeBench, or the root of a data set with official splits.

    Raises:
        ManifestError: there are no splits, or a table cannot be read.
    """
    if path.suffix.lower() == ".json":
        return _by_official_split(deepfakebench.read_videos(path), path)
    if not path.is_dir():
        raise ManifestError(f"{path} is neither a folder nor a JSON file of splits: check the path")
    files = {name: path / file for name, file in TABLE_FILES.items() if (path / file).is_file()}
    if len(files) == 1:
        (only,) = files.values()
        raise ManifestError(
            f"{path} has only {only.name}: add the table of another split to compare it with"
        )
    if files:
        return {name: _read_table(file) for name, file in files.items()}
    return _by_official_split(list_videos(path, path.name).rows, path)


def audit(splits: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Sizes of the splits, and the names that two of them share, ready for JSON."""
    shared = groups.find_leaks(splits)
    leaks = [
        {"kind": kind, "splits": [split, other], "count": len(rows), "names": rows["name"].tolist()}
        for (kind, split, other), rows in shared.groupby(["kind", "split", "other"])
    ]
    sizes = {
        name: {
            "videos": len(table),
            "real": int((table["label"] == REAL).sum()),
            "fake": int((table["label"] != REAL).sum()),
            "people": len(_people(table)),
            "videos_of_unknown_people": int((table["target"] == "").sum()),
        }
        for name, table in splits.items()
    }
    return {"splits": sizes, "leaks": leaks}


def describe(result: dict[str, Any]) -> str:
    """The result of `audit` as text."""
    lines = [
        f"{name:<6} {size['videos']:>7} videos  {size['real']:>7} REAL  {size['fake']:>7} FAKE"
        f"  {size['people']:>6} people, {size['videos_of_unknown_people']} videos of unknown people"
        for name, size in result["splits"].items()
    ]
    for leak in result["leaks"]:
        split, other = leak["splits"]
        names = leak["names"][:MAX_LISTED] + ["..."] * (leak["count"] > MAX_LISTED)
        lines.append(
            f"LEAK   {leak['count']} {leak['kind']} in {split} and {other}: {', '.join(names)}"
        )
    if not result["leaks"]:
        unknown = any(size["videos_of_unknown_people"] for size in result["splits"].values())
        caveat = "; unknown people may still be in two splits" if unknown else ""
        lines.append(f"no leaks found{caveat}")
    return "\n".join(lines)


def _people(table: pd.DataFrame) -> set[str]:
    return {*table["target"], *table["source"]} - {""}


def _read_table(file: Path) -> pd.DataFrame:
    table = csv_file.read_table(file)
    ids = table["video_id"] if "video_id" in table else table["path"]
    return table.assign(video_id=ids, source=table.get("source", ""))


def _by_official_split(rows: pd.DataFrame, path: Path) -> dict[str, pd.DataFrame]:
    tables = {name: rows[rows["official_split"] == name] for name in SPLITS}
    tables = {name: table for name, table in tables.items() if len(table)}
    if len(tables) < 2:
        raise ManifestError(
            f"{path} has {len(tables)} official splits, but the audit compares at least two: add"
            " the data set's lists of splits (see docs/datasets)"
        )
    return tables
