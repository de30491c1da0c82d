"""What an importer returns: a table of the videos on disk, and notes for the user."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.core.media import VIDEO_SUFFIXES

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


def files_below(folder: Path, suffixes: Iterable[str] | None = None) -> list[Path]:
    """Files at any depth, sorted, without hidden files; with `suffixes`, only files that end in one.

    Broken links and folders named like a video are included, so that they are reported as unreadable
    videos instead of being skipped silently.
    """
    allowed = None if suffixes is None else tuple(suffixes)
    return sorted(
        path
        for path in folder.rglob("*")
        if (_is_video_folder(path) or not path.is_dir())
        and not any(_is_video_folder(parent) for parent in _parents_below(folder, path))
        and not path.name.startswith(".")
        and (allowed is None or path.name.lower().endswith(allowed))
    )


def _is_video_folder(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and path.is_dir()


def _parents_below(folder: Path, path: Path) -> list[Path]:
    """The parent folders of `path` that are below `folder`."""
    return [parent for parent in path.parents if parent.is_relative_to(folder) and parent != folder]
