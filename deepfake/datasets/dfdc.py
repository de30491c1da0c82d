"""DFDC, the Deepfake Detection Challenge (Dolhansky et al., 2020).

    dfdc_train_part_N/metadata.json    {"x.mp4": {"label": "FAKE", "original": "y.mp4", ...}, ...}
    dfdc_train_part_N/x.mp4
    test/labels.csv                    filename,label with 1 = FAKE, and the videos beside it

A part is a folder with a metadata.json; the root may be one, or have parts at any depth. Fakes and
their original are in one part. Nothing says who is in a video: the identities stage finds actors.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.datasets import FAKE, REAL, VIDEO_SUFFIXES, Listing, files_below, table_of
from deepfake.datasets.reading import notes_on, read_json
from deepfake.errors import ManifestError

PART, TEST = "metadata.json", "labels.csv"
LABELS = {"REAL": REAL, "FAKE": FAKE, "0": REAL, "1": FAKE}
SPLITS = {"train": "train", "val": "val", "validation": "val", "test": "test"}
METHOD = "dfdc"  # eight methods were used, and it was not published which for which video


def recognises(root: Path) -> bool:
    """Whether the root or a folder in it is a part, or the test set."""
    if any([(root / PART).is_file(), *root.glob(f"*/{PART}")]):
        return True
    tables = [root / TEST, *root.glob(f"*/{TEST}")]
    return any(path.is_file() and _columns(path)[:1] == ["filename"] for path in tables)


def listing(root: Path) -> Listing:
    """Rows for every video that the table beside it names.

    Raises:
        ManifestError: a table cannot be read, or has a label that is neither REAL nor FAKE.
    """
    named = dict(_entries(root))
    there = [file.relative_to(root).as_posix() for file in files_below(root, VIDEO_SUFFIXES)]
    rows = [{"path": path, **named[path]} for path in there if path in named]
    notes = notes_on(named.keys() - {*there}, "videos of the tables are not on disk")
    notes += notes_on({*there} - named.keys(), "videos are in no table, left out")
    return Listing(table_of(rows), notes)


def _entries(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the tables say, by path below the root."""
    for table in files_below(root, [PART, TEST]):
        folder = table.parent.relative_to(root)
        for name, entry in (_of_part if table.name == PART else _of_test)(table):
            label = LABELS.get(str(entry.get("label", "")).upper())
            if label is None:
                raise ManifestError(f"{table}: {name} has a label that is neither REAL nor FAKE")
            original = entry.get("original") if label == FAKE else None
            yield (
                (folder / name).as_posix(),
                {
                    "label": label,
                    "method": METHOD if label == FAKE else "real",
                    "original": (folder / original).as_posix() if original else "",
                    "official_split": SPLITS.get(str(entry.get("split", "")).lower(), ""),
                },
            )


def _of_part(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    content = read_json(path, dict)
    for name, entry in content.items():
        if not isinstance(entry, dict):
            raise ManifestError(f"{path}: {name} should have a label, as DFDC's metadata.json does")
        yield name, entry


def _of_test(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if not {"filename", "label"} <= {*table.columns}:
        raise ManifestError(f"{path} should have the columns filename and label")
    for row in table.to_dict("records"):
        yield str(row["filename"]), {"label": row["label"], "split": "test"}


def _columns(path: Path) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().strip().split(",")
