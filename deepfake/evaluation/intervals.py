"""Confidence intervals of metrics: a jackknife over groups, since the videos of one person are not
independent.

Every group is left out in turn. The spread of the values gives the standard error (Tukey, 1958); the
interval takes Student's t on a scale on which the value is not bounded. MacKinnon, Nielsen and Webb
(2023) recommend the jackknife for few and unequal groups; degrees of freedom follow Satterthwaite.
`benchmarks/intervals.py` measures its coverage.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from deepfake.core.groups import effective_groups, enough_groups
from deepfake.core.labels import Floats, Integers, Labels
from deepfake.evaluation.metrics import NAN, Statistics

TAIL = 0.025  # probability on each side of the interval
DECIMALS = 12  # of values, since a sum of fractions misses 0 and 1
WEIGHTS_AT_ONCE = 1 << 17  # 1 MB, which stays in the processor's cache

# Metrics from 0 without upper bound, whose interval is made on a logarithmic scale. The others are
# from 0 to 1 and use the logit.
UNBOUNDED = frozenset(["log_loss"])

Interval = tuple[float, float]


@dataclass(frozen=True)
class Difference:
    """The difference of one metric between two scores of the same videos.

    Attributes:
        value: second minus first.
        low, high: 95 % interval; NaN with too few groups.
        p_value: of the hypothesis that there is no difference, two-sided; NaN with too few groups.
    """

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Jackknife:
    """Metrics of all rows, and with each group left out.

    Attributes:
        values: by name.
        left_out: by name, one value for each group that is left out.
        groups: the effective number of groups, (sum n)^2 / sum n^2 for groups of n rows (Kish, 1965).
    """

    values: dict[str, float]
    left_out: dict[str, Floats]
    groups: float


def group_intervals(
    statistics: Statistics, labels: Labels, groups: Integers, limit: int
) -> dict[str, Interval]:
    """95 % intervals of metrics.

    Args:
        statistics: the metrics, from 0 to 1 or in `UNBOUNDED`, as functions of weights.
        labels: REAL or FAKE, one per video or frame.
        groups: the group of each video or frame.
        limit: maximum number of groups that are left out in turn; if there are more, several are
            left out together. With 0 there are no intervals.

    Returns:
        Lower and upper bound by name; NaN where there are too few groups or the metric is undefined.
    """
    if limit == 0 or not enough_groups(labels, groups):
        return dict.fromkeys(statistics(np.ones((1, len(labels)))), (NAN, NAN))
    jackknife = leave_groups_out(statistics, groups, limit)
    return {name: interval_of(jackknife, name) for name in jackknife.values}


def paired_differences(
    first: Statistics, second: Statistics, labels: Labels, groups: Integers, limit: int
) -> dict[str, Difference]:
    """How metrics differ between two scores of the same videos, such as those of two models.

    The same groups are left out of both, so what they have in common cancels out.

    Args:
        first, second: the metrics of both, as functions of weights.
        labels, groups, limit: as for `group_intervals`.

    Example:
        >>> labels, groups = np.arange(40) % 2, np.arange(40) // 2
        >>> old, new = labels + np.sin(np.arange(40)), labels + np.sin(np.arange(40)) / 2
        >>> statistics = [rank_statistics(labels, scores) for scores in (old, new)]
        >>> found = paired_differences(*statistics, labels, groups, 1000)["roc_auc"]
        >>> found.low < found.value < found.high
        True
    """

    def statistics(weights: Floats) -> dict[str, Floats]:
        before, after = first(weights), second(weights)
        return {name: after[name] - before[name] for name in before}

    if limit == 0 or not enough_groups(labels, groups):
        values = statistics(np.ones((1, len(labels))))
        return {name: Difference(float(value[0]), NAN, NAN, NAN) for name, value in values.items()}
    jackknife = leave_groups_out(statistics, groups, limit)
    return {name: _difference(jackknife, name) for name in jackknife.values}


def leave_groups_out(statistics: Statistics, groups: Integers, limit: int) -> Jackknife:
    """Metrics with each group left out in turn.

    Args:
        statistics: as a function of weights.
        groups: the group of each row.
        limit: as for `group_intervals`, at least 1. Groups are joined in turn, by their number.
    """
    _, numbers = np.unique(groups, return_inverse=True)
    blocks = numbers % limit
    sizes = np.bincount(blocks)
    parts = [statistics(np.ones((1, len(groups))))]
    parts += [statistics(weights) for weights in _weights(blocks, len(sizes))]
    found = {
        name: np.concatenate([part[name] for part in parts]).round(DECIMALS) for name in parts[0]
    }
    values = {name: float(column[0]) for name, column in found.items()}
    left_out = {name: column[1:] for name, column in found.items()}
    return Jackknife(values, left_out, effective_groups(blocks))


def _weights(blocks: Integers, count: int) -> Iterator[Floats]:
    """Weights of the rows with each block left out, some blocks at a time."""
    step = max(1, WEIGHTS_AT_ONCE // len(blocks))
    for start in range(0, count, step):
        left_out = np.arange(start, min(start + step, count))
        yield (blocks != left_out[:, None]).astype(float)


def interval_of(jackknife: Jackknife, name: str) -> Interval:
    """The interval of one metric, made on a scale without bounds and converted back.

    Without any spread, a value at its bound says only that no group of `groups` had an error, of which
    Clopper and Pearson (1934) give the interval.
    """
    value, left_out = jackknife.values[name], jackknife.left_out[name]
    if np.isnan([value, *left_out]).any():
        return NAN, NAN
    if name in UNBOUNDED:
        error, freedom = standard_error(np.log(left_out / value), jackknife.groups)
        factor = np.exp(_quantile(freedom) * error)
        return float(value / factor), float(value * factor)
    if value in (0, 1):
        extreme = float(TAIL ** (1 / jackknife.groups))
        return (extreme, 1.0) if value else (0.0, 1 - extreme)
    deviations = logit(left_out) - logit(value)
    if not np.isfinite(deviations).all():  # one group has all errors: use the slope of the logit
        deviations = (left_out - value) / (value * (1 - value))
    error, freedom = standard_error(deviations, jackknife.groups)
    distance = _quantile(freedom) * error
    low, high = expit(logit(value) + np.array([-distance, distance]))
    return float(low), float(high)


def standard_error(deviations: Floats, effective_groups: float) -> tuple[float, float]:
    """The standard error of a value, and its degrees of freedom.

    Args:
        deviations: of the value with each group left out from that of all rows.
        effective_groups: as `Jackknife.groups`.

    Returns:
        The error, the root of (G - 1) / G times the sum of the squares for G groups. The degrees of
        freedom, 2 G / (k - 1) - 1 with the kurtosis k of the deviations, which say how much a variance
        from them varies: few, if a few groups matter more than the others. They are at least 1, and
        at most (G - 1) / G times `effective_groups`, which is G - 1 for groups of one size.
    """
    count, squares = len(deviations), float(np.sum(deviations**2))
    error = math.sqrt((count - 1) / count * squares)
    most = max(1.0, (count - 1) / count * effective_groups)
    kurtosis = count * float(np.sum(deviations**4)) / squares**2 if squares else 1.0
    freedom = 2 * count / (kurtosis - 1) - 1 if kurtosis > 1 else most
    return error, min(max(1.0, freedom), most)


def _quantile(freedom: float) -> float:
    """How many standard errors an interval extends on each side."""
    return float(student.ppf(1 - TAIL, freedom))


def _difference(jackknife: Jackknife, name: str) -> Difference:
    """The difference of one metric; it needs no other scale."""
    value, left_out = jackknife.values[name], jackknife.left_out[name]
    if np.isnan([value, *left_out]).any():
        return Difference(value, NAN, NAN, NAN)
    error, freedom = standard_error(left_out - value, jackknife.groups)
    distance = _quantile(freedom) * error
    p_value = 2 * student.sf(abs(value) / error, freedom) if error else value == 0
    return Difference(value, value - distance, value + distance, float(p_value))
