"""Intervals: they contain the estimate, agree with theory, and are left out with few groups."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from deepfake.core.groups import MIN_GROUPS
from deepfake.core.labels import Floats, Integers, Labels
from deepfake.evaluation.intervals import (
    group_intervals,
    leave_groups_out,
    paired_differences,
    standard_error,
)
from deepfake.evaluation.metrics import (
    Statistics,
    all_statistics,
    rank_statistics,
    threshold_statistics,
)


def clustered(groups: int = 40, videos: int = 10) -> tuple[Labels, Floats, Integers]:
    """People with several videos each, REAL and FAKE, whose scores vary little within a person."""
    generator = np.random.default_rng(0)
    group = np.repeat(np.arange(groups), videos)
    labels = np.arange(len(group)) % 2
    effects = generator.normal(0, 0.4, groups)[group]
    scores = labels * 0.4 + effects + generator.normal(0, 0.1, len(group))
    return labels, 1 / (1 + np.exp(-scores)), group


def mean_of(values: Floats) -> Statistics:
    """The mean as the only metric."""
    return lambda weights: {"mean": weights @ values / weights.sum(axis=1)}


def test_intervals_contain_the_estimates() -> None:
    labels, scores, groups = clustered()
    statistics = all_statistics(labels, scores, 0.55)
    values = statistics(np.ones((1, len(labels))))
    intervals = group_intervals(statistics, labels, groups, 1000)
    assert intervals.keys() == values.keys()
    for name, (low, high) in intervals.items():
        assert low < values[name][0] < high, name


def test_groups_widen_the_interval() -> None:
    """Ten videos of a person say little more than one: about sqrt(10) times as wide."""
    labels, scores, groups = clustered()
    statistics = mean_of(scores)
    low, high = group_intervals(statistics, labels, groups, 1000)["mean"]
    one_low, one_high = group_intervals(statistics, labels, np.arange(400), 1000)["mean"]
    assert 2 < (high - low) / (one_high - one_low) < 5


def test_interval_of_a_mean_agrees_with_theory() -> None:
    """The jackknife of a mean gives its usual standard error; the interval is symmetric in logits."""
    scores = 0.5 + np.random.default_rng(1).uniform(-0.1, 0.1, 40)
    jackknife = leave_groups_out(mean_of(scores), np.arange(40), 1000)
    deviations = jackknife.left_out["mean"] - jackknife.values["mean"]
    error, freedom = standard_error(deviations, jackknife.groups)
    assert error == pytest.approx(scores.std(ddof=1) / math.sqrt(40))
    assert freedom == pytest.approx(39)
    low, high = group_intervals(mean_of(scores), np.arange(40) % 2, np.arange(40), 1000)["mean"]
    assert (low + high) / 2 == pytest.approx(scores.mean(), abs=1e-3)
    assert high - low == pytest.approx(2 * student.ppf(0.975, 39) * error, rel=1e-2)


def test_unequal_groups_have_fewer_degrees_of_freedom() -> None:
    groups = np.repeat(np.arange(11), [90, *[1] * 10])
    jackknife = leave_groups_out(mean_of(np.linspace(0, 1, 100)), groups, 1000)
    assert jackknife.groups == pytest.approx(100**2 / (90**2 + 10))


def test_degrees_of_freedom() -> None:
    """One less than groups if the deviations are normal; one if one group decides."""
    normal = np.random.default_rng(0).normal(size=100_000)
    assert standard_error(normal, 1e9)[1] == pytest.approx(100_000, rel=0.05)
    assert standard_error(normal, 30)[1] == pytest.approx(30, rel=1e-4)
    assert standard_error(np.array([1.0, *[0] * 99]), 100)[1] == pytest.approx(2 * 100 / 99 - 1)
    assert standard_error(np.zeros(20), 20) == (0, 19)
    assert standard_error(np.zeros(20), 10) == (0, 9.5)
    assert standard_error(np.array([0.1, -0.1] * 10), 1.01) == (pytest.approx(0.436, abs=1e-3), 1)


def test_all_errors_in_one_group() -> None:
    """Without that group the ROC-AUC is 1, whose logit is infinite."""
    labels, groups = np.arange(40) % 2, np.arange(40) // 2
    scores = np.where(groups == 7, 1.0 - labels, labels)
    low, high = group_intervals(rank_statistics(labels, scores), labels, groups, 1000)["roc_auc"]
    assert 0 < low < 0.7
    assert 0.95 < high < 1


@given(st.integers(1, 3), st.permutations(range(12)))
def test_numbers_of_the_groups_and_order_do_not_matter(factor: int, order: list[int]) -> None:
    labels, scores, groups = clustered(12, 4)
    one = group_intervals(rank_statistics(labels, scores), labels, groups, 1000)
    moved = (np.array(order)[:, None] * 4 + np.arange(4)).ravel()
    labels, scores, groups = labels[moved], scores[moved], factor * groups[moved] + 3
    other = group_intervals(rank_statistics(labels, scores), labels, groups, 1000)
    for name, interval in one.items():
        assert other[name] == pytest.approx(interval, nan_ok=True)


def test_many_groups_are_joined() -> None:
    """The interval stays about the same: joined groups are as independent as single ones."""
    labels, scores, groups = clustered(400, 2)
    one, joined = (
        group_intervals(rank_statistics(labels, scores), labels, groups, limit)["roc_auc"]
        for limit in (1000, 100)
    )
    assert joined != one
    assert joined == pytest.approx(one, abs=0.01)


def test_no_interval_with_few_groups() -> None:
    """Each label must occur in ten groups."""
    labels, scores, groups = clustered(MIN_GROUPS, 4)
    intervals = group_intervals(rank_statistics(labels, scores), labels, groups, 1000)
    assert not math.isnan(intervals["roc_auc"][0])
    fewer = groups < MIN_GROUPS - 1
    for kept in (fewer, (labels == 0) | fewer):
        statistics = rank_statistics(labels[kept], scores[kept])
        intervals = group_intervals(statistics, labels[kept], groups[kept], 1000)
        assert all(math.isnan(bound) for pair in intervals.values() for bound in pair)


def test_no_interval_if_one_group_has_most_of_the_videos() -> None:
    labels, scores, groups = clustered(40, 4)
    statistics = rank_statistics(labels, scores)
    for joined, found in ((8, True), (30, False)):
        uneven = np.where(groups < joined, 0, groups)
        low, _ = group_intervals(statistics, labels, uneven, 1000)["roc_auc"]
        assert math.isfinite(low) == found


@pytest.mark.parametrize(("count", "limit"), [(0, 1000), (0, 0), (40, 0), (40, 1)])
def test_no_interval_without_rows_or_with_too_low_a_limit(count: int, limit: int) -> None:
    labels, scores, groups = np.arange(count) % 2, np.linspace(0, 1, count), np.arange(count)
    statistics = all_statistics(labels, scores, 0.5)
    with np.errstate(invalid="ignore"):
        intervals = group_intervals(statistics, labels, groups, limit)
    assert intervals["roc_auc"] == pytest.approx((math.nan, math.nan), nan_ok=True)


def test_one_label_has_intervals_of_its_rates_only() -> None:
    labels, scores, groups = np.ones(60, int), np.linspace(0, 1, 60), np.arange(60)
    intervals = group_intervals(all_statistics(labels, scores, 0.5), labels, groups, 1000)
    assert intervals["recall"][0] < 0.5 < intervals["recall"][1]
    assert math.isnan(intervals["roc_auc"][0])
    assert math.isnan(intervals["false_positive_rate"][0])


@pytest.mark.parametrize(("sign", "bounds"), [(1, (0.025 ** (1 / 20), 1)), (-1, (0, None))])
def test_a_perfect_value_has_the_bound_of_so_many_groups_without_an_error(
    sign: int, bounds: tuple[float, float | None]
) -> None:
    """Clopper and Pearson: no error in 20 trials leaves up to 1 - .025^(1/20) possible."""
    labels, groups = np.arange(40) % 2, np.arange(40) // 2
    statistics = rank_statistics(labels, sign * labels.astype(float))
    low, high = group_intervals(statistics, labels, groups, 1000)["roc_auc"]
    assert low == pytest.approx(bounds[0])
    assert high == pytest.approx(bounds[1] or 1 - 0.025 ** (1 / 20))


def test_constant_scores_have_no_width() -> None:
    labels, groups = np.arange(40) % 2, np.arange(40) // 2
    statistics = rank_statistics(labels, np.full(40, 0.3))
    assert group_intervals(statistics, labels, groups, 1000)["roc_auc"] == (0.5, 0.5)


def test_blocks_of_weights_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, scores, groups = clustered()
    statistics = all_statistics(labels, scores, 0.55)
    one = group_intervals(statistics, labels, groups, 1000)
    monkeypatch.setattr("deepfake.evaluation.intervals.WEIGHTS_AT_ONCE", 1)
    other = group_intervals(statistics, labels, groups, 1000)
    assert all(other[name] == pytest.approx(one[name]) for name in one)


def test_pairing_makes_a_difference_visible() -> None:
    """The second score is the first with a little less noise: both intervals overlap widely."""
    labels, scores, groups = clustered()
    better = scores + 0.02 * (labels - 0.5)
    pair = [rank_statistics(labels, values) for values in (scores, better)]
    difference = paired_differences(pair[0], pair[1], labels, groups, 1000)["roc_auc"]
    single = [group_intervals(one, labels, groups, 1000)["roc_auc"] for one in pair]
    assert 0 < difference.low < difference.value < difference.high
    assert difference.p_value < 0.001
    assert single[0][1] > single[1][0]
    turned = paired_differences(pair[1], pair[0], labels, groups, 1000)["roc_auc"]
    assert (turned.value, turned.low) == pytest.approx((-difference.value, -difference.high))
    assert turned.p_value == pytest.approx(difference.p_value)


def test_the_difference_of_means_is_a_paired_t_test() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.random((2, 30))
    labels, groups = np.arange(30) % 2, np.arange(30)
    found = paired_differences(mean_of(first), mean_of(second), labels, groups, 1000)["mean"]
    error = (second - first).std(ddof=1) / math.sqrt(30)
    p_value = 2 * student.sf(abs((second - first).mean()) / error, 29)
    assert found.p_value == pytest.approx(p_value)
    assert found.high - found.low == pytest.approx(2 * student.ppf(0.975, 29) * error)


def test_equal_scores_do_not_differ() -> None:
    labels, scores, groups = clustered()
    same = threshold_statistics(labels, scores, 0.5)
    found = paired_differences(same, same, labels, groups, 1000)["f1"]
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_a_difference_in_few_groups_has_no_interval() -> None:
    labels, scores, groups = clustered(MIN_GROUPS - 1, 4)
    pair = rank_statistics(labels, scores), rank_statistics(labels, -scores)
    found = paired_differences(*pair, labels, groups, 1000)["roc_auc"]
    assert -1 <= found.value <= 1
    assert all(math.isnan(value) for value in (found.low, found.high, found.p_value))
    assert math.isnan(paired_differences(*pair, labels, groups, 0)["roc_auc"].low)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [10, 30])
def test_coverage(groups: int) -> None:
    """Of the ROC-AUC over 400 test sets; `benchmarks/intervals.py` measures more of them."""
    generator = np.random.default_rng(groups)
    true_value, inside = 0.7602, 0  # normal scores one standard deviation apart
    for _ in range(400):
        group = np.repeat(np.arange(groups), generator.integers(2, 40, groups))
        labels = np.arange(len(group)) % 2
        effects = generator.normal(0, math.sqrt(0.3), groups)[group]
        scores = labels + effects + generator.normal(0, math.sqrt(0.7), len(group))
        statistics = rank_statistics(labels, scores)
        low, high = group_intervals(statistics, labels, group, 1000)["roc_auc"]
        inside += low <= true_value <= high
    assert 0.93 <= inside / 400 <= 0.985
