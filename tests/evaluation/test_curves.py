"""Curves by hand, and as files for `dvc plots`."""

from pathlib import Path

import pandas as pd
import pytest

from deepfake.evaluation.curves import (
    SCORE_BINS,
    confusion_points,
    histogram_points,
    pr_points,
    reliability_points,
    roc_points,
    write_curves,
)

VIDEOS = pd.DataFrame(
    {
        "label": [0, 0, 1, 1, 1],
        "score": [0.1, 0.6, 0.4, 0.97, float("nan")],
        "verdict": ["REAL", "FAKE", "REAL", "FAKE", "UNDECIDED"],
    }
)
SCORED = VIDEOS[:4]


def test_roc_by_hand() -> None:
    points = roc_points(SCORED["label"], SCORED["score"])
    assert points.values.tolist() == [
        [0.0, 0.0, 1.0],
        [0.0, 0.5, 0.97],
        [0.5, 0.5, 0.6],
        [0.5, 1.0, 0.4],
        [1.0, 1.0, 0.1],
    ]


def test_pr_by_hand() -> None:
    points = pr_points(SCORED["label"], SCORED["score"])
    assert list(points.columns) == ["recall", "precision"]
    assert points.values.tolist() == [
        [1.0, 0.5],
        [1.0, pytest.approx(2 / 3)],
        [0.5, 0.5],
        [0.5, 1.0],
        [0.0, 1.0],
    ]


@pytest.mark.parametrize("rows", [VIDEOS[:0], VIDEOS[:2], VIDEOS[2:4]])
def test_curves_without_one_label_are_empty(rows: pd.DataFrame) -> None:
    for function, columns in (
        (roc_points, ["fpr", "tpr", "threshold"]),
        (pr_points, ["recall", "precision"]),
    ):
        points = function(rows["label"], rows["score"])
        assert points.empty
        assert list(points.columns) == columns


def test_confusion_includes_undecided_videos() -> None:
    points = confusion_points(VIDEOS)
    assert points["actual"].tolist() == ["REAL"] * 3 + ["FAKE"] * 3
    assert points["verdict"].tolist() == ["REAL", "FAKE", "UNDECIDED"] * 2
    assert points["videos"].tolist() == [1, 1, 0, 1, 1, 1]


def test_histogram_by_hand() -> None:
    """Bins are 0.05 wide, and the last one includes 1."""
    labels, scores = pd.Series([0, 0, 0, 1, 1]), pd.Series([0.0, 0.04, 0.06, 0.96, 1.0])
    points = histogram_points(labels, scores)
    middles = [0.025 + 0.05 * i for i in range(SCORE_BINS)]
    assert points["score"].tolist() == pytest.approx(middles * 2)
    assert points["label"].tolist() == [0] * 20 + [1] * 20
    assert points["videos"].tolist() == [2, 1, *[0] * 18, *[0] * 19, 2]


def test_reliability_by_hand() -> None:
    labels, scores = pd.Series([0, 1, 1, 0, 1]), pd.Series([0.2, 0.28, 0.9, 1.0, 0.95])
    points = reliability_points(labels, scores)
    assert points["score"].tolist() == pytest.approx([0.24, 0.95])
    assert points["fake_share"].tolist() == pytest.approx([0.5, 2 / 3])
    assert points["videos"].tolist() == [2, 3]


@pytest.mark.parametrize(("videos", "roc_rows"), [(VIDEOS, 5), (VIDEOS[:0], 0)])
def test_files(tmp_path: Path, videos: pd.DataFrame, roc_rows: int) -> None:
    write_curves(tmp_path, videos)
    lines = {path.name: path.read_text().splitlines() for path in tmp_path.iterdir()}
    assert {name: (content[0], len(content) - 1) for name, content in lines.items()} == {
        "roc.tsv": ("fpr\ttpr\tthreshold", roc_rows),
        "pr.tsv": ("recall\tprecision", roc_rows),
        "confusion.tsv": ("actual\tverdict\tvideos", 6),
        "histogram.tsv": ("score\tlabel\tvideos", 2 * SCORE_BINS),
        "reliability.tsv": ("score\tfake_share\tvideos", min(4, len(videos))),
    }
