"""One importer per data set layout.

An importer is a module with two functions:

- `recognises(root)`: whether the folder is laid out this way, from a look at a few names;
- `listing(root)`: a row for every video on disk, and notes for its user.

What is on disk decides: a video that a metadata file names but that is not there gives a note, and
so does a video that no metadata file knows. `deepfake.scanning` completes and checks the rows.
"""

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
    """What an importer found.

    Attributes:
        rows: one per video, with `COLUMNS`.
        notes: what was left out or is missing, one sentence each, for the report.
    """

    rows: pd.DataFrame
    notes: list[str] = field(default_factory=list)


def table_of(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows with `COLUMNS`; what a row does not mention is empty.

    Text is held as objects: a name on disk need not be UTF-8, which pandas' text type may refuse.
    """
    empty = dict.fromkeys(COLUMNS, "")
    table = pd.DataFrame([{**empty, **row} for row in rows], columns=COLUMNS, dtype=object)
    return table.assign(label=table["label"].infer_objects())


def files_below(folder: Path, suffixes: Iterable[str] | None = None) -> list[Path]:
    """Files at any depth, sorted; hidden ones left out, and those without one of `suffixes`.

    A broken link and a folder that is called like a video are among them: they are reported as
    videos that cannot be read instead of being passed over.
    """
    wanted = None if suffixes is None else tuple(suffixes)
    return sorted(
        path
        for path in folder.rglob("*")
        if (_is_video_folder(path) or not path.is_dir())
        and not any(_is_video_folder(above) for above in _between(folder, path))
        and not path.name.startswith(".")
        and (wanted is None or path.name.lower().endswith(wanted))
    )


def _is_video_folder(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES and path.is_dir()


def _between(folder: Path, path: Path) -> list[Path]:
    """Folders below `folder` in which `path` lies."""
    return [above for above in path.parents if above.is_relative_to(folder) and above != folder]
