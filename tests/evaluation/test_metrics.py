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
    all_statistics,
    calibration_bin,
    precision_at,
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
    assert {"roc_auc", "pr_auc", "eer", "tpr_at_5_percent_fpr"} <= set(metrics)
    assert all(math.isnan(value) for value in metrics.values())


def test_threshold_metrics_by_hand() -> None:
    """At threshold 0.6, 0.8 is a false positive; 0.6 (equal to it) and 0.9 are true positives."""
    assert threshold_metrics(LABELS, SCORES, 0.6) == {
        "accuracy": 4 / 5,
        "balanced_accuracy": pytest.approx((1 + 2 / 3) / 2),
        "precision": 2 / 3,
        "recall": 1.0,
        "false_positive_rate": 1 / 3,
        "f1": pytest.approx(4 / 5),
        "precision_at_1_in_2": pytest.approx(3 / 4),
        "precision_at_1_in_100": pytest.approx(3 / (3 + 99)),
        "precision_at_1_in_1000": pytest.approx(3 / (3 + 999)),
        "true_fake": 2,
        "false_fake": 1,
        "true_real": 2,
        "false_real": 0,
    }


@pytest.mark.parametrize(
    ("labels", "scores", "undefined"),
    [
        ([], [], {"accuracy", "balanced_accuracy", "precision", "recall", "fpr", "f1", "at"}),
        ([0, 0], [0.1, 0.9], {"balanced_accuracy", "recall", "at"}),
        ([1, 1], [0.1, 0.9], {"balanced_accuracy", "fpr", "at"}),
        ([0, 1], [0.1, 0.2], {"precision", "at"}),
        ([0, 0], [0.1, 0.2], {"balanced_accuracy", "recall", "precision", "f1", "at"}),
    ],
)
def test_threshold_metrics_with_denominator_0_are_nan(
    labels: list[int], scores: list[float], undefined: set[str]
) -> None:
    metrics = threshold_metrics(np.array(labels, int), np.array(scores, float), 0.5)
    metrics["fpr"] = metrics.pop("false_positive_rate")
    at = [metrics.pop(name) for name in list(metrics) if name.startswith("precision_at")]
    metrics["at"] = math.nan if all(math.isnan(value) for value in at) else sum(at)
    assert {name for name, value in metrics.items() if math.isnan(value)} == undefined


def test_probability_metrics_by_hand() -> None:
    metrics = probability_metrics(np.array([0, 1]), np.array([0.2, 0.5]))
    assert metrics["brier"] == pytest.approx((0.04 + 0.25) / 2)
    assert metrics["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.5)) / 2)


def test_log_loss_of_a_certain_error_is_finite() -> None:
    metrics = probability_metrics(np.array([1]), np.array([0.0]))
    assert metrics["brier"] == 1
    assert metrics["log_loss"] == pytest.approx(-math.log(1e-7))


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
        "roc_auc_to_10_percent_fpr": sk.roc_auc_score(labels, scores, max_fpr=0.1),
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


@given(rows.filter(lambda table: len({label for label, _ in table}) == 2), st.integers(0, 21))
def test_a_weight_says_how_often_a_row_counts(table: list[tuple[int, int]], cut: int) -> None:
    """Leaving rows out and repeating them gives the metrics of the table that remains."""
    labels = np.array([label for label, _ in table])
    scores = np.array([score / 20 for _, score in table])
    weights = np.random.default_rng(cut).integers(0, 3, (4, len(labels)))
    values = all_statistics(labels, scores, cut / 20)(weights.astype(float))
    for number, repeats in enumerate(weights):
        kept = np.repeat(np.arange(len(labels)), repeats)
        expected = all_metrics(labels[kept], scores[kept], cut / 20)
        for name in values.keys() - {"tpr_at_1_percent_fpr", "tpr_at_5_percent_fpr"}:
            assert values[name][number] == pytest.approx(expected[name], nan_ok=True), name


def test_true_positive_rate_at_a_false_positive_rate() -> None:
    """As the ROC curve of scikit-learn has it, with straight lines between its points."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 500)
    scores = (labels + generator.normal(size=500)).round(1)
    fpr, tpr, _ = sk.roc_curve(labels, scores)
    metrics = rank_metrics(labels, scores)
    for percent in (1, 5):
        expected = np.interp(percent / 100, fpr, tpr)
        assert metrics[f"tpr_at_{percent}_percent_fpr"] == pytest.approx(expected)


def test_true_positive_rates_by_hand() -> None:
    """The highest of 20 REAL is above 1 of 4 FAKE, so no more FAKE are found at 5 % than above it."""
    labels = np.repeat([0, 1], [20, 4])
    scores = np.concatenate([np.arange(20), [18.5, 17.5, 30, 31]])
    metrics = rank_metrics(labels, scores)
    assert metrics["tpr_at_5_percent_fpr"] == 3 / 4
    assert math.isnan(metrics["tpr_at_1_percent_fpr"]), "one of 20 REAL is more than 1 %"
    constant = rank_metrics(labels, np.zeros(24))
    assert constant["tpr_at_5_percent_fpr"] == pytest.approx(0.05)
    assert constant["roc_auc_to_10_percent_fpr"] == pytest.approx(0.5)
    assert rank_metrics(labels, labels * 1.0)["roc_auc_to_10_percent_fpr"] == 1


def test_precision_by_prevalence() -> None:
    """Of 1,000 videos, 10 are FAKE: 8 of them and 99 of the others are called FAKE."""
    found = precision_at(np.array([0.8]), np.array([0.1]), 1 / 100)
    assert found == pytest.approx([8 / (8 + 99)])
    assert precision_at(np.array([0.5]), np.array([0.0]), 1 / 1000) == [1]
    assert math.isnan(precision_at(np.array([0.0]), np.array([0.0]), 0.5)[0])


def test_calibration_error_by_hand() -> None:
    """In the bin from .2, the mean score is .25 and half are FAKE; in the last, .95 and all."""
    labels, scores = np.array([0, 1, 1, 1]), np.array([0.2, 0.3 - 1e-9, 0.9, 1.0])
    metrics = probability_metrics(labels, scores)
    assert metrics["calibration_error"] == pytest.approx((2 * 0.25 + 2 * 0.05) / 4)
    assert calibration_bin(np.array([0, 0.0999, 0.1, 0.95, 1])).tolist() == [0, 0, 1, 9, 9]


def test_calibration_error_of_calibrated_scores_is_small() -> None:
    generator = np.random.default_rng(0)
    scores = generator.random(100_000)
    labels = (generator.random(100_000) < scores).astype(int)
    assert probability_metrics(labels, scores)["calibration_error"] < 0.01
    assert probability_metrics(1 - labels, scores)["calibration_error"] > 0.3
