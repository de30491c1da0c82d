"""Deepfake-Eval-2024 (Chandra et al., 2025): videos that circulated on social media in 2024.

    video-data/<file>
    <name>.csv    with the columns Filename and Video Ground Truth (Real, Fake or Unknown)

A column Finetuning Set (Train or Test) is the official split.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.datasets import FAKE, REAL, VIDEO_SUFFIXES, Listing, files_below, table_of
from deepfake.datasets.reading import notes_on
from deepfake.errors import ManifestError, listed

FOLDER = "video-data"
NAME, TRUTH, SPLIT = "Filename", "Video Ground Truth", "Finetuning Set"
LABELS = {"real": REAL, "fake": FAKE}
METHOD = "in the wild"


def recognises(root: Path) -> bool:
    """Whether the folder of the videos is there."""
    return (root / FOLDER).is_dir()


def listing(root: Path) -> Listing:
    """Rows for every video that is known to be real or fake.

    Raises:
        ManifestError: there is no table with the two columns, or a truth means nothing.
    """
    path, table = _table(root)
    truths = table[TRUTH].str.strip().str.lower()
    wrong = [
        f"row {i + 2}: {table[TRUTH][i]!r}"
        for i in truths[~truths.isin([*LABELS, "unknown"])].index
    ]
    if wrong:
        raise ManifestError(
            listed(f"{path} has a {TRUTH} that is not Real, Fake or Unknown:", wrong)
        )
    splits = table.get(SPLIT, pd.Series("", table.index)).str.strip().str.lower()
    names = table[NAME].str.strip()
    known = {name: (truth, split) for name, truth, split in zip(names, truths, splits, strict=True)}
    rows: list[dict[str, Any]] = []
    unknown: list[str] = []
    strange: list[str] = []
    for file in files_below(root / FOLDER, VIDEO_SUFFIXES):
        truth, split = known.get(file.name, ("", ""))
        place = file.relative_to(root).as_posix()
        if truth in LABELS:
            row = {
                "path": place,
                "label": LABELS[truth],
                "method": METHOD if truth == "fake" else "real",
            }
            rows.append({**row, "official_split": split if split in ("train", "test") else ""})
        else:
            (unknown if truth else strange).append(place)
    absent = known.keys() - {file.name for file in files_below(root / FOLDER, VIDEO_SUFFIXES)}
    notes = notes_on(unknown, "videos are neither known as real nor as fake, left out")
    notes += notes_on(strange, f"videos are not in {path.name}, left out")
    return Listing(
        table_of(rows), notes + notes_on(absent, f"videos of {path.name} are not on disk")
    )


def _table(root: Path) -> tuple[Path, pd.DataFrame]:
    """The table of the videos; those of images and sounds have other columns."""
    for path in sorted([*root.glob("*.csv"), *root.glob("*/*.csv")]):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if {NAME, TRUTH} <= {*table.columns}:
            return path, table
    raise ManifestError(
        f"{root} has no CSV table with the columns {NAME} and {TRUTH}: take it from the data set"
        " (docs/datasets/deepfake_eval_2024.md)"
    )
