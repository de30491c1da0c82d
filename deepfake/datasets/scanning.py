"""Scan one data set: choose its importer, list its videos, check their paths, compute digests."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from posixpath import normpath, splitext
from types import ModuleType

import numpy as np
import pandas as pd
from tqdm import tqdm

from deepfake.base.errors import ManifestError, format_list
from deepfake.base.remote_listing import is_listing, read_listing
from deepfake.base.text import utf8
from deepfake.core.files import EMPTY_DIGEST, content_digest
from deepfake.core.media import ARCHIVE_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES, kind_by_name
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
from deepfake.datasets.importers.reading import notes_on
from deepfake.datasets.listing import Listing
from deepfake.datasets.remote import as_folder

# Importers by layout name. "folders" is so general that `auto` chooses it only if no other fits.
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
GENERAL = "folders"
DIGEST_THREADS = 8  # the disk is the limit, not the processor
BESIDE_A_VIDEO = "~image"  # ends the video_id of an image that is called like a video


def scan(root: Path, name: str, layout: str, include: str, slices: Sequence[str] = ()) -> Listing:
    """List the videos of a data set.

    Args:
        root: the data set's folder, or the listing of a remote data set.
        name: name of the data set, the first part of every video_id.
        layout: a key of `LAYOUTS`, or "auto", which detects the layout.
        include: pattern for the paths to keep, such as "*/c23/*"; * also matches slashes.
        slices: columns of labels.csv by whose values metrics are reported.

    Returns:
        The importer's rows, sorted by video_id, with the added columns video_id, dataset, kind and
        sha256 ("" for files that are empty or cannot be opened). Notes name these files. Rows of a
        remote data set have no sha256, but version, as `RemoteListing.version_of` returns it.

    Raises:
        ManifestError: the folder is missing or has no videos, its layout is unknown or has no
            slices, or paths are outside of the root, missing or of an unknown type. The message lists
            these paths.
    """
    if not root.is_dir():
        raise ManifestError(f"{root} is not a folder: set the root of {name} in params.yaml")
    if is_listing(root):
        return _scan_listing(root, name, layout, include, slices)
    listing = _checked_videos(root, name, layout, include, slices)
    table = listing.rows
    table["sha256"], unreadable = _digests(root, table["path"].tolist(), name)
    notes = [*listing.notes, *unreadable, *_note_on_links(root, table["path"], name)]
    return Listing(table.sort_values("video_id", ignore_index=True), notes)


def _scan_listing(
    root: Path, name: str, layout: str, include: str, slices: Sequence[str]
) -> Listing:
    """`scan` of a remote data set, which needs no connection."""
    remote = read_listing(root)
    with as_folder(root, remote) as folder:
        listing = _checked_videos(folder, name, layout, include, slices)
    table = listing.rows
    table["sha256"] = ""
    table["version"] = [remote.version_of(path) for path in table["path"]]
    sizes = [sum(file.size for file in remote.files_of(path)) for path in table["path"]]
    empty = [path for path, size in zip(table["path"], sizes, strict=True) if size == 0]
    notes = [f"files: {remote.address}", *listing.notes, *(f"{path}: is empty" for path in empty)]
    return Listing(table.sort_values("video_id", ignore_index=True), notes)


def _checked_videos(
    root: Path, name: str, layout: str, include: str, slices: Sequence[str]
) -> Listing:
    """The rows that `include` keeps; an error if there are none, or some cannot be used."""
    listing = list_videos(root, name, layout, slices)
    table, notes = listing.rows, listing.notes
    included = [fnmatchcase(path, include) for path in table["path"]]
    if not all(included):
        excluded = len(table) - sum(included)
        notes = [*notes, f"{excluded} of {len(table)} videos do not match {include}, left out"]
        table = table[included].reset_index(drop=True)
    if table.empty:
        title = f"{root} has no videos or images: check root, layout and include of {name}; notes:"
        raise ManifestError(format_list(title, notes))
    errors = [*_path_errors(root, table), *_repeated_ids(table)]
    if errors:
        title = f"{root} has {len(errors)} paths that cannot be used; fix or remove them:"
        raise ManifestError(format_list(title, errors))
    return Listing(table, notes)


def list_videos(root: Path, name: str, layout: str = AUTO, slices: Sequence[str] = ()) -> Listing:
    """The rows of an importer with their derived columns, not checked; reads no video.

    Raises:
        ManifestError: the layout is unknown, the data set's metadata is invalid, or there are
            `slices` although the layout is not csv.
    """
    chosen = resolved_layout(root, layout)
    if slices and LAYOUTS[chosen] is not csv_file:
        raise ManifestError(
            f"{name} has slices ({', '.join(slices)}), which need layout csv and not {chosen}: write a"
            " labels.csv (see docs/your-data.md), or remove them in params.yaml"
        )
    listing: Listing = csv_file.listing(root, slices) if slices else LAYOUTS[chosen].listing(root)
    layout_note = f"layout: {chosen}" + " (detected)" * (layout == AUTO)
    rows, left_out = _with_utf8_names(listing.rows)
    notes = [layout_note, *map(utf8, listing.notes), *left_out]
    return Listing(_completed(root, rows, name), notes)


def resolved_layout(root: Path, layout: str) -> str:
    """The layout, a key of `LAYOUTS`; "auto" detects it.

    Raises:
        ManifestError: the layout is unknown or cannot be detected.
    """
    if layout != AUTO and layout not in LAYOUTS:
        known = ", ".join(LAYOUTS)
        raise ManifestError(f"layout {layout} is not known: use auto or one of {known}")
    return detect_layout(root) if layout == AUTO else layout


def detect_layout(root: Path) -> str:
    """The one layout whose importer recognises the folder.

    Raises:
        ManifestError: no importer recognises it, or several do.
    """
    matching = [name for name, importer in LAYOUTS.items() if importer.recognises(root)]
    specific = [name for name in matching if name != GENERAL]
    layouts = specific or matching
    if len(layouts) != 1:
        matches = f"several layouts ({', '.join(layouts)})" if layouts else "no known layout"
        raise ManifestError(
            f"{root} matches {matches}: set its layout in params.yaml to one of"
            f" {', '.join(LAYOUTS)} (see docs/your-data.md)"
        )
    return layouts[0]


def _completed(root: Path, rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Add video_id, dataset and kind, and replace paths of originals by their video_id.

    An image that is called like a video has an id of its own, so that the video keeps its id.
    """
    table = rows.assign(dataset=name, kind=[kind_by_name(root / path) for path in rows["path"]])
    stems = pd.Series([f"{name}/{path_stem(path)}" for path in table["path"]], table.index, object)
    is_image = table["kind"] == "image"
    is_beside = is_image & stems.isin(stems[~is_image])
    table["video_id"] = stems.where(~is_beside, stems + BESIDE_A_VIDEO)
    ids = dict(zip(table["path"], table["video_id"], strict=True))
    originals = table["original"].unique()
    named = {path: ids.get(path) or f"{name}/{path_stem(path)}" for path in originals if path}
    table["original"] = table["original"].map({**named, "": ""})
    return table


