"""Confidence intervals of metrics: a jackknife over groups, since the videos of one person are not
independent.

Every group is left out in turn. The spread of the values gives the standard error (Tukey, 1958); the
interval takes Student's t on a scale on which the value is not bounded. It is a cluster-robust
interval of the kind that MacKinnon, Nielsen and Webb (2023) recommend for few and unequal groups.
`benchmarks/intervals.py` measures its coverage.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from deepfake.core.labels import Floats, Integers, Labels
from deepfake.evaluation.metrics import NAN, Statistics

MIN_GROUPS = 10  # with each label; with fewer there is no interval (docs/metrics.md)
TAIL = 0.025  # probability on each side of the interval
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
        errors: standard errors by name; NaN if a value is undefined.
        groups: the effective number of groups, (sum n)^2 / sum n^2 for groups of n rows (Kish, 1965).
    """

    values: dict[str, float]
    errors: dict[str, float]
    groups: float

    @property
    def quantile(self) -> float:
        """How many standard errors the interval extends on each side."""
        return float(student.ppf(1 - TAIL, self.freedom))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the standard errors."""
        return max(1.0, self.groups - 1)


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


def enough_groups(labels: Labels, groups: Integers) -> bool:
    """Whether each label that there is occurs in at least `MIN_GROUPS` groups."""
    counts = [len(np.unique(groups[labels == label])) for label in np.unique(labels)]
    return min(counts, default=0) >= MIN_GROUPS


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
    values = {name: float(v[0]) for name, v in statistics(np.ones((1, len(groups)))).items()}
    parts = [statistics(weights) for weights in _weights(blocks, len(sizes))]
    errors = {}
    for name, value in values.items():
        left_out = np.concatenate([part[name] for part in parts])
        variance = (len(sizes) - 1) / len(sizes) * np.sum((left_out - value) ** 2)
        errors[name] = float(np.sqrt(variance))
    return Jackknife(values, errors, float(sizes.sum() ** 2 / (sizes**2).sum()))


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
    value, error = jackknife.values[name], jackknife.errors[name]
    if np.isnan(error):
        return NAN, NAN
    if name in UNBOUNDED:
        factor = np.exp(jackknife.quantile * error / value)
        return float(value / factor), float(value * factor)
    if value in (0, 1):
        extreme = float(TAIL ** (1 / jackknife.groups))
        return (extreme, 1.0) if value else (0.0, 1 - extreme)
    distance = jackknife.quantile * error / (value * (1 - value))
    low, high = expit(logit(value) + np.array([-distance, distance]))
    return float(low), float(high)


def _difference(jackknife: Jackknife, name: str) -> Difference:
    """The difference of one metric; it needs no other scale."""
    value, error = jackknife.values[name], jackknife.errors[name]
    distance = jackknife.quantile * error
    if np.isnan(error):
        p_value = NAN
    elif error == 0:
        p_value = float(value == 0)
    else:
        p_value = float(2 * student.sf(abs(value) / error, jackknife.freedom))
    return Difference(value, value - distance, value + distance, p_value)
