"""The manifest: data sets are joined, every error is named, and the report has the warnings."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.core.tables import read_csv, write_csv
from deepfake.datasets import manifest
from deepfake.datasets.listing import Listing
from deepfake.splits.policies import with_links

DIGESTS = {name: name * 64 for name in "abcdef"}


def row(video_id: str, label: int = REAL, **columns: Any) -> dict[str, Any]:
    dataset, _, stem = video_id.partition("/")
    texts = dict.fromkeys(["compression", "target", "source", "original", "official_split"], "")
    return {
        "video_id": video_id,
        "path": f"{stem}.mp4",
        "label": label,
        "dataset": dataset,
        "method": "swap" if label == FAKE else "real",
        **texts,
        "kind": "video",
        "sha256": "",
        **columns,
    }


def build(
    *rows: dict[str, Any], notes: tuple[str, ...] = (), trains: bool = False
) -> manifest.Manifest:
    scans = {
        name: Listing(part.reset_index(drop=True), list(notes))
        for name, part in pd.DataFrame(rows).groupby("dataset")
    }
    return manifest.build_manifest(scans, trains)


def test_data_sets_are_joined_and_sorted() -> None:
    built = build(
        row("b/z"), row("a/y", FAKE, original="a/x"), row("a/x"), notes=("3 files are left out",)
    )
    assert list(built.table.columns) == list(manifest.SCHEMA.columns)
    assert built.table["video_id"].tolist() == ["a/x", "a/y", "b/z"]
    assert built.counts == {
        "videos": 3,
        "real": 2,
        "fake": 1,
        "repeated_files": 0,
        "fakes_without_original": 0,
        "without_content": 3,
    }
    assert "a: 2 videos, 1 REAL, 1 FAKE\n  methods: swap 1\n" in built.report
    assert "  3 files are left out\n" in built.report


def test_columns_of_slices_are_text_and_empty_in_other_data_sets(tmp_path: Path) -> None:
    built = build(row("a/x", slice_skin="02"), row("a/y", slice_skin="NA"), row("b/z"))
    assert list(built.table.columns) == [*manifest.SCHEMA.columns, "slice_skin"]
    write_csv(tmp_path / "manifest.csv", built.table)
    read = read_csv(tmp_path / "manifest.csv")
    assert read["slice_skin"].tolist() == ["02", "NA", ""]
    links = pd.DataFrame(columns=["video_id", "identity", "content"])
    videos = with_links(read, links[["video_id", "identity"]], links[["video_id", "content"]])
    assert videos["slice_skin"].tolist() == ["02", "NA", ""]


@pytest.mark.parametrize(
    ("rows", "errors"),
    [
        (
            [row("d/a"), row("d/a", FAKE, path="a.avi")],
            ["a.mp4: video_id is 'd/a'", "a.avi: video_id"],
        ),
        ([row("d/a"), row("d/b", path="a.mp4")], ["a.mp4: path is 'a.mp4'"]),
        ([row("d/a", 2)], ["a.mp4: label is 2"]),
        ([row("d/a", kind="sound")], ["a.mp4: kind is 'sound'"]),
        ([row("d/a", official_split="dev")], ["a.mp4: official_split is 'dev'"]),
        ([row("d/a", method="")], ["a.mp4: method is ''"]),
        ([row("d/a", sha256="12")], ["a.mp4: sha256 is '12'"]),
        (
            [row("d/a", FAKE), row("d/b", FAKE, original="d/a")],
            ["b.mp4: its original d/a is a FAKE"],
        ),
        (
            [row("d/a", sha256=DIGESTS["a"]), row("e/b", FAKE, sha256=DIGESTS["a"])],
            ["d/a, e/b: identical files, labelled both REAL and FAKE"],
        ),
    ],
)
def test_every_error_is_named(rows: list[dict[str, Any]], errors: list[str]) -> None:
    with pytest.raises(ManifestError) as caught:
        build(*rows)
    for error in errors:
        assert f"\n  {error}" in str(caught.value)


def test_all_errors_are_counted_and_the_first_are_shown() -> None:
    with pytest.raises(ManifestError) as caught:
        build(*(row(f"d/{i:02}", 3) for i in range(25)))
    first, *lines = str(caught.value).splitlines()
    assert first == "the data sets have 25 errors; fix or remove these videos:"
    assert len(lines) == 21
    assert lines[-1] == "  ... and 5 more"


def test_warnings_are_in_the_report() -> None:
    built = build(
        row("d/a", sha256=DIGESTS["a"]),
        row("d/b", sha256=DIGESTS["a"]),
        row("d/c", FAKE, original="d/gone", sha256=DIGESTS["c"]),
        row("d/e", FAKE, sha256=DIGESTS["e"]),
        row("d/f", original="d/source", sha256=DIGESTS["f"]),
        row("d/g", FAKE, original="d/source", sha256=DIGESTS["d"]),
    )
    assert built.counts["repeated_files"] == 1
    assert built.counts["fakes_without_original"] == 1
    assert built.counts["without_content"] == 0
    assert "1 groups of identical files:\n  d/a, d/b" in built.report
    assert "1 fakes whose original is missing:\n  d/c: d/gone" in built.report


@pytest.mark.parametrize(("label", "missing"), [(REAL, "FAKE"), (FAKE, "REAL")])
def test_one_class_only_is_an_error_where_something_is_trained(label: int, missing: str) -> None:
    """Here, not six stages later."""
    with pytest.raises(ManifestError) as caught:
        build(row("d/a", label), row("e/b", label), trains=True)
    assert str(caught.value) == (
        f"no video is {missing}, and training needs both classes: check root, layout and include of"
        " the data sets in params.yaml (d, e), or add videos; train.epochs: 0 tests a model without"
        " training"
    )


@pytest.mark.parametrize(("label", "missing"), [(REAL, "FAKE"), (FAKE, "REAL")])
def test_one_class_only_is_noted_where_nothing_is_trained(label: int, missing: str) -> None:
    report = build(row("d/a", label)).report
    assert f"no video is {missing}: metrics that compare both classes" in report


def test_each_class_may_be_in_another_data_set() -> None:
    built = build(row("d/a"), row("e/b", FAKE), trains=True)
    assert "no video is" not in built.report
