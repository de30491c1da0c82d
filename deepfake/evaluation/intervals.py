"""Confidence intervals by group bootstrap, since the videos of one person are not independent."""

from collections.abc import Callable, Mapping

import numpy as np

from deepfake.core.labels import Floats, Integers, Labels

Statistics = Callable[[Labels, Floats], Mapping[str, float]]
Interval = tuple[float, float]


def group_bootstrap(
    statistics: Statistics,
    labels: Labels,
    scores: Floats,
    groups: Integers,
    resamples: int,
    seed: int,
) -> dict[str, Interval]:
    """95 % intervals of statistics by resampling whole groups (Field and Welsh, 2007).

    Args:
        statistics: a function of labels and scores that returns values by name. Resamples in which
            a value is NaN are left out of its interval.
        labels: REAL or FAKE, one per video or frame.
        scores: one per video or frame, along the first axis.
        groups: the group of each video or frame.
        resamples: number of resamples. Each draws as many groups as there are, with replacement.
        seed: of the draws.

    Returns:
        Lower and upper bound (percentiles 2.5 and 97.5) by name; NaN if no resample gives a value.
    """
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    generator = np.random.default_rng(seed)
    values: dict[str, list[float]] = {name: [] for name in statistics(labels, scores)}
    for _ in range(resamples if members else 0):
        resample = generator.integers(len(members), size=len(members))
        rows = np.concatenate([members[i] for i in resample])
        for name, value in statistics(labels[rows], scores[rows]).items():
            values[name].append(value)
    return {name: _percentile_interval(np.array(column)) for name, column in values.items()}


def _percentile_interval(values: Floats) -> Interval:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
