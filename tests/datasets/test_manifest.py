"""The manifest: data sets joined, every mistake named, what should be known in the report."""

from typing import Any

import pandas as pd
import pytest

from deepfake.base.errors import ManifestError
from deepfake.datasets import manifest
from deepfake.datasets.listing import Listing

DIGESTS = {name: name * 64 for name in "abcdef"}


def row(video_id: str, label: int = 0, **more: Any) -> dict[str, Any]:
    dataset, _, stem = video_id.partition("/")
    texts = dict.fromkeys(["compression", "target", "source", "original", "official_split"], "")
    return {
        "video_id": video_id,
        "path": f"{stem}.mp4",
        "label": label,
        "dataset": dataset,
        "method": "swap" if label else "real",
        **texts,
        "kind": "video",
        "sha256": "",
        **more,
    }


def build(*rows: dict[str, Any], notes: tuple[str, ...] = ()) -> manifest.Manifest:
    table = pd.DataFrame(rows)
    return manifest.build_manifest(
        {
            name: Listing(part.reset_index(drop=True), list(notes))
            for name, part in table.groupby("dataset")
        }
    )


def test_data_sets_are_joined_and_sorted() -> None:
    found = build(row("b/z"), row("a/y", 1, original="a/x"), row("a/x"), notes=("look here",))
    assert list(found.table.columns) == list(manifest.SCHEMA.columns)
    assert found.table["video_id"].tolist() == ["a/x", "a/y", "b/z"]
    assert found.metrics == {
        "videos": 3,
        "real": 2,
        "fake": 1,
        "repeated_files": 0,
        "fakes_without_original": 0,
        "without_content": 3,
    }
    assert "a: 2 videos, 1 REAL, 1 FAKE\n  methods: swap 1\n" in found.report
    assert "look here" in found.report


@pytest.mark.parametrize(
    ("rows", "complaints"),
    [
        (
            [row("d/a"), row("d/a", 1, path="a.avi")],
            ["a.mp4: video_id is 'd/a'", "a.avi: video_id"],
        ),
        ([row("d/a"), row("d/b", path="a.mp4")], ["a.mp4: path is 'a.mp4'"]),
        ([row("d/a", 2)], ["a.mp4: label is 2"]),
        ([row("d/a", kind="sound")], ["a.mp4: kind is 'sound'"]),
        ([row("d/a", official_split="dev")], ["a.mp4: official_split is 'dev'"]),
        ([row("d/a", method="")], ["a.mp4: method is ''"]),
        ([row("d/a", sha256="12")], ["a.mp4: sha256 is '12'"]),
        (
            [row("d/a", 1), row("d/b", 1, original="d/a")],
            ["b.mp4: its original d/a is itself a FAKE"],
        ),
        (
            [row("d/a", sha256=DIGESTS["a"]), row("e/b", 1, sha256=DIGESTS["a"])],
            ["d/a, e/b: the same bytes, once REAL and once FAKE"],
        ),
    ],
)
def test_mistakes_are_named(rows: list[dict[str, Any]], complaints: list[str]) -> None:
    with pytest.raises(ManifestError) as caught:
        build(*rows)
    for complaint in complaints:
        assert f"\n  {complaint}" in str(caught.value)


def test_all_mistakes_are_counted_and_the_first_shown() -> None:
    with pytest.raises(ManifestError) as caught:
        build(*(row(f"d/{i:02}", 3) for i in range(25)))
    first, *lines = str(caught.value).splitlines()
    assert first == "the data has 25 mistakes:"
    assert len(lines) == 21
    assert lines[-1] == "  ... and 5 more"


def test_what_may_be_so_is_reported() -> None:
    found = build(
        row("d/a", sha256=DIGESTS["a"]),
        row("d/b", sha256=DIGESTS["a"]),
        row("d/c", 1, original="d/gone", sha256=DIGESTS["c"]),
        row("d/e", 1, sha256=DIGESTS["e"]),
        row("d/f", original="d/source", sha256=DIGESTS["f"]),
        row("d/g", 1, original="d/source", sha256=DIGESTS["d"]),
    )
    assert found.metrics["repeated_files"] == 1
    assert found.metrics["fakes_without_original"] == 1
    assert found.metrics["without_content"] == 0
    assert "1 files that stand there more than once:\n  d/a, d/b" in found.report
    assert "1 fakes whose original is not there:\n  d/c: d/gone" in found.report
