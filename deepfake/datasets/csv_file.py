"""A table of your own: labels.csv with at least the columns path and label."""

from pathlib import Path

import pandas as pd

from deepfake.datasets import COLUMNS
from deepfake.errors import ManifestError

TABLE = "labels.csv"
LABELS = {"0": 0, "real": 0, "1": 1, "fake": 1}


def rows(root: Path) -> pd.DataFrame:
    """Rows of `root`/labels.csv; columns that are left out are filled with what is known.

    Labels are 0 or REAL, 1 or FAKE. `identity` is read as `target` where there is none. Columns
    that this project has no use for are ignored.

    Raises:
        ManifestError: the table or a needed column is missing or unreadable, or labels are something else.
    """
    path = root / TABLE
    if not path.is_file():
        raise ManifestError(
            f"{path} is missing: dataset.layout csv needs it (see docs/your-data.md)"
        )
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} is not a CSV table in UTF-8: {error}") from error
    missing = [column for column in ("path", "label") if column not in table]
    if missing:
        raise ManifestError(f"{path} has no column {' and '.join(missing)}; it has {list(table)}")
    labels = table["label"].str.strip().str.lower().map(LABELS)
    if labels.isna().any():
        lines = [f"  row {i + 2}: {table['label'][i]!r}" for i in labels.index[labels.isna()]]
        raise ManifestError(
            "\n".join([f"{path} has labels that are not REAL, FAKE, 0 or 1:", *lines[:20]])
        )
    table = table.assign(label=labels.astype(int))
    if "target" not in table and "identity" in table:
        table["target"] = table["identity"]
    if "method" not in table:
        table["method"] = table["label"].map({0: "real", 1: "fake"})
    return table.reindex(columns=COLUMNS, fill_value="")
