"""A table of your own: labels.csv with at least the columns path and label."""

from pathlib import Path

import pandas as pd

from deepfake.base.errors import ManifestError, listed
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.listing import COLUMNS, Listing

TABLE = "labels.csv"
LABELS = {"0": REAL, "real": REAL, "1": FAKE, "fake": FAKE}


def recognises(root: Path) -> bool:
    """Whether the table is there, and is not that of DFDC's test set."""
    path = root / TABLE
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return not file.readline().startswith("filename,")


def listing(root: Path) -> Listing:
    """Rows of `root`/labels.csv; columns that are left out are filled with what is known.

    Raises:
        ManifestError: as `read_table`.
    """
    path = root / TABLE
    if not path.is_file():
        raise ManifestError(f"{path} is missing: layout csv needs it (see docs/your-data.md)")
    return Listing(read_table(path).reindex(columns=COLUMNS, fill_value=""))


def read_table(path: Path) -> pd.DataFrame:
    """A table of videos as people write it: all columns text, but `label`, which is 0 or 1.

    Labels are 0 or REAL, 1 or FAKE. `identity` is read as `target` where there is none; `method` is
    real or fake where none is given.

    Raises:
        ManifestError: the table or a needed column is missing or unreadable, or labels are
            something else.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} is not a CSV table in UTF-8: {error}") from error
    missing = [column for column in ("path", "label") if column not in table]
    if missing:
        raise ManifestError(f"{path} has no column {' and '.join(missing)}; it has {list(table)}")
    labels = table["label"].str.strip().str.lower().map(LABELS)
    if labels.isna().any():
        lines = [f"row {i + 2}: {table['label'][i]!r}" for i in labels.index[labels.isna()]]
        raise ManifestError(listed(f"{path} has labels that are not REAL, FAKE, 0 or 1:", lines))
    table = table.assign(label=labels.astype(int))
    if "target" not in table:
        table["target"] = table.get("identity", "")
    plain = table["label"].map({REAL: "real", FAKE: "fake"})
    methods = table.get("method", plain)
    return table.assign(method=methods.where(methods != "", plain))
