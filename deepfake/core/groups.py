"""Groups of videos that are not independent, and how many of them a statement needs."""

import numpy as np

from deepfake.core.labels import FAKE, REAL, Integers, Labels

MIN_GROUPS = 10  # with each label; fewer say too little about other people (docs/metrics.md)
# Of equal size that say as much: a chain of links can join most videos to one group, beside which a
# hundred small ones say little.
MIN_EFFECTIVE_GROUPS = 5


def count_groups(labels: Labels, groups: Integers) -> tuple[int, int]:
    """In how many groups there is a REAL, and in how many a FAKE.

    >>> count_groups(np.array([0, 0, 1]), np.array([7, 8, 8]))
    (2, 1)
    """
    real, fake = (len(np.unique(groups[labels == label])) for label in (REAL, FAKE))
    return real, fake


def effective_groups(groups: Integers) -> float:
    """How many groups of equal size would say as much, (sum n)^2 / sum n^2 (Kish, 1965).

    >>> effective_groups(np.array([1, 1, 2, 2])), effective_groups(np.array([1, 1, 1, 2]))
    (2.0, 1.6)
    """
    sizes = np.unique(groups, return_counts=True)[1].astype(float)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if len(sizes) else 0.0


def enough_groups(labels: Labels, groups: Integers) -> bool:
    """Whether the groups of each label that there is allow an interval."""
    parts = [groups[labels == label] for label in (REAL, FAKE) if (labels == label).any()]
    return bool(parts) and all(
        len(np.unique(part)) >= MIN_GROUPS and effective_groups(part) >= MIN_EFFECTIVE_GROUPS
        for part in parts
    )
