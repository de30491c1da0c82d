"""What an importer returns: a table of the videos on disk, and notes for the user."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

COLUMNS = [
    "path",  # below the root, with forward slashes; a file, or a folder of a video's frames
    "label",  # REAL or FAKE
    "method",  # "real", or what made the fake
    "compression",  # as the data set calls it, or ""
    "target",  # whose body and scene it is, or ""; "space:name" is the same person in every data set
    "source",  # whose face was put in, or ""
    "original",  # path of the real video that a fake was made from, or ""
    "official_split",  # train, val, test or ""
]


@dataclass(frozen=True)
class Listing:
    """The videos of a data set, as an importer lists them.

    Attributes:
        rows: one per video, with `COLUMNS`.
        notes: what was left out or is missing, one sentence each; they go into the report.
    """

    rows: pd.DataFrame
    notes: list[str] = field(default_factory=list)


def table_of(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A table with `COLUMNS`; a column that a row lacks is "".

    Text is stored as Python objects, because pandas' string type may reject file names that are not
    UTF-8.
    """
    empty = dict.fromkeys(COLUMNS, "")
    table = pd.DataFrame([{**empty, **row} for row in rows], columns=COLUMNS, dtype=object)
    return table.assign(label=table["label"].infer_objects())
