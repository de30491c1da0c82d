"""Area under the ROC curve."""

import numpy as np

from deepfake.core.labels import FAKE, REAL, Floats, Labels


def roc_auc(labels: Labels, scores: Floats) -> float:
    """Area under the ROC curve.

    It is the share of (REAL, FAKE) pairs in which the FAKE has the higher score; ties count half
    (Hanley and McNeil, 1982). It equals scikit-learn's `roc_auc_score`, and is fast enough for
    thousands of resamples.

    Args:
        labels: REAL or FAKE.
        scores: in any range; a higher score means more likely FAKE.

    Returns:
        0 to 1; NaN if one of the two labels is missing.

    Example:
        >>> roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]))
        0.75
    """
    fakes, reals = scores[labels == FAKE], np.sort(scores[labels == REAL])
    if not len(fakes) or not len(reals):
        return float("nan")
    below, up_to = (np.searchsorted(reals, fakes, side) for side in ("left", "right"))
    return float((below + up_to).mean() / (2 * len(reals)))
