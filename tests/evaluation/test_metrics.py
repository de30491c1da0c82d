"""Metrics by hand, against scikit-learn, and on published predictions."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from deepfake.evaluation.metrics import (
    all_metrics,
    probability_metrics,
    rank_metrics,
    threshold_metrics,
)

# Third-party files, next to the checkout on the development machine; not part of the repository.
PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "bench" / "dataset_files"

LABELS = np.array([0, 0, 0, 1, 1])
SCORES = np.array([0.1, 0.3, 0.8, 0.6, 0.9])


def test_rank_metrics_by_hand() -> None:
    """Of 6 pairs one is wrong (0.8 above 0.6). Precision is 1 at the first FAKE, 2/3 at the next.

    At threshold 0.8 one of three REAL is a false positive and one of two FAKE a false negative; at
    0.6, one of three and none. The two rates are nearest at 0.8, where their mean is 5/12.
    """
    metrics = rank_metrics(LABELS, SCORES)
    assert metrics["roc_auc"] == pytest.approx(5 / 6)
    assert metrics["pr_auc"] == pytest.approx((1 + 2 / 3) / 2)
    assert metrics["eer"] == pytest.approx(5 / 12)


@pytest.mark.parametrize(
    ("scores", "roc_auc", "eer"),
    [([0.1, 0.2, 0.8, 0.9], 1.0, 0.0), ([0.9, 0.8, 0.2, 0.1], 0.0, 1.0), ([0.5] * 4, 0.5, 0.5)],
    ids=["perfect", "reversed", "constant"],
)
def test_extreme_ranks(scores: list[float], roc_auc: float, eer: float) -> None:
    metrics = rank_metrics(np.array([0, 0, 1, 1]), np.array(scores))
    assert (metrics["roc_auc"], metrics["eer"]) == (roc_auc, eer)


@pytest.mark.parametrize("labels", [[], [0], [1, 1], [0, 0, 0]])
def test_rank_metrics_without_one_label_are_nan(labels: list[int]) -> None:
    metrics = rank_metrics(np.array(labels, int), np.linspace(0, 1, len(labels)))
    assert set(metrics) == {"roc_auc", "pr_auc", "eer"}
    assert all(math.isnan(value) for value in metrics.values())


def test_threshold_metrics_by_hand() -> None:
    """At threshold 0.6, 0.8 is a false positive; 0.6 (equal to it) and 0.9 are true positives."""
    assert threshold_metrics(LABELS, SCORES, 0.6) == {
        "accuracy": 4 / 5,
        "balanced_accuracy": pytest.approx((1 + 2 / 3) / 2),
        "precision": 2 / 3,
        "recall": 1.0,
        "f1": pytest.approx(4 / 5),
        "true_fake": 2,
        "false_fake": 1,
        "true_real": 2,
        "false_real": 0,
    }


@pytest.mark.parametrize(
    ("labels", "scores", "undefined"),
    [
        ([], [], {"accuracy", "balanced_accuracy", "precision", "recall", "f1"}),
        ([0, 0], [0.1, 0.9], {"balanced_accuracy", "recall"}),
        ([1, 1], [0.1, 0.9], {"balanced_accuracy"}),
        ([0, 1], [0.1, 0.2], {"precision"}),
        ([0, 0], [0.1, 0.2], {"balanced_accuracy", "recall", "precision", "f1"}),
    ],
)
def test_threshold_metrics_with_denominator_0_are_nan(
    labels: list[int], scores: list[float], undefined: set[str]
) -> None:
    metrics = threshold_metrics(np.array(labels, int), np.array(scores, float), 0.5)
    assert {name for name, value in metrics.items() if math.isnan(value)} == undefined


def test_probability_metrics_by_hand() -> None:
    metrics = probability_metrics(np.array([0, 1]), np.array([0.2, 0.5]))
    assert metrics["brier"] == pytest.approx((0.04 + 0.25) / 2)
    assert metrics["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.5)) / 2)


def test_log_loss_of_a_certain_error_is_finite() -> None:
    metrics = probability_metrics(np.array([1]), np.array([0.0]))
    assert metrics == {"brier": 1.0, "log_loss": pytest.approx(-math.log(1e-7))}


def test_probability_metrics_without_rows_are_nan() -> None:
    metrics = probability_metrics(np.zeros(0, int), np.zeros(0))
    assert all(math.isnan(value) for value in metrics.values())


rows = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=40)


@given(rows.filter(lambda table: len({label for label, _ in table}) == 2), st.integers(0, 21))
def test_metrics_agree_with_scikit_learn(table: list[tuple[int, int]], cut: int) -> None:
    labels = np.array([label for label, _ in table])
    scores = np.array([score / 20 for _, score in table])
    threshold = cut / 20
    predicted = (scores >= threshold).astype(int)
    metrics = all_metrics(labels, scores, threshold)
    expected = {
        "roc_auc": sk.roc_auc_score(labels, scores),
        "pr_auc": sk.average_precision_score(labels, scores),
        "accuracy": sk.accuracy_score(labels, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "precision": sk.precision_score(labels, predicted, zero_division=np.nan),
        "recall": sk.recall_score(labels, predicted),
        "f1": sk.f1_score(labels, predicted),
        "brier": sk.brier_score_loss(labels, scores),
        "log_loss": sk.log_loss(labels, np.clip(scores, 1e-7, 1 - 1e-7)),
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, nan_ok=True)
    counts = [metrics[name] for name in ("true_real", "false_fake", "false_real", "true_fake")]
    assert counts == sk.confusion_matrix(labels, predicted, labels=[0, 1]).ravel().tolist()
    assert 0 <= metrics["eer"] <= 1


@pytest.mark.parametrize(
    ("name", "videos", "roc_auc"), [("DFDC", 400, 0.9994), ("Celeb-DF", 1182, 0.9814)]
)
def test_published_predictions_give_the_published_auc(
    name: str, videos: int, roc_auc: float
) -> None:
    """Per-video predictions of GenConViT (Wodajo et al., 2023)."""
    path = PUBLISHED / f"genconvit_result_april14_{name}.json"
    if not path.is_file():
        pytest.skip(f"the predictions published by GenConViT are not at {path}")
    table = json.loads(path.read_text())["video"]
    labels = np.array([int(label == "FAKE") for label in table["correct_label"]])
    metrics = rank_metrics(labels, np.array(table["pred"]))
    assert len(labels) == videos
    assert round(metrics["roc_auc"], 4) == roc_auc


@given(st.integers(0, 10_000), st.integers(2, 12), st.booleans())
def test_eer_considers_every_threshold(seed: int, count: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 2)
    scores = rng.random(count).round(1 if ties else 6)
    thresholds = [*scores, np.inf]
    misses = np.array([(scores[labels == 1] < limit).mean() for limit in thresholds])
    alarms = np.array([(scores[labels == 0] >= limit).mean() for limit in thresholds])
    nearest = np.abs(misses - alarms).min()
    means = ((misses + alarms) / 2)[np.abs(misses - alarms) <= nearest + 1e-12]
    eer = rank_metrics(labels, scores)["eer"]
    assert np.abs(means - eer).min() < 1e-12
