"""Tables as CSV: text stays text, and the same table gives the same bytes."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.core.files import write_bytes

# Columns that hold text, even where all values look like numbers.
TEXT = frozenset(
    [
        "video_id",
        "path",
        "dataset",
        "method",
        "compression",
        "target",
        "source",
        "original",
        "official_split",
        "kind",
        "image",
        "box",
        "landmarks",
        "status",
        "reason",
        "codec",
        "indices",
        "verdict",
        "sha256",
        "version",
        "clusters",
        "content",
        "identity",
        "part",
        "value_of_part",
        "metric",
        "quantity",
    ]
)

# Columns whose name begins so hold text too: those by whose values metrics are reported, such as
# slice_gender.
SLICE = "slice_"


def write_csv(path: Path, table: pd.DataFrame, float_format: str = "%.6g") -> None:
    """Write a table as CSV with LF line ends; with tabs if `path` ends in .tsv."""
    separator = "\t" if path.suffix == ".tsv" else ","
    text = table.to_csv(
        index=False,
        sep=separator,
        lineterminator="\n",
        float_format=float_format,
        quoting=csv.QUOTE_NONNUMERIC if _has_returns(table) else csv.QUOTE_MINIMAL,
    )
    write_bytes(path, text.encode())


def _has_returns(table: pd.DataFrame) -> bool:
    """Whether a text has a carriage return, which pandas quotes only if it quotes all text."""
    columns = _text_columns(table)
    return any(table[column].astype(str).str.contains("\r").any() for column in columns)


def read_csv(path: Path) -> pd.DataFrame:
    """Read what `write_csv` wrote. Text stays text ("007", "NA", ""); missing numbers are NaN."""
    separator = "\t" if path.suffix == ".tsv" else ","
    text = _text_columns(pd.read_csv(path, sep=separator, nrows=0))
    table = pd.read_csv(
        path,
        sep=separator,
        dtype=dict.fromkeys(text, str),
        keep_default_na=False,
        na_values=[""],
    )
    return table.fillna(dict.fromkeys(text, ""))


def quantity_table(values: Mapping[str, Any]) -> pd.DataFrame:
    """Nested numbers as a table with the columns quantity and value.

    Numbers that are not finite are left out. Names of nested ones are joined by dots.

    >>> quantity_table({"videos": 1200000, "share": {"train": 2 / 3}})
          quantity    value
    0       videos  1200000
    1  share.train   0.6667
    """
    rows = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            nested = quantity_table(value)
            rows += list(zip(f"{name}." + nested["quantity"], nested["value"], strict=True))
        elif isinstance(value, int):
            rows.append((name, str(value)))
        elif math.isfinite(value):
            rows.append((name, f"{value:.4g}"))
    return pd.DataFrame(rows, columns=["quantity", "value"], dtype=str)


def slice_columns(table: pd.DataFrame) -> list[str]:
    """The columns of a table by whose values metrics are reported."""
    return [str(name) for name in table if str(name).startswith(SLICE)]


def label_conflicts(table: pd.DataFrame) -> list[str]:
    """One line for each content that has both labels, given rows with video_id, label and sha256."""
    with_digest = table[table["sha256"] != ""]
    labels = with_digest.groupby("sha256")["label"].transform("nunique")
    return [
        f"{', '.join(rows['video_id'][:4])}: identical files, labelled both REAL and FAKE"
        for _, rows in with_digest[labels > 1].groupby("sha256")
    ]


def _text_columns(table: pd.DataFrame) -> list[str]:
    return [*sorted(TEXT.intersection(table)), *slice_columns(table)]
