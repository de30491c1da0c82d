"""The leak check on anybody's splits: tables, DeepfakeBench's JSON, or a data set's official lists."""

from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.base.errors import ManifestError
from deepfake.core.labels import REAL, SPLITS
from deepfake.datasets.importers import csv_file, deepfakebench
from deepfake.datasets.scanning import list_videos
from deepfake.splits import groups
from deepfake.splits.policies import MAX_LISTED

TABLES = {name: f"{name}.csv" for name in SPLITS}


def read_splits(path: Path) -> dict[str, pd.DataFrame]:
    """Splits by name, with the columns that `groups.names_of` looks for.

    Args:
        path: a folder with train.csv, val.csv and test.csv (at least two of them; columns path,
            label, and any of video_id, target, source, original, identity, clusters, content), a
            JSON file of DeepfakeBench, or the root of a data set that says which video is in
            which of its official splits.

    Raises:
        ManifestError: there are no splits, or a table cannot be read.
    """
    if path.suffix.lower() == ".json":
        return _by_official_split(deepfakebench.read_splits(path), path)
    if not path.is_dir():
        raise ManifestError(f"{path} is neither a folder nor a JSON file of splits")
    tables = {name: path / file for name, file in TABLES.items() if (path / file).is_file()}
    if len(tables) == 1:
        raise ManifestError(
            f"{path} has {TABLES[next(iter(tables))]} only: nothing to compare with"
        )
    if tables:
        return {name: _read_table(file) for name, file in tables.items()}
    return _by_official_split(list_videos(path, path.name).rows, path)


def audit(splits: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Sizes of the splits and what stands in two of them, as JSON-able numbers and names."""
    found = groups.overlapping_names(splits)
    leaks = [
        {"kind": kind, "splits": [a, b], "count": len(rows), "names": rows["name"].tolist()}
        for (kind, a, b), rows in found.groupby(["kind", "a", "b"])
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


def describe(found: dict[str, Any]) -> str:
    """The result of `audit` for people to read."""
    lines = [
        f"{name:<6} {size['videos']:>7} videos  {size['real']:>7} REAL  {size['fake']:>7} FAKE"
        f"  {size['people']:>6} people, {size['videos_of_unknown_people']} videos of unknown people"
        for name, size in found["splits"].items()
    ]
    for leak in found["leaks"]:
        a, b = leak["splits"]
        names = leak["names"][:MAX_LISTED] + ["..."] * (leak["count"] > MAX_LISTED)
        lines.append(f"LEAK   {leak['count']} {leak['kind']} in {a} and {b}: {', '.join(names)}")
    if not found["leaks"]:
        unknown = any(size["videos_of_unknown_people"] for size in found["splits"].values())
        doubt = "; what is unknown may still be shared" if unknown else ""
        lines.append(f"nothing known is in two splits{doubt}")
    return "\n".join(lines)


def _people(table: pd.DataFrame) -> set[str]:
    return {*table["target"], *table["source"]} - {""}


def _read_table(file: Path) -> pd.DataFrame:
    table = csv_file.read_table(file)
    ids = table["video_id"] if "video_id" in table else table["path"]
    return table.assign(video_id=ids, source=table.get("source", ""))


def _by_official_split(rows: pd.DataFrame, path: Path) -> dict[str, pd.DataFrame]:
    found = {name: rows[rows["official_split"] == name] for name in SPLITS}
    found = {name: table for name, table in found.items() if len(table)}
    if len(found) < 2:
        raise ManifestError(
            f"{path} names {len(found)} official splits; two are needed (docs/datasets says which"
            " list a data set needs)"
        )
    return found
