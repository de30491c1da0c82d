"""Confidence intervals that know that the videos of one person are not independent."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Statistic = Callable[[Labels, Floats], float]


def group_bootstrap(
    statistic: Statistic, labels: Labels, scores: Floats, groups: Labels, resamples: int, seed: int
) -> tuple[float, float]:
    """95 % interval of a statistic by resampling whole groups (Field and Welsh, 2007).

    Args:
        statistic: of labels and scores; resamples for which it is NaN are left out.
        labels, scores, groups: one per video.
        resamples: how many times to draw as many groups as there are, with replacement.
        seed: of the draws.

    Returns:
        Lower and upper bound (percentiles 2.5 and 97.5); NaN when nothing could be computed.
    """
    names = np.unique(groups)
    members = [np.flatnonzero(groups == name) for name in names]
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(resamples if members else 0):
        drawn = generator.integers(len(members), size=len(members))
        rows = np.concatenate([members[i] for i in drawn])
        values.append(statistic(labels[rows], scores[rows]))
    known = np.array(values)[~np.isnan(values)] if values else np.zeros(0)
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
