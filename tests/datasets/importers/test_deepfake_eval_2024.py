"""Deepfake-Eval-2024: labels and splits from the table; unknown videos are left out and noted."""

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
    audio = {"audio-metadata-publish.csv": "Filename,Ground Truth\na.mp4,Fake\n"}
    root = tree(tmp_path, *VIDEOS, "video-data/notes.txt", files={NAME: TABLE, **audio})
    assert deepfake_eval_2024.recognises(root)
    listing = deepfake_eval_2024.listing(root)
    columns = ["path", "label", "method", "official_split"]
    assert listing.rows[columns].values.tolist() == [
        ["video-data/-d.mp4", 0, "real", ""],
        ["video-data/a.mp4", 0, "real", "train"],  # only its audio is fake
        ["video-data/b.mp4", 1, "in the wild", "test"],
    ]
    assert (listing.rows[["target", "source", "original"]] == "").all(axis=None)
    assert listing.notes == [
        "1 videos are neither Real nor Fake, left out:\n  video-data/c.mp4",
        f"1 videos are not in {NAME}, left out:\n  video-data/x.mp4",
        f"1 videos in {NAME} are not on disk:\n  gone.mp4",
    ]


def test_table_of_another_name_and_folder_without_splits(tmp_path: Path) -> None:
    files = {"tables/mine.csv": '\ufeffFilename,"Video Ground Truth"\na.mp4,Fake\n'}
    root = tree(tmp_path, "video-data/a.mp4", files=files)
    assert deepfake_eval_2024.recognises(root)
    rows = deepfake_eval_2024.listing(root).rows
    assert rows[["label", "official_split"]].values.tolist() == [[1, ""]]


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ("Filename,Truth\na.mp4,Real\n", "no CSV table with the columns"),
        ("Filename,Video Ground Truth\na.mp4,1\n", "row 2: '1'"),
        ("Filename,Video Ground Truth\na.mp4,Real\nb.mp4,\n", "row 3: ''"),
        (
            "Filename,Video Ground Truth\na.mp4,Real\na.mp4,Fake\n",
            "has contradictory rows for a.mp4",
        ),
        ('Filename,Video Ground Truth\n"a.mp4,Real\n', "is not a CSV table"),
    ],
)
def test_invalid_table(tmp_path: Path, table: str, error: str) -> None:
    with pytest.raises(ManifestError, match=error):
        deepfake_eval_2024.listing(tree(tmp_path, "video-data/a.mp4", files={NAME: table}))


def test_repeated_row_is_not_an_error(tmp_path: Path) -> None:
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
