"""Groups of videos that are not independent, and how many of them a statement needs."""

import numpy as np

from deepfake.core.labels import FAKE, REAL, Integers, Labels

MIN_GROUPS = 10  # with each label; fewer say too little about other people (docs/metrics.md)


def count_groups(labels: Labels, groups: Integers) -> tuple[int, int]:
    """In how many groups there is a REAL, and in how many a FAKE.

    >>> count_groups(np.array([0, 0, 1]), np.array([7, 8, 8]))
    (2, 1)
    """
    real, fake = (len(np.unique(groups[labels == label])) for label in (REAL, FAKE))
    return real, fake
