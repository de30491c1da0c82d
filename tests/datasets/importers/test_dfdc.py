"""DFDC: training parts with metadata.json; validation and test sets, where 1 is FAKE."""

import json
from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.datasets.importers import csv_file, dfdc

PART = json.dumps(
    {
        "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
        "b.mp4": {"label": "REAL", "split": "train"},
        "c.mp4": {"label": "REAL", "split": "train", "original": None},
        "gone.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
    }
)
VIDEOS = [f"dfdc_train_part_3/{name}.mp4" for name in "abcx"]
A, B = "aalscayrfi.mp4", "bchnbulevv.mp4"  # ten letters, like DFDC's own names
LISTED = f"filename,label\n{A},1\n{B},0\n"
IS_FAKE = json.dumps(
    {
        A: {"is_fake": 1, "augmentations": {"noise": 3}, "original": B},
        B: {"is_fake": 0, "augmentations": {}},
    }
)


def test_labels_and_originals(tmp_path: Path) -> None:
    files = {"dfdc_train_part_3/metadata.json": PART}
    listing = dfdc.listing(tree(tmp_path, *VIDEOS, files=files))
    rows = listing.rows.set_index("path")
    assert rows["label"].to_dict() == {VIDEOS[0]: 1, VIDEOS[1]: 0, VIDEOS[2]: 0}
    assert rows["original"].tolist() == [VIDEOS[1], "", ""]
    assert rows["method"].tolist() == ["dfdc", "real", "real"]
    assert (rows["official_split"] == "train").all()
    assert (rows[["target", "source"]] == "").all(axis=None)
    assert listing.notes == [
        "1 videos in the tables are not on disk:\n  dfdc_train_part_3/gone.mp4",
        "1 videos are in no table, left out:\n  dfdc_train_part_3/x.mp4",
    ]


def test_equal_names_in_two_parts_are_two_videos(tmp_path: Path) -> None:
    files = {f"parts/{i}/metadata.json": PART for i in (1, 2)}
    rows = dfdc.listing(tree(tmp_path, "parts/1/a.mp4", "parts/2/a.mp4", files=files)).rows
    assert rows["original"].tolist() == ["parts/1/b.mp4", "parts/2/b.mp4"]


def test_kaggle_test_set_is_not_layout_csv(tmp_path: Path) -> None:
    root = tree(tmp_path, A, B, files={"labels.csv": LISTED})
    assert dfdc.recognises(root)
    assert not csv_file.recognises(root)
    rows = dfdc.listing(root).rows
    assert rows[["path", "label", "method", "official_split"]].values.tolist() == [
        [A, 1, "dfdc", "test"],
        [B, 0, "real", "test"],
    ]


@pytest.mark.parametrize(
    ("folder", "split"),
    [("test", "test"), ("validation", "val"), ("train", "train"), ("x", "test")],
)
@pytest.mark.parametrize(("name", "text"), [("labels.csv", LISTED), ("metadata.json", IS_FAKE)])
def test_split_from_the_folder(
    tmp_path: Path, folder: str, split: str, name: str, text: str
) -> None:
    root = tree(tmp_path, f"{folder}/{A}", f"{folder}/{B}", files={f"{folder}/{name}": text})
    assert dfdc.recognises(root)
    assert dfdc.recognises(root / folder)
    for place, prefix in ((root, f"{folder}/"), (root / folder, "")):
        rows = dfdc.listing(place).rows
        assert rows[["path", "label", "official_split"]].values.tolist() == [
            [f"{prefix}{A}", 1, split],
            [f"{prefix}{B}", 0, split],
        ]
        original = f"{prefix}{B}" if name == "metadata.json" else ""
        assert rows["original"].tolist() == [original, ""]


def test_split_from_the_table_precedes_the_folder(tmp_path: Path) -> None:
    rows = dfdc.listing(tree(tmp_path, "test/a.mp4", files={"test/metadata.json": PART})).rows
    assert rows["official_split"].tolist() == ["train"]


