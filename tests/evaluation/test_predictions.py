"""Metrics of each test data set by itself."""

import pandas as pd
import pytest

from deepfake.evaluation.predictions import Predictions
from deepfake.evaluation.split_metrics import evaluate, evaluate_datasets
from deepfake.params.schema import EvaluateParams

SETTINGS = EvaluateParams(bootstrap=20, seed=0)


def predictions(scores: dict[str, list[float | None]]) -> Predictions:
    """Videos of data sets, every second one FAKE; None is UNDECIDED and has no crop."""
    rows = [
        {
            "video_id": f"{dataset}/{i}",
            "dataset": dataset,
            "label": i % 2,
            "method": "swap" if i % 2 else "real",
            "group": 10 * number + i,
            "score": score,
            "verdict": "UNDECIDED" if score is None else "FAKE" if score >= 0.5 else "REAL",
        }
        for number, (dataset, values) in enumerate(scores.items())
        for i, score in enumerate(values)
    ]
    videos = pd.DataFrame(rows).astype({"score": float})
    return Predictions(videos[videos["score"].notna()].drop(columns="group"), videos)


def test_each_data_set_has_its_own_numbers() -> None:
    found = evaluate_datasets(
        predictions({"easy": [0.1, 0.9, 0.2, 0.8], "hard": [0.9, 0.1, 0.8, None]}), 0.5, SETTINGS
    )
    assert list(found) == ["easy", "hard"]
    assert found["easy"]["video"]["roc_auc"] == 1
    assert found["hard"]["video"]["roc_auc"] == 0
    assert found["easy"]["coverage"]["undecided"] == 0
    assert found["hard"]["coverage"]["fraction"] == pytest.approx(0.75)
    assert found["hard"]["frame"]["frames"] == 3


def test_one_data_set_is_the_whole() -> None:
    alone = predictions({"a": [0.1, 0.9, 0.2, 0.4]})
    assert evaluate_datasets(alone, 0.5, SETTINGS) == {"a": evaluate(alone, 0.5, SETTINGS)}


def test_intervals_of_frames_and_videos() -> None:
    """Around the figures, by the groups of the videos also where frames are counted."""
    scores = [0.2, 0.9, 0.3, 0.7, 0.6, 0.4, 0.1, 0.8] * 4
    found = evaluate(predictions({"a": [*scores]}), 0.5, SETTINGS)
    for level in ("frame", "video"):
        intervals = found[level]["interval_95"]
        assert list(intervals) == ["roc_auc", "pr_auc", "accuracy", "balanced_accuracy", "f1"]
        for name, bounds in intervals.items():
            assert bounds["low"] < found[level][name] < bounds["high"]
    assert found["frame"]["interval_95"] == found["video"]["interval_95"]  # one frame per video
