"""The user's own table: labels.csv with at least the columns path and label."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from deepfake.base.errors import ManifestError, format_list, repeated_rows
from deepfake.core.folders import media_below
from deepfake.core.labels import FAKE, REAL
from deepfake.core.tables import SLICE
from deepfake.datasets.importers import dfdc
from deepfake.datasets.importers.reading import notes_on
from deepfake.datasets.listing import COLUMNS, Listing

TABLE = "labels.csv"
PATH_NAMES = ("path", "filename", "file", "video", "image")  # any one of them heads the paths
SEPARATORS = ",;\t"
LABELS = {"0": REAL, "real": REAL, "1": FAKE, "fake": FAKE}


def recognises(root: Path) -> bool:
    """Whether there is a labels.csv other than that of DFDC's test set."""
    path = root / TABLE
    return path.is_file() and not dfdc.begins_as_in_dfdc(path)


def listing(root: Path, slices: Sequence[str] = ()) -> Listing:
    """The rows of `root`/labels.csv.

    A path may be absolute, and may have backslashes. The source of a REAL row is ignored: in a table
    that calls its origin `source`, all REAL videos of one origin would be one person.

    Args:
        root: the folder of the data set.
        slices: columns, such as gender, that are kept as slice_gender.

    Raises:
        ManifestError: labels.csv is missing or invalid, see `read_table`, lacks a column of `slices`,
            or several rows name the same file.
    """
    path = root / TABLE
    if not path.is_file():
        raise ManifestError(f"{path} is missing: layout csv needs it (see docs/your-data.md)")
    table = read_table(path)
    missing = [name for name in slices if name not in table]
    if missing:
        raise ManifestError(
            f"{path} has no column {' and '.join(missing)}: add it, or remove it from the slices of"
            " the data set in params.yaml"
        )
    kept = {name: f"{SLICE}{name}" for name in slices}
    table = table.assign(**{new: table[name] for name, new in kept.items()})
    table = table.reindex(columns=[*COLUMNS, *kept.values()], fill_value="")
    for column in ("path", "original"):
        table[column] = [_below(root, text) for text in table[column]]
    if repeated := repeated_rows(table.index + 2, table["path"]):
        raise ManifestError(format_list(f"{path}: keep one row for each file:", repeated))
    pointless = (table["label"] == REAL) & (table["source"] != "")
    table.loc[pointless, "source"] = ""
    note = f"source of {pointless.sum()} REAL rows ignored: it names whose face was put into a fake"
    unlisted = notes_on(_unlisted(root, table["path"]), f"files are not in {TABLE}, left out")
    return Listing(table, [*([note] if pointless.any() else []), *unlisted])


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of videos that the user wrote.

    Columns are separated by commas, semicolons or tabs. The column of paths may be called any of
    `PATH_NAMES`. A label is REAL or 0, FAKE or 1, in any case. A missing column `target` is taken
    from `identity`; a missing or empty `method` becomes "real" or "fake".

    Returns:
        The table's columns as text without spaces around it, `label` as REAL or FAKE; `target` and
        `method` are added.

    Raises:
        ManifestError: the file is not a table in UTF-8, has not exactly one column of paths or no
            column label, or has other labels. The message lists their rows.
    """
    try:
        with path.open(encoding="utf-8") as file:
            header = file.readline()
        separator = max(SEPARATORS, key=header.count)
        table = pd.read_csv(path, dtype=str, keep_default_na=False, sep=separator)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} is not a CSV table in UTF-8: {error}") from error
    names = list(table)
    table.columns = table.columns.str.strip().str.lower()
    paths = [name for name in table if name in PATH_NAMES]
    if len(paths) == 1:
        table = table.rename(columns={paths[0]: "path"})
    elif "path" not in paths and paths:
        raise ManifestError(f"{path}: call the column of the paths path, not one of {paths}")
    if not table.columns.is_unique:
        raise ManifestError(f"{path} has several columns of one name: {names}")
    missing = [column for column in ("path", "label") if column not in table]
    if missing:
        raise ManifestError(
            f"{path} has no column {' and '.join(missing)}: add it (columns: {names})"
        )
    for name in table:
        table[name] = table[name].str.strip()
    labels = table["label"].str.lower().map(LABELS)
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


def _unlisted(root: Path, paths: Iterable[str]) -> list[str]:
    """Images and videos that the table has no row for, neither by their path nor by a link."""
    listed = {root / path for path in paths}
    media, _ = media_below(root)
    others = [file for file in media if listed.isdisjoint([file, *file.parents])]
    places = {path.resolve() for path in listed} if others else set()
    return [
        file.relative_to(root).as_posix()
        for file in others
        if places.isdisjoint([file.resolve(), *file.resolve().parents])
    ]


def _below(root: Path, text: str) -> str:
    """A path below the root with forward slashes; as it is if it is not below the root."""
    if "\\" in text and not os.path.lexists(root / text):
        text = text.replace("\\", "/")
    for parent in (root, root.resolve()):
        if Path(text).is_absolute() and Path(text).is_relative_to(parent):
            return Path(text).relative_to(parent).as_posix()
    return text
