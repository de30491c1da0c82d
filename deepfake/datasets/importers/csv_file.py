"""The user's own table: labels.csv with at least the columns path and label."""

from pathlib import Path

import pandas as pd

from deepfake.base.errors import ManifestError, format_list
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.listing import COLUMNS, Listing

TABLE = "labels.csv"
LABELS = {"0": REAL, "real": REAL, "1": FAKE, "fake": FAKE}


def recognises(root: Path) -> bool:
    """Whether there is a labels.csv other than that of DFDC's test set."""
    path = root / TABLE
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return not file.readline().startswith("filename,")


def listing(root: Path) -> Listing:
    """The rows of `root`/labels.csv.

    Raises:
        ManifestError: labels.csv is missing or invalid, see `read_table`.
    """
    path = root / TABLE
    if not path.is_file():
        raise ManifestError(f"{path} is missing: layout csv needs it (see docs/your-data.md)")
    return Listing(read_table(path).reindex(columns=COLUMNS, fill_value=""))


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of videos that the user wrote.

    A label is REAL or 0, FAKE or 1, in any case. A missing column `target` is taken from
    `identity`; a missing or empty `method` becomes "real" or "fake".

    Returns:
        The table's columns as text, `label` as REAL or FAKE; `target` and `method` are added.

    Raises:
        ManifestError: the file is not a CSV table, has no column path or label, or has other
            labels. The message lists their rows.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} is not a CSV table in UTF-8: {error}") from error
    missing = [column for column in ("path", "label") if column not in table]
    if missing:
        raise ManifestError(
            f"{path} has no column {' and '.join(missing)}: add it (columns: {list(table)})"
        )
    labels = table["label"].str.strip().str.lower().map(LABELS)
    if labels.isna().any():
        lines = [f"row {i + 2}: {table['label'][i]!r}" for i in labels.index[labels.isna()]]
        title = f"{path} has invalid labels, use REAL or 0 and FAKE or 1:"
        raise ManifestError(format_list(title, lines))
    table = table.assign(label=labels.astype(int))
    if "target" not in table:
        table["target"] = table.get("identity", "")
    default = table["label"].map({REAL: "real", FAKE: "fake"})
    methods = table.get("method", default)
    return table.assign(method=methods.where(methods != "", default))
