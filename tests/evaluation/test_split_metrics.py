"""Metrics of a split, and of each of its data sets."""

import pandas as pd
import pytest

from deepfake.core.labels import UNDECIDED
from deepfake.evaluation.predictions import Predictions
from deepfake.evaluation.split_metrics import evaluate, evaluate_datasets
from deepfake.params.schema import EvaluateParams

SETTINGS = EvaluateParams(bootstrap=20, seed=0)


def predictions(scores: dict[str, list[float | None]]) -> Predictions:
    """Videos by data set, every second one FAKE; None is UNDECIDED and has no crop."""
    rows = [
        {
            "video_id": f"{dataset}/{i}",
            "dataset": dataset,
            "label": i % 2,
            "method": "swap" if i % 2 else "real",
            "group": 10 * number + i,
            "score": score,
            "verdict": UNDECIDED if score is None else "FAKE" if score >= 0.5 else "REAL",
        }
        for number, (dataset, values) in enumerate(scores.items())
        for i, score in enumerate(values)
    ]
    videos = pd.DataFrame(rows).astype({"score": float})
    return Predictions(videos[videos["score"].notna()].drop(columns="group"), videos)


def test_each_data_set_has_its_own_metrics() -> None:
    metrics = evaluate_datasets(
        predictions({"easy": [0.1, 0.9, 0.2, 0.8], "hard": [0.9, 0.1, 0.8, None]}), 0.5, SETTINGS
    )
    assert list(metrics) == ["easy", "hard"]
    assert metrics["easy"]["video"]["roc_auc"] == 1
    assert metrics["hard"]["video"]["roc_auc"] == 0
    assert metrics["easy"]["coverage"]["undecided"] == 0
    assert metrics["hard"]["coverage"]["fraction"] == pytest.approx(0.75)
    assert metrics["hard"]["frame"]["frames"] == 3


def test_metrics_of_the_only_data_set_are_those_of_the_split() -> None:
    alone = predictions({"a": [0.1, 0.9, 0.2, 0.4]})
    assert evaluate_datasets(alone, 0.5, SETTINGS) == {"a": evaluate(alone, 0.5, SETTINGS)}


def test_intervals_of_frames_and_videos() -> None:
    """They contain the values; frames are resampled by the groups of their videos."""
    scores = [0.2, 0.9, 0.3, 0.7, 0.6, 0.4, 0.1, 0.8] * 4
    metrics = evaluate(predictions({"a": [*scores]}), 0.5, SETTINGS)
    for level in ("frame", "video"):
        intervals = metrics[level]["interval_95"]
        assert list(intervals) == ["roc_auc", "pr_auc", "accuracy", "balanced_accuracy", "f1"]
        for name, bounds in intervals.items():
            assert bounds["low"] < metrics[level][name] < bounds["high"]
    assert metrics["frame"]["interval_95"] == metrics["video"]["interval_95"]  # one frame per video
