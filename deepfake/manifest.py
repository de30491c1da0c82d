"""The manifest: one validated row per video or image."""

from pathlib import Path, PurePosixPath
from posixpath import normpath, splitext

import pandas as pd
import pandera.pandas as pa

from deepfake.datasets import csv_file, folders
from deepfake.errors import ManifestError

REAL, FAKE = 0, 1
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".gif"}
)
MAX_LISTED = 20  # mistakes shown in an error; the rest is counted

LAYOUTS = {"csv": csv_file.rows, "folders": folders.rows}

_TEXT = pa.Column(str, nullable=False)
SCHEMA = pa.DataFrameSchema(
    {
        "video_id": pa.Column(str, unique=True),  # dataset, then the path without its suffix
        "path": pa.Column(str, unique=True),  # below dataset.root, with forward slashes
        "label": pa.Column(int, pa.Check.isin([REAL, FAKE])),
        "dataset": _TEXT,
        "method": _TEXT,  # "real", or what made the fake
        "compression": _TEXT,
        "target": _TEXT,  # whose body and scene it is; "" = not known
        "source": _TEXT,  # whose face was put in; "" = none or not known
        "original": _TEXT,  # video_id of the real video a fake was made from, or ""
        "official_split": _TEXT,  # train, val, test or ""
        "kind": pa.Column(str, pa.Check.isin(["video", "image"])),
    },
    ordered=True,
    strict=True,
)


def build_manifest(root: Path, name: str, layout: str) -> pd.DataFrame:
    """List the videos below `root` as a validated table, sorted by video_id.

    Args:
        root: the data set's folder.
        name: first part of every video_id.
        layout: how the folder is organised, a key of `LAYOUTS`.

    Raises:
        ManifestError: listing every duplicate, missing file, bad label or unknown file type.
    """
    if not root.is_dir():
        raise ManifestError(f"dataset.root {root} is not a folder: set it in params.yaml")
    table = _completed(LAYOUTS[layout](root), name)
    if table.empty:
        raise ManifestError(f"no videos or images below {root} for dataset.layout {layout}")
    mistakes = [*_file_mistakes(root, table), *_schema_mistakes(table), *_original_mistakes(table)]
    if mistakes:
        shown = [f"  {mistake}" for mistake in mistakes[:MAX_LISTED]]
        if len(mistakes) > MAX_LISTED:
            shown.append(f"  ... and {len(mistakes) - MAX_LISTED} more")
        raise ManifestError("\n".join([f"{root} has {len(mistakes)} mistakes:", *shown]))
    return table.sort_values("video_id", ignore_index=True)


def _completed(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Add the columns that follow from the others."""
    table = rows.assign(dataset=name, kind=rows["path"].map(kind_of))
    stems = rows["path"].map(lambda path: normpath(splitext(path)[0]))
    table["video_id"] = f"{name}/" + stems
    ids = dict(zip(table["path"], table["video_id"], strict=True))
    table["original"] = [ids.get(path, path) for path in table["original"]]
    return table[list(SCHEMA.columns)]


def kind_of(path: str) -> str:
    """video or image by the file's suffix, or what is wrong with it."""
    suffix = Path(path).suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return "image"
    return "video" if suffix in VIDEO_SUFFIXES else f"unknown type {suffix or 'without suffix'}"


def _file_mistakes(root: Path, table: pd.DataFrame) -> list[str]:
    outside = [
        f"{path}: must be a path below {root}"
        for path in table["path"]
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts
    ]
    missing = [f"{path}: no such file" for path in table["path"] if not (root / path).is_file()]
    return outside + missing


def _original_mistakes(table: pd.DataFrame) -> list[str]:
    reals = set(table.loc[table["label"] == REAL, "video_id"])
    bad = table[(table["original"] != "") & ~table["original"].isin(reals)]
    return [
        f"{row.path}: its original {row.original} is not a REAL row of the table"
        for row in bad.itertuples()
    ]


def _schema_mistakes(table: pd.DataFrame) -> list[str]:
    try:
        SCHEMA.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        return [
            f"{table['path'].get(case.index, case.index)}: {case.column} is {case.failure_case!r},"
            f" which fails {case.check}"
            for case in cases.itertuples(index=False, name="Case")
        ]
    return []
