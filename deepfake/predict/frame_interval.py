"""How much a score depends on which frames happened to be looked at."""

import numpy as np
from scipy.special import expit

from deepfake.core.labels import Floats
from deepfake.predict.result import BORDERLINE, CLEAR, UNKNOWN, Interval

MIN_FRAMES = 4  # with fewer, drawing them anew says next to nothing
RESAMPLES = 1000
SEED = 0  # the same file gets the same interval


def score_interval(logits: Floats, video_score: str, temperature: float) -> Interval | None:
    """95 % interval of a person's score by drawing their frames anew (Efron, 1979; percentiles).

    It tells how steady the score is over the frames of this person in this file. It is not the
    probability that the verdict is right: a model that is wrong in the same way in every frame has
    a narrow interval. The frames of a video resemble each other, and the highest of several people
    is taken as it is, so it is rather too narrow than too wide.

    Args:
        logits: one per frame of the person.
        video_score, temperature: as for `scoring.video_scores`.

    Returns:
        Lower and upper bound, 0..1; None with fewer than `MIN_FRAMES` frames.
    """
    if len(logits) < MIN_FRAMES:
        return None
    scaled = np.asarray(logits) / temperature
    drawn = np.random.default_rng(SEED).integers(len(scaled), size=(RESAMPLES, len(scaled)))
    if video_score == "mean_logit":
        scores = expit(scaled[drawn].mean(axis=1))
    else:
        scores = expit(scaled)[drawn].mean(axis=1)
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def in_words(interval: Interval | None, threshold: float) -> str:
    """clear, borderline or unknown, as `results.Result` explains them.

    >>> in_words((0.4, 0.7), threshold=0.5)
    'borderline'
    """
    if interval is None:
        return UNKNOWN
    low, high = interval
    return BORDERLINE if low < threshold <= high else CLEAR
