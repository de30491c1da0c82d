"""DFDC: parts with their metadata.json, and the test set, whose 1 is FAKE."""

import json
from pathlib import Path

import pytest
from trees import tree

from deepfake.datasets import csv_file, dfdc
from deepfake.errors import ManifestError

PART = json.dumps(
    {
        "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
        "b.mp4": {"label": "REAL", "split": "train"},
        "c.mp4": {"label": "REAL", "split": "train", "original": None},
        "gone.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
    }
)
VIDEOS = [f"dfdc_train_part_3/{name}.mp4" for name in "abcx"]


def test_labels_and_originals(tmp_path: Path) -> None:
    files = {"dfdc_train_part_3/metadata.json": PART}
    found = dfdc.listing(tree(tmp_path, *VIDEOS, files=files))
    rows = found.rows.set_index("path")
    assert rows["label"].to_dict() == {VIDEOS[0]: 1, VIDEOS[1]: 0, VIDEOS[2]: 0}
    assert rows["original"].tolist() == [VIDEOS[1], "", ""]
    assert rows["method"].tolist() == ["dfdc", "real", "real"]
    assert (rows["official_split"] == "train").all()
    assert (rows[["target", "source"]] == "").all(axis=None)
    assert found.notes == [
        "1 videos of the tables are not on disk:\n  dfdc_train_part_3/gone.mp4",
        "1 videos are in no table, left out:\n  dfdc_train_part_3/x.mp4",
    ]


def test_equal_names_in_two_parts_are_two_videos(tmp_path: Path) -> None:
    files = {f"parts/{i}/metadata.json": PART for i in (1, 2)}
    rows = dfdc.listing(tree(tmp_path, "parts/1/a.mp4", "parts/2/a.mp4", files=files)).rows
    assert rows["original"].tolist() == ["parts/1/b.mp4", "parts/2/b.mp4"]


def test_the_test_set(tmp_path: Path) -> None:
    files = {"labels.csv": "filename,label\na.mp4,1\nb.mp4,0\n"}
    root = tree(tmp_path, "a.mp4", "b.mp4", files=files)
    assert dfdc.recognises(root)
    assert not csv_file.recognises(root)
    rows = dfdc.listing(root).rows
    assert rows[["path", "label", "official_split"]].values.tolist() == [
        ["a.mp4", 1, "test"],
        ["b.mp4", 0, "test"],
    ]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("metadata.json", "{", "is not JSON"),
        ("metadata.json", "[]", "holds a list, not a dict"),
        ("metadata.json", '{"a.mp4": "FAKE"}', "a.mp4 should have a label"),
        ("metadata.json", '{"a.mp4": {}}', "a.mp4 has a label that is neither"),
        ("metadata.json", '{"a.mp4": {"label": "fool"}}', "a.mp4 has a label that is neither"),
        ("labels.csv", "file,label\na.mp4,1\n", "should have the columns filename and label"),
        ("labels.csv", "filename,label\na.mp4,2\n", "a.mp4 has a label that is neither"),
    ],
)
def test_broken_tables(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        dfdc.listing(tree(tmp_path, "a.mp4", files={name: content}))


def test_empty(tmp_path: Path) -> None:
    assert not dfdc.recognises(tmp_path)
    assert dfdc.listing(tmp_path).rows.empty


def test_published_part(tmp_path: Path, bench: Path) -> None:
    text = (bench / "dataset_files/dfdc_train_part_3_metadata.json").read_text()
    entries = json.loads(text)
    fakes = [name for name, entry in entries.items() if entry["label"] == "FAKE"]
    rows = dfdc.listing(tree(tmp_path, *entries, files={"metadata.json": text})).rows
    assert len(rows) == len(entries)
    assert sorted(rows.loc[rows["label"] == 1, "path"]) == sorted(fakes)
    assert set(rows["original"]) - {""} <= set(rows.loc[rows["label"] == 0, "path"])