def test_split_of_a_part_without_one(tmp_path: Path) -> None:
    files = {"dfdc_train_part_0/metadata.json": '{"a.mp4": {"label": "REAL"}}'}
    rows = dfdc.listing(tree(tmp_path, "dfdc_train_part_0/a.mp4", files=files)).rows
    assert rows["official_split"].tolist() == [""]


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("metadata.json", "{", "is not JSON"),
        ("metadata.json", "[]", "holds a list, not a dict"),
        ("metadata.json", '{"a.mp4": "FAKE"}', "a.mp4 has no label"),
        ("metadata.json", '{"a.mp4": {}}', "a.mp4 has the label None"),
        ("metadata.json", '{"a.mp4": {"label": "fool"}}', "a.mp4 has the label 'fool'"),
        ("metadata.json", '{"a.mp4": {"is_fake": 2}}', "a.mp4 has the label 2"),
        ("labels.csv", "file,label\na.mp4,1\n", "must have the columns filename and label"),
        ("labels.csv", "filename,label\na.mp4,2\n", "a.mp4 has the label '2'"),
        ("labels.csv", "", "is not a CSV table"),
        ("labels.csv", 'filename,label\n"a.mp4,1\n', "is not a CSV table"),
    ],
)
def test_invalid_table(tmp_path: Path, name: str, content: str, error: str) -> None:
    with pytest.raises(ManifestError, match=error):
        dfdc.listing(tree(tmp_path, "a.mp4", files={name: content}))


def test_tables_with_other_names_are_not_read(tmp_path: Path) -> None:
    files = {"metadata.json": PART, "old_metadata.json": "{", "my_labels.csv": ""}
    assert dfdc.listing(tree(tmp_path, "a.mp4", files=files)).rows["path"].tolist() == ["a.mp4"]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("dfdc_train_part_0/metadata.json", PART, True),
        ("train/dfdc_train_part_0/metadata.json", PART, True),
        ("metadata.json", PART, True),
        ("metadata.json", "[]", False),
        ("metadata.json", '{"title": {"label": "FAKE"}}', False),
        ("metadata.json", '[{"file": "a.mp4", "label": "FAKE"}]', False),
        ("labels.csv", "path,label\na.mp4,1\n", False),
        ("labels.csv", "filename,label\nholiday.mp4,1\n", False),
        ("labels.csv", f"filename,label\n{A},REAL\n", False),
    ],
)
def test_recognised_by_the_beginning_of_a_table(
    tmp_path: Path, name: str, text: str, expected: bool
) -> None:
    assert dfdc.recognises(tree(tmp_path, files={name: text})) is expected


def test_empty(tmp_path: Path) -> None:
    assert not dfdc.recognises(tmp_path)
    with pytest.raises(ManifestError, match=r"has no metadata.json and no labels.csv"):
        dfdc.listing(tmp_path)


def test_published_part(tmp_path: Path, bench: Path) -> None:
    text = (bench / "dataset_files/dfdc_train_part_3_metadata.json").read_text()
    entries = json.loads(text)
    labels = [entry["label"] for entry in entries.values()]
    root = tree(tmp_path, *entries, files={"metadata.json": text})
    assert dfdc.recognises(root)
    listing = dfdc.listing(root)
    assert listing.notes == []
    counts = listing.rows["label"].value_counts().to_dict()
    assert counts == {1: labels.count("FAKE"), 0: labels.count("REAL")}
    assert counts[1] + counts[0] == len(entries) > 1000
    fakes = {name: entry["original"] for name, entry in entries.items() if "original" in entry}
    rows = listing.rows.set_index("path")
    assert rows.loc[rows["label"] == 1, "original"].to_dict() == fakes
    assert set(fakes.values()) <= set(rows.index[rows["label"] == 0])
    assert (rows["official_split"] == "train").all()
