"""DFDC, the Deepfake Detection Challenge (Dolhansky et al., 2020).

    dfdc_train_part_N/metadata.json         {"x.mp4": {"label": "FAKE", "original": "y.mp4"}, ...}
    {validation,test}/metadata.json         {"x.mp4": {"is_fake": 1, ...}, ...}
    {validation,test}/labels.csv            filename,label with 1 = FAKE

The videos are next to their table. Such folders may be at any depth below the root, or be the root.
A fake and its original are in the same part. The people are unknown; the identities stage finds them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.base.errors import ManifestError
from deepfake.core.folders import files_below
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import VIDEO_SUFFIXES
from deepfake.datasets.importers.reading import notes_on, read_json
from deepfake.datasets.listing import Listing, table_of

PART, LIST = "metadata.json", "labels.csv"
LABELS = {"REAL": REAL, "FAKE": FAKE, "0": REAL, "1": FAKE}
OFFICIAL_SPLITS = {"train": "train", "val": "val", "validation": "val", "test": "test"}
METHOD = "dfdc"  # eight methods; the method of each video is not published

HEAD_LENGTH = 2000  # characters that tell DFDC's tables from others
BEGINNINGS = {
    PART: re.compile(r'\s*\{\s*"[^"/]+\.mp4"\s*:\s*\{[^}]*"(label|is_fake|augmentations)"'),
    LIST: re.compile(r"filename,label\b.*\s+[a-z]{10}\.mp4,[01]\b"),
}


def recognises(root: Path) -> bool:
    """Whether the root, or a folder one or two levels below it, has a table of this data set."""
    places = ("", "*/", "*/dfdc_train_part_*/")
    return any(
        begins_as_in_dfdc(path)
        for name in (PART, LIST)
        for place in places
        for path in root.glob(place + name)
    )


def listing(root: Path) -> Listing:
    """Rows for every video that the table in its folder names.

    Raises:
        ManifestError: there is no table, or one cannot be read or has an invalid label.
    """
    tables = [path for path in files_below(root, [PART, LIST]) if path.name in (PART, LIST)]
    if not tables:
        raise ManifestError(
            f"{root} has no {PART} and no {LIST} in any folder (see docs/datasets/dfdc.md)"
        )
    listed = {path: row for table in tables for path, row in _rows(root, table)}
    on_disk = [file.relative_to(root).as_posix() for file in files_below(root, VIDEO_SUFFIXES)]
    rows = [{"path": path, **listed[path]} for path in on_disk if path in listed]
    notes = notes_on(listed.keys() - {*on_disk}, "videos in the tables are not on disk")
    notes += notes_on({*on_disk} - listed.keys(), "videos are in no table, left out")
    return Listing(table_of(rows), notes)


def _rows(root: Path, table: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path below the root and row (without path) of every video in a table."""
    folder = table.parent.relative_to(root)
    for name, entry in (_read_part if table.name == PART else _read_list)(table):
        truth = entry.get("label", entry.get("is_fake"))
        label = LABELS.get(str(truth).strip().upper())
        if label is None:
            raise ManifestError(
                f"{table}: {name} has the label {truth!r}, which is neither REAL nor FAKE: restore"
                " the file from the data set"
            )
        original = str(entry.get("original") or "") if label == FAKE else ""
        yield (
            (folder / name).as_posix(),
            {
                "label": label,
                "method": METHOD if label == FAKE else "real",
                "original": (folder / original).as_posix() if original else "",
                "official_split": _split(table, entry),
            },
        )


def _split(table: Path, entry: dict[str, Any]) -> str:
    """The split that the table or else its folder names; else test, except for training parts."""
    names = (str(entry.get("split", "")).lower(), table.parent.name.lower())
    split = next((OFFICIAL_SPLITS[name] for name in names if name in OFFICIAL_SPLITS), "")
    return split or ("test" if table.name == LIST or "is_fake" in entry else "")


def _read_part(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    content = read_json(path, dict)
    for name, entry in content.items():
        if not isinstance(entry, dict):
            raise ManifestError(f"{path}: {name} has no label: restore the file from the data set")
        yield name, entry


def _read_list(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise ManifestError(f"{path} is not a CSV table in UTF-8: {error}") from error
    if not {"filename", "label"} <= {*table.columns}:
        raise ManifestError(f"{path} must have the columns filename and label")
    for row in table.to_dict("records"):
        yield str(row["filename"]), {str(name): value for name, value in row.items()}


def begins_as_in_dfdc(path: Path) -> bool:
    """Whether a file called `PART` or `LIST` begins as DFDC's do."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return bool(BEGINNINGS[path.name].match(file.read(HEAD_LENGTH)))
