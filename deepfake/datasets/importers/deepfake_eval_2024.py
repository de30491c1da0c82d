"""Deepfake-Eval-2024 (Chandra et al., 2025): videos that circulated on social media in 2024.

    video-data/<file>
    video-metadata-publish.csv    Filename, Video Ground Truth (Real, Fake or Unknown), ...

The table may have another name, and be in a folder of the root. Its column Finetuning Set (train or
test) is the official split. Images and audio, which have their own tables, are not read.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from deepfake.base.errors import ManifestError, format_list
from deepfake.core.folders import files_below
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import VIDEO_SUFFIXES
from deepfake.datasets.importers.reading import notes_on
from deepfake.datasets.listing import Listing, table_of

FOLDER = "video-data"
NAME, TRUTH, SPLIT = "Filename", "Video Ground Truth", "Finetuning Set"
LABELS = {"real": REAL, "fake": FAKE}
UNKNOWN = "unknown"
OFFICIAL_SPLITS = ("train", "test")
METHOD = "in the wild"
HEAD_LENGTH = 2000  # characters of a table's first line that are read


def recognises(root: Path) -> bool:
    """Whether there is the folder of the videos and a table of them."""
    return (root / FOLDER).is_dir() and any(_tables(root))


def listing(root: Path) -> Listing:
    """Rows for every video that the table calls real or fake.

    Raises:
        ManifestError: no table has the two columns, or the table is invalid.
    """
    table_path, entries = _read_table(root)
    rows: list[dict[str, str | int]] = []
    unknown: list[str] = []
    unlisted: list[str] = []
    files = files_below(root / FOLDER, VIDEO_SUFFIXES)
    for file in files:
        path = file.relative_to(root).as_posix()
        truth, split = entries.get(file.name, ("", ""))
        if truth in LABELS:
            method = "real" if truth == "real" else METHOD
            official = split if split in OFFICIAL_SPLITS else ""
            label = LABELS[truth]
            rows.append(
                {"path": path, "label": label, "method": method, "official_split": official}
            )
        else:
            (unknown if truth else unlisted).append(path)
    absent = entries.keys() - {file.name for file in files}
    notes = notes_on(unknown, "videos are neither Real nor Fake, left out")
    notes += notes_on(unlisted, f"videos are not in {table_path.name}, left out")
    notes += notes_on(absent, f"videos in {table_path.name} are not on disk")
    return Listing(table_of(rows), notes)


def _read_table(root: Path) -> tuple[Path, dict[str, tuple[str, str]]]:
    """The table's path, and by file name the ground truth and split in lower case."""
    path = next(_tables(root), None)
    if path is None:
        raise ManifestError(
            f"{root} has no CSV table with the columns {NAME} and {TRUTH}: restore it from the"
            " data set (see docs/datasets/deepfake_eval_2024.md)"
        )
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise ManifestError(f"{path} is not a CSV table in UTF-8: {error}") from error
    names, truths = table[NAME].str.strip(), table[TRUTH].str.strip().str.lower()
    invalid = truths.index[~truths.isin([*LABELS, UNKNOWN])]
    if len(invalid):
        title = f"{path}: {TRUTH} must be Real, Fake or Unknown:"
        raise ManifestError(
            format_list(title, [f"row {i + 2}: {table[TRUTH][i]!r}" for i in invalid])
        )
    splits = table[SPLIT].str.strip().str.lower() if SPLIT in table else truths.map(lambda _: "")
    entries: dict[str, tuple[str, str]] = {}
    for name, truth, split in zip(names, truths, splits, strict=True):
        if entries.setdefault(name, (truth, split)) != (truth, split):
            raise ManifestError(f"{path} has contradictory rows for {name}: remove one of them")
    return path, entries


def _tables(root: Path) -> Iterator[Path]:
    """CSV tables with the columns NAME and TRUTH, which those of images and audio lack."""
    for path in sorted([*root.glob("*.csv"), *root.glob("*/*.csv")]):
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            columns = {column.strip('" \r\n') for column in file.readline(HEAD_LENGTH).split(",")}
            if {NAME, TRUTH} <= columns:
                yield path
