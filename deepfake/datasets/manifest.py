"""The manifest: one validated row per video or image of all data sets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa

from deepfake.base.errors import ManifestError, format_list
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, SPLITS
from deepfake.core.tables import label_conflicts, read_csv, slice_columns
from deepfake.datasets.listing import Listing

MAX_LISTED = 20  # rows that the report shows for each warning; the rest is counted

_TEXT = pa.Column(str, nullable=False)
SCHEMA = pa.DataFrameSchema(
    {
        "video_id": pa.Column(str, unique=True),  # dataset/path without suffix
        "path": pa.Column(str, pa.Check.str_length(min_value=1)),  # below the data set's root
        "label": pa.Column(int, pa.Check.isin([REAL, FAKE])),
        "dataset": pa.Column(str, pa.Check.str_length(min_value=1)),
        "method": pa.Column(str, pa.Check.str_length(min_value=1)),  # or "real"
        "compression": _TEXT,
        "target": _TEXT,  # whose body and scene it is; "" = unknown
        "source": _TEXT,  # whose face was put in; "" = none or unknown
        "original": _TEXT,  # video_id of the real video a fake was made from, or ""
        "official_split": pa.Column(str, pa.Check.isin([*SPLITS, ""])),
        "kind": pa.Column(str, pa.Check.isin(["video", "image", "frames"])),
        "sha256": pa.Column(str, pa.Check.str_matches("^([0-9a-f]{64})?$")),  # "" = no content
    },
    unique=["dataset", "path"],
    ordered=True,
    strict=True,
)


@dataclass(frozen=True)
class Manifest:
    """All videos, with a report and counts for the user.

    Attributes:
        table: validated against `SCHEMA`, sorted by video_id; then, if there are remote videos,
            `version`, "" for local ones; then the columns of slices, "" where unknown.
        report: the size of each data set, its notes, and warnings.
        counts: of videos, for plots/manifest.tsv.
    """

    table: pd.DataFrame
    report: str
    counts: dict[str, Any]


def read_scans(folder: Path, names: Sequence[str]) -> dict[str, Listing]:
    """The listings that the scan stages wrote, by data set name.

    Args:
        folder: data/scanned.
        names: names of the data sets.
    """
    return {
        name: Listing(
            read_csv(folder / f"{name}.csv"),
            json.loads((folder / f"{name}.json").read_text(encoding="utf-8")),
        )
        for name in names
    }


def leftover_scans(folder: Path, names: Sequence[str]) -> list[Path]:
    """Tables of data sets that are no longer in `names`. No stage reads or deletes them."""
    return sorted(path for path in folder.glob("*.csv") if path.stem not in names)


def build_manifest(scans: dict[str, Listing], trains: bool = False) -> Manifest:
    """Join the data sets and check them.

    Invalid rows are errors. Warnings go into the report: identical files, missing originals, empty and
    unreadable files, a missing class, and what the importers left out.

    Args:
        scans: listings by data set name, as `scanning.scan` returns them.
        trains: whether a model will be trained, which needs both classes.

    Raises:
        ManifestError: a video_id occurs twice, a value is invalid, an original is a fake, or
            identical files have different labels. The message lists all of them. Or a class is
            missing and `trains` is True.
    """
    joined = pd.concat([listing.rows for listing in scans.values()], ignore_index=True)
    slices = slice_columns(joined)
    extra = [*(["version"] if "version" in joined else []), *slices]
    table = joined[[*SCHEMA.columns, *extra]].fillna(dict.fromkeys(extra, ""))
    table = table.sort_values("video_id", ignore_index=True)
    errors = [*_schema_errors(table), *_original_errors(table), *label_conflicts(table)]
    if errors:
        title = f"the data sets have {len(errors)} errors; fix or remove these videos:"
        raise ManifestError(format_list(title, errors))
    missing = [name for label, name in LABEL_NAMES.items() if label not in {*table["label"]}]
    if missing and trains:
        raise ManifestError(
            f"no video is {missing[0]}, and training needs both classes: check root, layout and"
            f" include of the data sets in params.yaml ({', '.join(scans)}), or add videos;"
            " train.epochs: 0 tests a model without training"
        )
    repeated, without_original = _repeated_files(table), _fakes_without_original(table)
    lines = [line for name, listing in scans.items() for line in _overview(name, listing)]
    for title, rows in (
        ("groups of identical files", repeated),
        ("fakes whose original is missing", without_original),
    ):
        if rows:
            lines += ["", format_list(f"{len(rows)} {title}:", rows, MAX_LISTED)]
    if missing:
        lines += ["", f"no video is {missing[0]}: metrics that compare both classes are left out"]
    counts = {
        "repeated_files": len(repeated),
        "fakes_without_original": len(without_original),
        "without_content": int(_is_without_content(table).sum()),
    }
    return Manifest(table, "\n".join(lines) + "\n", {**_sizes(table), **counts})


def _schema_errors(table: pd.DataFrame) -> list[str]:
    try:
        SCHEMA.validate(table[list(SCHEMA.columns)], lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        return [
            f"{table['path'].get(case.index, case.index)}: {case.column} is {case.failure_case!r},"
            f" which fails {case.check}"
            for case in cases.itertuples(index=False, name="Case")
        ]
    return []


def _original_errors(table: pd.DataFrame) -> list[str]:
    fakes = set(table.loc[table["label"] == FAKE, "video_id"])
    invalid = table[table["original"].isin(fakes)]
    return [f"{row.path}: its original {row.original} is a FAKE" for row in invalid.itertuples()]


def _repeated_files(table: pd.DataFrame) -> list[str]:
    repeated = table[(table["sha256"] != "") & table.duplicated("sha256", keep=False)]
    return [", ".join(rows["video_id"]) for _, rows in repeated.groupby("sha256", sort=False)]


def _fakes_without_original(table: pd.DataFrame) -> list[str]:
    """Fakes whose original is not in the table.

    An original need not be a video: a name that a REAL video also has as its original counts too.
    """
    real, fakes = (table[table["label"] == label] for label in (REAL, FAKE))
    known = {"", *table["video_id"], *real["original"]}
    missing = fakes[~fakes["original"].isin(known)]
    return [f"{row.video_id}: {row.original}" for row in missing.itertuples()]


def _is_without_content(table: pd.DataFrame) -> "pd.Series[bool]":
    """Which files are empty or unreadable; whether remote ones are is found when they are read."""
    is_local = table["version"] == "" if "version" in table else True
    return (table["sha256"] == "") & is_local


def _sizes(table: pd.DataFrame) -> dict[str, int]:
    real = int((table["label"] == REAL).sum())
    return {"videos": len(table), "real": real, "fake": len(table) - real}


def _overview(name: str, listing: Listing) -> list[str]:
    rows = listing.rows
    sizes = _sizes(rows)
    fakes = rows.loc[rows["label"] == FAKE, "method"].value_counts(sort=False)
    methods = ", ".join(f"{method} {count}" for method, count in sorted(fakes.items()))
    people = rows["target"].replace("", pd.NA).nunique()
    line = f"{name}: {sizes['videos']} videos, {sizes['real']} REAL, {sizes['fake']} FAKE"
    details = [f"  methods: {methods}" if methods else "", f"  named people: {people}"]
    return [line, *filter(None, details), *(f"  {note}" for note in listing.notes)]
