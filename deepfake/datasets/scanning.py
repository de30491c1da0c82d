"""One data set on disk: which importer reads it, and what its files are."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from posixpath import normpath, splitext
from types import ModuleType

import numpy as np
import pandas as pd
from tqdm import tqdm

from deepfake.base.errors import ManifestError, listed
from deepfake.core.files import content_digest
from deepfake.core.media import ARCHIVE_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES, kind_of
from deepfake.datasets.importers import (
    celebdf,
    csv_file,
    deeperforensics,
    deepfake_eval_2024,
    deepfakebench,
    df40,
    dfdc,
    dfdc_preview,
    faceforensics,
    fakeavceleb,
    folders,
    uadfv,
    wilddeepfake,
)
from deepfake.datasets.listing import Listing

# Which one may claim a folder under `auto`; those that any folder may look like come last.
LAYOUTS: dict[str, ModuleType] = {
    "csv": csv_file,
    "faceforensics": faceforensics,
    "dfdc": dfdc,
    "dfdc_preview": dfdc_preview,
    "celebdf": celebdf,
    "deeperforensics": deeperforensics,
    "uadfv": uadfv,
    "wilddeepfake": wilddeepfake,
    "fakeavceleb": fakeavceleb,
    "df40": df40,
    "deepfake_eval_2024": deepfake_eval_2024,
    "deepfakebench": deepfakebench,
    "folders": folders,
}
AUTO = "auto"
READERS = 8  # threads that compute digests; the disk is the limit, not the processor
EMPTY = hashlib.sha256().hexdigest()


def scan(root: Path, name: str, layout: str, include: str) -> Listing:
    """List the videos below `root`.

    Args:
        root: the data set's folder.
        name: first part of every video_id.
        layout: a key of `LAYOUTS`, or auto, which picks the one that recognises the folder.
        include: a pattern for paths, as in "*/c23/*"; * also crosses slashes.

    Returns:
        The importer's rows with video_id, dataset, kind and sha256 ("" for files that are empty or
        cannot be opened), sorted by video_id, and its notes with more about those files.

    Raises:
        ManifestError: nothing is there, no layout fits, or listing the paths that are outside of
            the root, missing or of an unknown type.
    """
    if not root.is_dir():
        raise ManifestError(f"{root} is not a folder: set the root of {name} in params.yaml")
    found = list_videos(root, name, layout)
    table, notes = found.rows, found.notes
    wanted = [fnmatchcase(path, include) for path in table["path"]]
    if not all(wanted):
        notes = [
            *notes,
            f"{len(table) - sum(wanted)} of {len(table)} videos do not match {include}",
        ]
        table = table[wanted].reset_index(drop=True)
    if table.empty:
        raise ManifestError(listed(f"no videos or images below {root}, {len(notes)} notes:", notes))
    mistakes = _path_mistakes(root, table)
    if mistakes:
        raise ManifestError(listed(f"{root} has {len(mistakes)} mistakes:", mistakes))
    table["sha256"], unreadable = _digests(root, table["path"].tolist(), name)
    return Listing(table.sort_values("video_id", ignore_index=True), notes + unreadable)


def list_videos(root: Path, name: str, layout: str = AUTO) -> Listing:
    """The rows of an importer, completed but not checked; no file is read.

    Raises:
        ManifestError: no layout fits, or the importer finds its metadata wrong.
    """
    picked = resolved_layout(root, layout)
    found: Listing = LAYOUTS[picked].listing(root)
    said = f"read as layout {picked}" + ", recognised by its folders" * (layout == AUTO)
    rows, left_out = _with_text_names(found.rows)
    return Listing(_completed(root, rows, name), [said, *found.notes, *left_out])


def resolved_layout(root: Path, layout: str) -> str:
    """The layout that is meant, a key of `LAYOUTS`.

    Raises:
        ManifestError: there is none of that name, or `auto` does not tell.
    """
    if layout != AUTO and layout not in LAYOUTS:
        known = ", ".join(LAYOUTS)
        raise ManifestError(f"layout {layout} is not known: use auto or one of {known}")
    return pick_layout(root) if layout == AUTO else layout


def pick_layout(root: Path) -> str:
    """The one layout that recognises the folder.

    Raises:
        ManifestError: there is none, or several do.
    """
    fitting = [name for name, module in LAYOUTS.items() if module.recognises(root)]
    special = [name for name in fitting if name != "folders"]
    found = special or fitting
    if len(found) != 1:
        what = f"may be any of {', '.join(found)}" if found else "is like none that is known"
        raise ManifestError(
            f"the layout of {root} {what}: set it in params.yaml to one of {', '.join(LAYOUTS)}"
            " (docs/your-data.md)"
        )
    return found[0]


def _completed(root: Path, rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Add the columns that follow from the others."""
    table = rows.assign(dataset=name, kind=[kind_of(root / path) for path in rows["path"]])
    table["video_id"] = [f"{name}/{_stem(path)}" for path in table["path"]]
    ids = dict(zip(table["path"], table["video_id"], strict=True))
    originals = table["original"].unique()
    named = {path: ids.get(path) or f"{name}/{_stem(path)}" for path in originals if path}
    table["original"] = table["original"].map({**named, "": ""})
    return table


def _stem(path: str) -> str:
    """A path without the suffix of a video, image or archive."""
    for suffix in ARCHIVE_SUFFIXES:
        if path.lower().endswith(suffix):
            return normpath(path[: -len(suffix)])
    stem, suffix = splitext(path)
    known = suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES
    return normpath(stem if known else path)


def _with_text_names(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out names that are not UTF-8, which no table could hold, with a note for each."""
    shown = [path.encode(errors="backslashreplace").decode() for path in table["path"]]
    is_text = table["path"].to_numpy(object) == np.array(shown, object)
    odd = [name for name, good in zip(shown, is_text, strict=True) if not good]
    left_out = [f"{name}: left out, since its name is not UTF-8: rename it" for name in odd]
    return table[is_text].reset_index(drop=True), left_out


def _path_mistakes(root: Path, table: pd.DataFrame) -> list[str]:
    checks: list[tuple[Callable[[str], bool], str]] = [
        (_is_outside, f"must be a path below {root}"),
        (lambda path: not os.path.lexists(root / path), "no such file"),
    ]
    mistakes = [f"{path}: {text}" for bad, text in checks for path in table["path"] if bad(path)]
    kinds = zip(table["path"], table["kind"], strict=True)
    known = {"video", "image", "frames"}
    return mistakes + [f"{path}: {kind}" for path, kind in kinds if kind not in known]


def _is_outside(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts


def _digests(root: Path, paths: list[str], name: str) -> tuple[list[str], list[str]]:
    """SHA-256 of every file, and a note for each that has none."""
    notes = []
    digests = []
    with ThreadPoolExecutor(READERS) as pool:
        results = pool.map(_digest, [root / path for path in paths])
        bar = tqdm(zip(paths, results, strict=True), name, len(paths), unit="file")
        for path, (digest, problem) in bar:
            digests.append(digest)
            if problem:
                notes.append(f"{path}: {problem}")
    return digests, notes


def _digest(path: Path) -> tuple[str, str]:
    try:
        digest = content_digest(path)
    except OSError as error:
        return "", f"cannot be opened: {error.strerror}"
    return ("", "is empty") if digest == EMPTY else (digest, "")
