"""Metrics of a split, and of each of its data sets."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfake.core.files import write_metrics
from deepfake.core.labels import UNDECIDED
from deepfake.evaluation.predictions import Predictions
from deepfake.evaluation.split_metrics import MAIN_METRICS, evaluate, evaluate_datasets
from deepfake.params.schema import EvaluateParams

SETTINGS = EvaluateParams(max_groups=1000, scores_in_git="names", seed=0)


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


def test_the_only_data_set_has_no_metrics_of_its_own() -> None:
    """They are those of the split."""
    assert evaluate_datasets(predictions({"a": [0.1, 0.9]}), 0.5, SETTINGS) == {}


def test_intervals_of_frames_and_videos() -> None:
    """They contain the values; frames are left out by the groups of their videos."""
    scores = [0.2, 0.9, 0.3, 0.7, 0.6, 0.4, 0.1, 0.8] * 4
    metrics = evaluate(predictions({"a": [*scores]}), 0.5, SETTINGS)
    for level in ("frame", "video"):
        intervals = metrics[level]["interval_95"]
        assert {"roc_auc", "f1", "log_loss", "tpr_at_5_percent_fpr"} - intervals.keys() == {
            "tpr_at_5_percent_fpr"  # 16 REAL are too few
        }
        assert "calibration_error" not in intervals
        assert metrics[level]["groups"] == 32
        assert metrics[level]["real_groups"] == metrics[level]["fake_groups"] == 16
        for name, bounds in intervals.items():
            assert bounds["low"] < metrics[level][name] < bounds["high"]
    assert metrics["frame"]["interval_95"] == metrics["video"]["interval_95"]  # one frame per video


def test_few_groups_have_no_interval_but_their_number() -> None:
    metrics = evaluate(predictions({"a": [0.1, 0.9, 0.2, 0.4]}), 0.5, SETTINGS)["video"]
    assert metrics["interval_95"] == metrics["methods"]["swap"]["interval_95"] == {}
    assert metrics["groups"] == 4


def test_every_number_has_an_interval() -> None:
    """Except counts, and the calibration error."""
    labels = np.arange(400) % 2
    scores = np.random.default_rng(0).random(400) * 0.5 + labels * 0.3
    metrics = evaluate(predictions({"a": scores.tolist()}), 0.5, SETTINGS)["video"]
    numbers = {name for name, value in metrics.items() if isinstance(value, float)}
    assert numbers - metrics["interval_95"].keys() == {"calibration_error"}
    method = metrics["methods"]["swap"]
    assert {*MAIN_METRICS} <= method.keys()
    assert {*MAIN_METRICS} == method["interval_95"].keys()
    assert (method["videos"], method["fake_groups"]) == (200, 200)


def test_precision_without_false_alarms_is_not_certain() -> None:
    """No REAL of 30 is called FAKE; of a thousand, dozens may be."""
    scores = [0.1, 0.9, 0.2, 0.4] * 15
    metrics = evaluate(predictions({"a": [*scores]}), 0.5, SETTINGS)["video"]
    assert metrics["precision_at_1_in_1000"] == 1
    bounds = metrics["interval_95"]["precision_at_1_in_1000"]
    assert bounds["high"] == 1
    assert bounds["low"] < 0.01


def test_undecided_videos_counted_three_ways() -> None:
    metrics = evaluate(predictions({"a": [0.1, 0.9, 0.6, 0.8, None, None]}), 0.5, SETTINGS)
    counted = metrics["coverage"]
    accuracy = {name: counted[name]["accuracy"] for name in ("left_out", "as_wrong", "as_real")}
    assert accuracy == pytest.approx({"left_out": 3 / 4, "as_wrong": 3 / 6, "as_real": 4 / 6})
    assert counted["left_out"]["recall"] == 1
    assert counted["as_wrong"]["recall"] == counted["as_real"]["recall"] == pytest.approx(2 / 3)
    assert counted["as_wrong"]["false_positive_rate"] == pytest.approx(2 / 3)
    assert counted["as_real"]["false_positive_rate"] == pytest.approx(1 / 3)
    assert metrics["video"]["accuracy"] == counted["left_out"]["accuracy"]


@pytest.mark.parametrize("scores", [[], [None, None], [0.3], [0.4] * 30])
def test_nothing_to_measure_is_no_error(scores: list[float | None], tmp_path: Path) -> None:
    """No videos, none with a score, one label only, all scores equal."""
    videos = predictions({"a": [0.5], "b": scores})
    part = videos.videos[videos.videos["dataset"] == "b"]
    metrics = evaluate(
        Predictions(part.dropna(subset="score").drop(columns="group"), part), 0.5, SETTINGS
    )
    write_metrics(tmp_path / "m.json", metrics)
    assert json.loads((tmp_path / "m.json").read_text())["coverage"]["videos"] == len(scores)
