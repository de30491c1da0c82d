"""The two classes, the three splits, and the types of labels and scores."""

import numpy as np
from numpy.typing import NDArray

REAL, FAKE = 0, 1  # labels
LABEL_NAMES = {REAL: "REAL", FAKE: "FAKE"}
UNDECIDED = "UNDECIDED"  # verdict on a video without a score; the other verdicts are LABEL_NAMES
SPLITS = ("train", "val", "test")

Integers = NDArray[np.int64]  # rows of a table, or groups, one per video or frame
Labels = NDArray[np.int64]  # REAL or FAKE, one per video or frame
Floats = NDArray[np.float64]  # scores or logits, one per video or frame
