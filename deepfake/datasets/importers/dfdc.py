"""DFDC, the Deepfake Detection Challenge (Dolhansky et al., 2020).

    dfdc_train_part_N/metadata.json         {"x.mp4": {"label": "FAKE", "original": "y.mp4"}, ...}
    {validation,test}/metadata.json         {"x.mp4": {"is_fake": 1, ...}, ...}
    {validation,test}/labels.csv            filename,label with 1 = FAKE

The videos lie beside their table. The root may hold such folders at any depth, or be one. Fakes and
their original are in one part. Nothing says who is in a video: the identities stage finds actors.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import VIDEO_SUFFIXES
from deepfake.datasets.importers.reading import notes_on, read_json
from deepfake.datasets.listing import Listing, files_below, table_of

PART, LIST = "metadata.json", "labels.csv"
LABELS = {"REAL": REAL, "FAKE": FAKE, "0": REAL, "1": FAKE}
SPLITS = {"train": "train", "val": "val", "validation": "val", "test": "test"}
METHOD = "dfdc"  # eight methods were used, and it was not published which for which video

HEAD = 2000  # characters that show what a table is
BEGINNINGS = {
    PART: re.compile(r'\s*\{\s*"[^"/]+\.mp4"\s*:\s*\{[^}]*"(label|is_fake|augmentations)"'),
    LIST: re.compile(r"filename,label\b.*\s+[a-z]{10}\.mp4,[01]\b"),
}


def recognises(root: Path) -> bool:
    """Whether the root, or a folder one or two levels below it, has a table of this data set."""
    places = ("", "*/", "*/dfdc_train_part_*/")
    return any(
        _begins_right(path)
        for name in (PART, LIST)
        for at in places
        for path in root.glob(at + name)
    )


def listing(root: Path) -> Listing:
    """Rows for every video that the table beside it names.

    Raises:
        ManifestError: there is no table, one cannot be read, or has a label that means nothing.
    """
    tables = [path for path in files_below(root, [PART, LIST]) if path.name in (PART, LIST)]
    if not tables:
        raise ManifestError(
            f"{root} has no {PART} and no {LIST} in any folder (see docs/datasets/dfdc.md)"
        )
    named = {path: row for table in tables for path, row in _rows(root, table)}
    there = [file.relative_to(root).as_posix() for file in files_below(root, VIDEO_SUFFIXES)]
    rows = [{"path": path, **named[path]} for path in there if path in named]
    notes = notes_on(named.keys() - {*there}, "videos of the tables are not on disk")
    notes += notes_on({*there} - named.keys(), "videos are in no table, left out")
    return Listing(table_of(rows), notes)


def _rows(root: Path, table: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a table says, by path below the root."""
    folder = table.parent.relative_to(root)
    for name, entry in (_of_part if table.name == PART else _of_list)(table):
        truth = entry.get("label", entry.get("is_fake"))
        label = LABELS.get(str(truth).strip().upper())
        if label is None:
            raise ManifestError(
                f"{table}: {name} has the label {truth!r}, which is neither REAL nor FAKE: take it"
                " from the data set again"
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
    """What the table says, else the folder; tables that are not those of parts are of the test."""
    names = (str(entry.get("split", "")), table.parent.name)
    found = next((SPLITS[name.lower()] for name in names if name.lower() in SPLITS), "")
    return found or ("test" if table.name == LIST or "is_fake" in entry else "")


def _of_part(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    content = read_json(path, dict)
    for name, entry in content.items():
        if not isinstance(entry, dict):
            raise ManifestError(f"{path}: {name} should have a label, as DFDC's metadata.json does")
        yield name, entry


def _of_list(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise ManifestError(f"{path} is not a CSV table in UTF-8: {error}") from error
    if not {"filename", "label"} <= {*table.columns}:
        raise ManifestError(f"{path} should have the columns filename and label")
    for row in table.to_dict("records"):
        yield str(row["filename"]), {str(name): value for name, value in row.items()}


def _begins_right(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return bool(BEGINNINGS[path.name].match(file.read(HEAD)))
