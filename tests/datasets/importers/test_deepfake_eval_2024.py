"""Deepfake-Eval-2024: what nobody knows to be real or fake is left out, and said."""

from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.datasets.importers import deepfake_eval_2024

NAME = "video-metadata-publish.csv"
TABLE = (
    "Filename,Date,Video Ground Truth,Audio Ground Truth,Public Comments,Finetuning Set\n"
    'a.mp4,2024-11-14,Real,Fake,"said, not\nshown",train\n'
    "b.mp4,2024-11-14, fake,Unknown,,test\n"
    "c.mp4,2024-11-13,Unknown,Unknown,,test\n"
    "-d.mp4,2024-11-13,REAL,Real,,\n"
    "gone.mp4,2024-11-12,Fake,Fake,,train\n"
)
VIDEOS = [f"video-data/{name}.mp4" for name in ("-d", "a", "b", "c", "x")]


def test_rows(tmp_path: Path) -> None:
    sounds = {"audio-metadata-publish.csv": "Filename,Ground Truth\na.mp4,Fake\n"}
    root = tree(tmp_path, *VIDEOS, "video-data/notes.txt", files={NAME: TABLE, **sounds})
    assert deepfake_eval_2024.recognises(root)
    found = deepfake_eval_2024.listing(root)
    columns = ["path", "label", "method", "official_split"]
    assert found.rows[columns].values.tolist() == [
        ["video-data/-d.mp4", 0, "real", ""],
        ["video-data/a.mp4", 0, "real", "train"],  # only its sound is fake
        ["video-data/b.mp4", 1, "in the wild", "test"],
    ]
    assert (found.rows[["target", "source", "original"]] == "").all(axis=None)
    assert found.notes == [
        "1 videos are neither known as real nor as fake, left out:\n  video-data/c.mp4",
        f"1 videos are not in {NAME}, left out:\n  video-data/x.mp4",
        f"1 videos of {NAME} are not on disk:\n  gone.mp4",
    ]


def test_any_table_one_level_deeper_without_a_split(tmp_path: Path) -> None:
    files = {"tables/mine.csv": '\ufeffFilename,"Video Ground Truth"\na.mp4,Fake\n'}
    root = tree(tmp_path, "video-data/a.mp4", files=files)
    assert deepfake_eval_2024.recognises(root)
    rows = deepfake_eval_2024.listing(root).rows
    assert rows[["label", "official_split"]].values.tolist() == [[1, ""]]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("Filename,Truth\na.mp4,Real\n", "no CSV table with the columns"),
        ("Filename,Video Ground Truth\na.mp4,1\n", "row 2: '1'"),
        ("Filename,Video Ground Truth\na.mp4,Real\nb.mp4,\n", "row 3: ''"),
        (
            "Filename,Video Ground Truth\na.mp4,Real\na.mp4,Fake\n",
            "says different things of a.mp4",
        ),
        ('Filename,Video Ground Truth\n"a.mp4,Real\n', "is not a CSV table"),
    ],
)
def test_broken_table(tmp_path: Path, table: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        deepfake_eval_2024.listing(tree(tmp_path, "video-data/a.mp4", files={NAME: table}))


def test_the_same_row_twice_is_no_contradiction(tmp_path: Path) -> None:
    files = {NAME: "Filename,Video Ground Truth\na.mp4,Real\na.mp4,real\n"}
    assert (
        len(deepfake_eval_2024.listing(tree(tmp_path, "video-data/a.mp4", files=files)).rows) == 1
    )


@pytest.mark.parametrize("name", ["", "video-data/a.mp4", "video-data/a.csv", NAME])
def test_not_recognised(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path / "root", *([name] if name else ["x/"]))
    assert not deepfake_eval_2024.recognises(root)
    with pytest.raises(ManifestError, match="no CSV table with the columns"):
        deepfake_eval_2024.listing(root)
