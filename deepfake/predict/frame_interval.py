"""How much a score depends on which frames were analysed."""

import numpy as np
from scipy.special import expit

from deepfake.core.labels import Floats
from deepfake.model.operating_points import Thresholds
from deepfake.predict.result import Interval

MIN_FRAMES = 4  # with fewer frames, resampling them says next to nothing
RESAMPLES = 1000
SEED = 0  # the same file gets the same interval


def score_interval(
    logits: Floats, video_score: str, temperature: float, bias: float = 0.0
) -> Interval | None:
    """Score range over frames (95 %): percentile bootstrap over a person's frames (Efron, 1979).

    It shows how stable the score is over the frames of this person in this file. It is not the
    probability that the verdict is right: a model that makes the same mistake in every frame has a
    narrow range. The range is rather too narrow than too wide, because the frames of a video are
    alike and the highest-scoring person is chosen.

    Args:
        logits: one per frame of the person.
        video_score, temperature, bias: as for `scores.video_scores`.

    Returns:
        Lower and upper bound, 0..1; None with fewer than `MIN_FRAMES` frames.
    """
    if len(logits) < MIN_FRAMES:
        return None
    scaled = np.asarray(logits) / temperature + bias
    resampled = np.random.default_rng(SEED).integers(len(scaled), size=(RESAMPLES, len(scaled)))
    if video_score == "mean_logit":
        scores = expit(scaled[resampled].mean(axis=1))
    else:
        scores = expit(scaled)[resampled].mean(axis=1)
    low, high = np.percentile(scores, [2.5, 97.5])
    return float(low), float(high)


def frames_agree(interval: Interval | None, thresholds: Thresholds) -> bool | None:
    """Whether the whole interval has the same verdict; None without an interval.

    >>> frames_agree((0.4, 0.7), Thresholds(0.5, 0.5))
    False
    """
    if interval is None:
        return None
    low, high = map(thresholds.verdict, interval)
    return low == high
