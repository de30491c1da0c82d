"""Intervals: they contain the estimate, and are wider if videos are not independent."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from deepfake.core.labels import FAKE, REAL, Floats, Integers, Labels
from deepfake.evaluation.intervals import Interval, group_bootstrap


def bounds_of(
    statistic: Callable[[Labels, Floats], float],
    labels: Labels,
    scores: Floats,
    groups: Integers,
    resamples: int,
    seed: int,
) -> Interval:
    """The interval of one statistic."""

    def statistics(labels: Labels, scores: Floats) -> dict[str, float]:
        return {"statistic": statistic(labels, scores)}

    return group_bootstrap(statistics, labels, scores, groups, resamples, seed)["statistic"]


def mean_score(_: Labels, scores: Floats) -> float:
    return float(scores.mean())


def roc_auc_by_pairs(labels: Labels, scores: Floats) -> float:
    """ROC-AUC by counting pairs; NaN if a label is missing."""
    fake, real = scores[labels == FAKE], scores[labels == REAL]
    if not len(fake) or not len(real):
        return math.nan
    return float((fake[:, None] > real).mean())


def clustered() -> tuple[Labels, Floats, Integers]:
    """20 people with 10 videos each, whose scores vary little within a person."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 10)
    labels = (groups % 2).astype(np.int64)
    scores = labels * 0.8 + generator.normal(0, 1, 20)[groups] + generator.normal(0, 0.05, 200)
    return labels, scores, groups


def test_interval_contains_the_estimate() -> None:
    labels, scores, groups = clustered()
    for statistic in (mean_score, roc_auc_by_pairs):
        low, high = bounds_of(statistic, labels, scores, groups, 300, 0)
        assert low < statistic(labels, scores) < high


def test_groups_widen_the_interval() -> None:
    """Ten videos of a person say little more than one: about sqrt(10) times as wide."""
    labels, scores, groups = clustered()
    low, high = bounds_of(mean_score, labels, scores, groups, 400, 0)
    one_low, one_high = bounds_of(mean_score, labels, scores, np.arange(200), 400, 0)
    assert 2 < (high - low) / (one_high - one_low) < 5


def test_interval_of_a_mean_agrees_with_theory() -> None:
    scores = np.random.default_rng(1).normal(5, 2, 400)
    labels = np.zeros(400, np.int64)
    low, high = bounds_of(mean_score, labels, scores, np.arange(400), 1000, 0)
    error = scores.std() / math.sqrt(400)
    assert low == pytest.approx(scores.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(scores.mean() + 1.96 * error, abs=0.15 * error)


def test_interval_depends_on_the_seed() -> None:
    labels, scores, groups = clustered()
    bounds = [bounds_of(mean_score, labels, scores, groups, 50, seed) for seed in (0, 0, 1)]
    assert bounds[0] == bounds[1] != bounds[2]


def test_numbers_of_the_groups_do_not_matter() -> None:
    labels, scores, groups = clustered()
    one = bounds_of(mean_score, labels, scores, groups, 50, 0)
    assert bounds_of(mean_score, labels, scores, 7 * groups + 3, 50, 0) == one


def test_resamples_without_a_value_are_left_out() -> None:
    """With two groups of one label each, half of the resamples hold one label only."""
    labels, scores = np.array([0, 1]), np.array([0.2, 0.8])
    assert bounds_of(roc_auc_by_pairs, labels, scores, np.array([0, 1]), 50, 0) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("labels", "resamples"),
    [([0, 1], 0), ([1, 1], 20), ([], 20), ([], 0)],
    ids=["no resamples", "one label", "no videos", "neither"],
)
def test_nan_without_any_value(labels: list[int], resamples: int) -> None:
    count = len(labels)
    bounds = bounds_of(
        roc_auc_by_pairs,
        np.array(labels, np.int64),
        np.zeros(count),
        np.arange(count),
        resamples,
        0,
    )
    assert all(math.isnan(bound) for bound in bounds)


def test_statistics_share_their_resamples() -> None:
    """A value that is sometimes NaN does not change the intervals of the others."""
    labels, scores, groups = clustered()

    def statistics(labels: Labels, scores: Floats) -> dict[str, float]:
        return {
            "roc_auc": roc_auc_by_pairs(labels, scores),
            "mean": float(scores.mean()),
            "sometimes_nan": math.nan if scores.mean() > 0.5 else float(scores.mean()),
        }

    bounds = group_bootstrap(statistics, labels, scores, groups, 100, 0)
    assert bounds["roc_auc"] == bounds_of(roc_auc_by_pairs, labels, scores, groups, 100, 0)
    assert bounds["mean"] == bounds_of(mean_score, labels, scores, groups, 100, 0)
    assert bounds["sometimes_nan"][1] <= 0.5 < bounds["mean"][1]
