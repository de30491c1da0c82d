"""The manifest: one validated row per video or image of all data sets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa

from deepfake.base.errors import ManifestError, listed
from deepfake.core.labels import FAKE, REAL
from deepfake.core.tables import read_csv
from deepfake.datasets.listing import Listing

MAX_LISTED = 20  # rows shown in the report for one kind of finding; the rest is counted

_TEXT = pa.Column(str, nullable=False)
SCHEMA = pa.DataFrameSchema(
    {
        "video_id": pa.Column(str, unique=True),  # dataset, then the path without its suffix
        "path": pa.Column(str, pa.Check.str_length(min_value=1)),  # below the data set's root
        "label": pa.Column(int, pa.Check.isin([REAL, FAKE])),
        "dataset": pa.Column(str, pa.Check.str_length(min_value=1)),
        "method": pa.Column(str, pa.Check.str_length(min_value=1)),  # or "real"
        "compression": _TEXT,
        "target": _TEXT,  # whose body and scene it is; "" = not known
        "source": _TEXT,  # whose face was put in; "" = none or not known
        "original": _TEXT,  # video_id of the real video a fake was made from, or ""
        "official_split": pa.Column(str, pa.Check.isin(["train", "val", "test", ""])),
        "kind": pa.Column(str, pa.Check.isin(["video", "image", "frames"])),
        "sha256": pa.Column(str, pa.Check.str_matches("^([0-9a-f]{64})?$")),  # "" = no content
    },
    unique=["dataset", "path"],
    ordered=True,
    strict=True,
)


@dataclass(frozen=True)
class Manifest:
    """A validated table with `SCHEMA`, sorted by video_id, and what its user should know of it."""

    table: pd.DataFrame
    report: str
    metrics: dict[str, Any]


def read_scans(folder: Path, names: Sequence[str]) -> dict[str, Listing]:
    """What the scan stages wrote, by the name of the data set.

    Args:
        folder: data/scanned.
        names: of the data sets.
    """
    return {
        name: Listing(
            read_csv(folder / f"{name}.csv"),
            json.loads((folder / f"{name}.json").read_text(encoding="utf-8")),
        )
        for name in names
    }


def leftover_scans(folder: Path, names: Sequence[str]) -> list[Path]:
    """Tables of data sets that are not among `names` any more. Nobody reads or deletes them."""
    return sorted(path for path in folder.glob("*.csv") if path.stem not in names)


def build_manifest(scans: dict[str, Listing]) -> Manifest:
    """Join data sets and check them.

    Wrong rows are errors. What may be so and should be known (files twice, originals that are not
    there, files without content, whatever the importers left out) goes into the report.

    Args:
        scans: by the name of the data set, as `scanning.scan` gives them.

    Raises:
        ManifestError: listing every duplicate id, bad value, original that is a fake, and every
            file that stands there with two labels.
    """
    joined = pd.concat([found.rows for found in scans.values()], ignore_index=True)
    table = joined[list(SCHEMA.columns)].sort_values("video_id", ignore_index=True)
    mistakes = [*_schema_mistakes(table), *_original_mistakes(table), *_contradictions(table)]
    if mistakes:
        raise ManifestError(listed(f"the data has {len(mistakes)} mistakes:", mistakes))
    findings = {"files that stand there more than once": _repeated(table)}
    findings["fakes whose original is not there"] = _orphans(table)
    lines = [line for name, found in scans.items() for line in _overview(name, found)]
    for title, rows in findings.items():
        if rows:
            lines += ["", listed(f"{len(rows)} {title}:", rows, MAX_LISTED)]
    counts = {
        "repeated_files": len(findings["files that stand there more than once"]),
        "fakes_without_original": len(findings["fakes whose original is not there"]),
        "without_content": int((table["sha256"] == "").sum()),
    }
    return Manifest(table, "\n".join(lines) + "\n", {**_sizes(table), **counts})


def _schema_mistakes(table: pd.DataFrame) -> list[str]:
    try:
        SCHEMA.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        return [
            f"{table['path'].get(case.index, case.index)}: {case.column} is {case.failure_case!r},"
            f" which fails {case.check}"
            for case in cases.itertuples(index=False, name="Case")
        ]
    return []


def _original_mistakes(table: pd.DataFrame) -> list[str]:
    fakes = set(table.loc[table["label"] == FAKE, "video_id"])
    bad = table[table["original"].isin(fakes)]
    return [f"{row.path}: its original {row.original} is itself a FAKE" for row in bad.itertuples()]


def _contradictions(table: pd.DataFrame) -> list[str]:
    known = table[table["sha256"] != ""]
    labels = known.groupby("sha256")["label"].transform("nunique")
    return [
        f"{', '.join(rows['video_id'][:4])}: the same bytes, once REAL and once FAKE"
        for _, rows in known[labels > 1].groupby("sha256")
    ]


def _repeated(table: pd.DataFrame) -> list[str]:
    known = table[(table["sha256"] != "") & table.duplicated("sha256", keep=False)]
    return [", ".join(rows["video_id"]) for _, rows in known.groupby("sha256", sort=False)]


def _orphans(table: pd.DataFrame) -> list[str]:
    """FAKE rows whose original is neither a video nor, where originals are names only, that of a REAL one."""
    real, fakes = (table[table["label"] == label] for label in (REAL, FAKE))
    known = {"", *table["video_id"], *real["original"]}
    missing = fakes[~fakes["original"].isin(known)]
    return [f"{row.video_id}: {row.original}" for row in missing.itertuples()]


def _sizes(table: pd.DataFrame) -> dict[str, int]:
    real = int((table["label"] == REAL).sum())
    return {"videos": len(table), "real": real, "fake": len(table) - real}


def _overview(name: str, found: Listing) -> list[str]:
    sizes = _sizes(found.rows)
    fakes = found.rows.loc[found.rows["label"] == FAKE, "method"].value_counts(sort=False)
    methods = ", ".join(f"{method} {count}" for method, count in sorted(fakes.items()))
    people = found.rows["target"].replace("", pd.NA).nunique()
    line = f"{name}: {sizes['videos']} videos, {sizes['real']} REAL, {sizes['fake']} FAKE"
    details = [f"  methods: {methods}" if methods else "", f"  {people} people known by name"]
    return [line, *filter(None, details), *(f"  {note}" for note in found.notes)]
