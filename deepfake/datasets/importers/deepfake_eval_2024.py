"""Deepfake-Eval-2024 (Chandra et al., 2025): videos that circulated on social media in 2024.

    video-data/<file>
    video-metadata-publish.csv    Filename, Video Ground Truth (Real, Fake or Unknown), ...

The table may have another name, and be one level deeper. Its column Finetuning Set (train or test)
is the official split. Images and sounds have tables of their own and are not read.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from deepfake.base.errors import ManifestError, listed
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import VIDEO_SUFFIXES
from deepfake.datasets.importers.reading import notes_on
from deepfake.datasets.listing import Listing, files_below, table_of

FOLDER = "video-data"
NAME, TRUTH, SPLIT = "Filename", "Video Ground Truth", "Finetuning Set"
LABELS = {"real": REAL, "fake": FAKE}
UNKNOWN = "unknown"
SPLITS = ("train", "test")
METHOD = "in the wild"
HEAD = 2000  # characters of a table's first line that are looked at


def recognises(root: Path) -> bool:
    """Whether the folder of the videos is there, and their table."""
    return (root / FOLDER).is_dir() and any(_tables(root))


def listing(root: Path) -> Listing:
    """Rows for every video that is known to be real or fake.

    Raises:
        ManifestError: there is no table with the two columns, or it cannot be right.
    """
    path, known = _read_table(root)
    rows: list[dict[str, str | int]] = []
    left_out: list[str] = []
    strange: list[str] = []
    files = files_below(root / FOLDER, VIDEO_SUFFIXES)
    for file in files:
        place = file.relative_to(root).as_posix()
        truth, split = known.get(file.name, ("", ""))
        if truth in LABELS:
            method = "real" if truth == "real" else METHOD
            official = split if split in SPLITS else ""
            label = LABELS[truth]
            rows.append(
                {"path": place, "label": label, "method": method, "official_split": official}
            )
        else:
            (left_out if truth else strange).append(place)
    absent = known.keys() - {file.name for file in files}
    notes = notes_on(left_out, "videos are neither known as real nor as fake, left out")
    notes += notes_on(strange, f"videos are not in {path.name}, left out")
    notes += notes_on(absent, f"videos of {path.name} are not on disk")
    return Listing(table_of(rows), notes)


def _read_table(root: Path) -> tuple[Path, dict[str, tuple[str, str]]]:
    """The path of the table, and truth and split by the name of the file, in lower case."""
    path = next(_tables(root), None)
    if path is None:
        raise ManifestError(
            f"{root} has no CSV table with the columns {NAME} and {TRUTH}: take it from the data"
            " set (docs/datasets/deepfake_eval_2024.md)"
        )
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise ManifestError(f"{path} is not a CSV table in UTF-8: {error}") from error
    names, truths = table[NAME].str.strip(), table[TRUTH].str.strip().str.lower()
    wrong = truths.index[~truths.isin([*LABELS, UNKNOWN])]
    if len(wrong):
        title = f"{path} has a {TRUTH} that is not Real, Fake or Unknown:"
        raise ManifestError(listed(title, [f"row {i + 2}: {table[TRUTH][i]!r}" for i in wrong]))
    splits = table[SPLIT].str.strip().str.lower() if SPLIT in table else truths.map(lambda _: "")
    known: dict[str, tuple[str, str]] = {}
    for name, truth, split in zip(names, truths, splits, strict=True):
        if known.setdefault(name, (truth, split)) != (truth, split):
            raise ManifestError(f"{path} says different things of {name}: correct the table")
    return path, known


def _tables(root: Path) -> Iterator[Path]:
    """Tables with the two columns; those of images and sounds have other ones."""
    for path in sorted([*root.glob("*.csv"), *root.glob("*/*.csv")]):
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            columns = {column.strip('" \r\n') for column in file.readline(HEAD).split(",")}
            if {NAME, TRUTH} <= columns:
                yield path
