"""Deepfake-Eval-2024: what nobody knows to be real or fake is left out, and said."""

from pathlib import Path

import pytest
from trees import tree

from deepfake.datasets import deepfake_eval_2024
from deepfake.errors import ManifestError

TABLE = (
    "Filename,Video Ground Truth,Finetuning Set\n"
    "a.mp4,Real,Train\nb.mp4,Fake,Test\nc.mp4,Unknown,Test\ngone.mp4,fake,\n"
)
VIDEOS = [f"video-data/{name}.mp4" for name in "abcx"]


def test_rows(tmp_path: Path) -> None:
    files = {"audio.csv": "Filename,Ground Truth\na.mp3,Real\n", "video.csv": TABLE}
    root = tree(tmp_path, *VIDEOS, files=files)
    assert deepfake_eval_2024.recognises(root)
    found = deepfake_eval_2024.listing(root)
    columns = ["path", "label", "method", "official_split"]
    assert found.rows[columns].values.tolist() == [
        [VIDEOS[0], 0, "real", "train"],
        [VIDEOS[1], 1, "in the wild", "test"],
    ]
    assert found.notes == [
        f"1 videos are neither known as real nor as fake, left out:\n  {VIDEOS[2]}",
        f"1 videos are not in video.csv, left out:\n  {VIDEOS[3]}",
        "1 videos of video.csv are not on disk:\n  gone.mp4",
    ]


def test_without_official_split(tmp_path: Path) -> None:
    files = {"video.csv": "Filename,Video Ground Truth\na.mp4,Real\n"}
    rows = deepfake_eval_2024.listing(tree(tmp_path, VIDEOS[0], files=files)).rows
    assert rows["official_split"].tolist() == [""]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("Filename,Truth\na.mp4,Real\n", "no CSV table with the columns"),
        ("Filename,Video Ground Truth\na.mp4,1\n", "row 2: '1'"),
    ],
)
def test_broken_table(tmp_path: Path, table: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        deepfake_eval_2024.listing(tree(tmp_path, VIDEOS[0], files={"video.csv": table}))


def test_not_recognised(tmp_path: Path) -> None:
    assert not deepfake_eval_2024.recognises(tmp_path)