def path_stem(path: str) -> str:
    """A path without the suffix of a video, image or archive; other suffixes are kept."""
    for suffix in ARCHIVE_SUFFIXES:
        if path.lower().endswith(suffix):
            return normpath(path[: -len(suffix)])
    stem, suffix = splitext(path)
    known = suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES
    return normpath(stem if known else path)


def _with_utf8_names(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The rows whose path is UTF-8, as CSV files require, and a note for each other row."""
    escaped = [utf8(path) for path in table["path"]]
    is_utf8 = table["path"].to_numpy(object) == np.array(escaped, object)
    others = [name for name, valid in zip(escaped, is_utf8, strict=True) if not valid]
    notes = [f"{name}: left out because its name is not UTF-8; rename it" for name in others]
    return table[is_utf8].reset_index(drop=True), notes


def _path_errors(root: Path, table: pd.DataFrame) -> list[str]:
    checks: list[tuple[Callable[[str], bool], str]] = [
        (_is_outside, f"must be a path below {root}"),
        (lambda path: not os.path.lexists(root / path), "no such file"),
    ]
    errors = [f"{path}: {text}" for fails, text in checks for path in table["path"] if fails(path)]
    unknown = table.loc[table["kind"] == "", "path"]
    return errors + [
        f"{path}: unknown type {splitext(path)[1] or 'without suffix'}" for path in unknown
    ]


def _repeated_ids(table: pd.DataFrame) -> list[str]:
    return [
        f"{' and '.join(rows['path'])} have the same video_id, {video_id}: rename one, or select one"
        " with include"
        for video_id, rows in table[table.duplicated("video_id", keep=False)].groupby("video_id")
    ]


def _note_on_links(root: Path, paths: Iterable[str], name: str) -> list[str]:
    """DVC follows links to files, and a root that is a link, but no linked folders below the root."""
    folders = {str(parent) for path in paths for parent in [path, *PurePosixPath(path).parents]}
    links = [
        path for path in folders - {"."} if (root / path).is_symlink() and (root / path).is_dir()
    ]
    return notes_on(
        links,
        "linked folders, whose changes DVC does not see; after a change, run `dvc repro --force"
        f" scan@{name}`",
    )


def _is_outside(path: str) -> bool:
    return PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts


def _digests(root: Path, paths: list[str], name: str) -> tuple[list[str], list[str]]:
    """SHA-256 of every file, and a note for each file that is empty or cannot be opened."""
    digests, notes = [], []
    with ThreadPoolExecutor(DIGEST_THREADS) as pool:
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
    return ("", "is empty") if digest == EMPTY_DIGEST else (digest, "")
