"""ROC-AUC: by hand, and equal to scikit-learn's."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from deepfake.core.labels import FAKE, REAL
from deepfake.core.roc import roc_auc


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.1, 0.6, 0.4, 0.9], 0.75),
        ([0.1, 0.2, 0.8, 0.9], 1.0),
        ([0.9, 0.8, 0.2, 0.1], 0.0),
        ([-3.0, 2.0, 2.5, 40.0], 1.0),
    ],
    ids=["one of four pairs is wrong", "perfect", "reversed", "any range"],
)
def test_by_hand(scores: list[float], expected: float) -> None:
    assert roc_auc(np.array([REAL, REAL, FAKE, FAKE]), np.array(scores)) == expected


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.5, 0.5, 0.5, 0.5], 0.5), ([0.1, 0.5, 0.5, 0.9], 0.875), ([0.5, 0.5, 0.5, 0.9], 0.75)],
)
def test_a_tie_counts_half(scores: list[float], expected: float) -> None:
    assert roc_auc(np.array([REAL, REAL, FAKE, FAKE]), np.array(scores)) == expected


@pytest.mark.parametrize("labels", [[], [REAL], [FAKE], [REAL, REAL], [FAKE, FAKE, FAKE]])
def test_nan_if_a_label_is_missing(labels: list[int]) -> None:
    assert math.isnan(roc_auc(np.array(labels, int), np.linspace(0, 1, len(labels))))


@pytest.mark.parametrize("decimals", [16, 2, 1, 0])
@pytest.mark.parametrize("count", [2, 3, 10, 101, 2000])
def test_equals_scikit_learn(count: int, decimals: int) -> None:
    """With few decimals many scores are equal. Scores may also be logits."""
    for seed in range(20):
        generator = np.random.default_rng(seed)
        labels = generator.integers(0, 2, count)
        labels[:2] = REAL, FAKE
        scores = generator.normal(labels, 1).round(decimals)
        assert roc_auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
