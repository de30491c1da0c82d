"""Confidence intervals that know that the videos of one person are not independent."""

from collections.abc import Callable, Mapping

import numpy as np

from deepfake.core.labels import Floats, Labels

Statistics = Callable[[Labels, Floats], Mapping[str, float]]
Interval = tuple[float, float]


def group_bootstrap(
    statistics: Statistics,
    labels: Labels,
    scores: Floats,
    groups: Labels,
    resamples: int,
    seed: int,
) -> dict[str, Interval]:
    """95 % intervals of statistics by resampling whole groups (Field and Welsh, 2007).

    Args:
        statistics: by name, of labels and scores; a resample for which one is NaN is left out of
            its interval.
        labels, scores, groups: one per video or frame.
        resamples: how many times to draw as many groups as there are, with replacement.
        seed: of the draws.

    Returns:
        Lower and upper bound (percentiles 2.5 and 97.5) by name; NaN when nothing could be computed.
    """
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    generator = np.random.default_rng(seed)
    values: dict[str, list[float]] = {name: [] for name in statistics(labels, scores)}
    for _ in range(resamples if members else 0):
        drawn = generator.integers(len(members), size=len(members))
        rows = np.concatenate([members[i] for i in drawn])
        for name, value in statistics(labels[rows], scores[rows]).items():
            values[name].append(value)
    return {name: _middle(np.array(found)) for name, found in values.items()}


def _middle(values: Floats) -> Interval:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
