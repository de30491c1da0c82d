"""Temperature and threshold of a model, chosen on val."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import log_loss

from deepfake.core.labels import FAKE, REAL, Floats, Labels
from deepfake.model.scores import video_scores

# Bounds, by the head of the network; a few dozen videos do not justify more extreme values. Below 1,
# scores of a cosine head could be more certain than `network.LOGIT_BOUND` allows.
TEMPERATURES = {"linear": (0.1, 10.0), "cosine": (1.0, 10.0)}


@dataclass(frozen=True)
class Calibration:
    """How logits become a score and a verdict.

    Attributes:
        temperature: logits are divided by it before the sigmoid.
        threshold: a video with at least this score is FAKE.
    """

    temperature: float
    threshold: float


def calibrate(
    frames: pd.DataFrame, video_score: str, min_frames: int, head: str = "linear"
) -> Calibration:
    """Fit the temperature, then the threshold, of video scores.

    The temperature minimises the log-loss (temperature scaling, Guo et al., 2017). The threshold
    maximises the balanced accuracy.

    Args:
        frames: of val, with video_id, track, label and logit.
        video_score, min_frames: as for `scores.video_scores`.
        head: of the network, a key of `TEMPERATURES`.
    """
    video_labels = frames.drop_duplicates("video_id").set_index("video_id")["label"]

    def scores_and_labels(temperature: float) -> tuple[Floats, Labels]:
        videos = video_scores(frames, video_score, temperature, min_frames)
        return videos["score"].to_numpy(float), video_labels.loc[videos["video_id"]].to_numpy(int)

    def loss(log_temperature: float) -> float:
        scores, labels = scores_and_labels(float(np.exp(log_temperature)))
        return float(log_loss(labels, np.clip(scores, 1e-7, 1 - 1e-7), labels=[REAL, FAKE]))

    optimum = minimize_scalar(loss, bounds=np.log(TEMPERATURES[head]), method="bounded")
    temperature = round(float(np.exp(optimum.x)), 4)
    return Calibration(temperature, round(best_threshold(*scores_and_labels(temperature)), 6))


def best_threshold(scores: Floats, labels: Labels) -> float:
    """The threshold of highest balanced accuracy, and of several the one nearest to 0.5.

    Candidates are midway between neighbouring scores, in logits, so no score is at the threshold.

    >>> round(best_threshold(np.array([0.1, 0.4, 0.6, 0.9]), np.array([0, 0, 1, 1])), 6)
    0.5
    """
    clipped = np.clip(np.unique(scores), 1e-6, 1 - 1e-6)
    logits = np.log(clipped) - np.log1p(-clipped)
    candidates = expit((logits[1:] + logits[:-1]) / 2) if len(logits) > 1 else np.array([0.5])
    accuracy = [
        (np.mean(scores[labels == FAKE] >= candidate) + np.mean(scores[labels == REAL] < candidate))
        / 2
        for candidate in candidates
    ]
    best = candidates[np.isclose(accuracy, np.max(accuracy))]
    return float(best[np.abs(best - 0.5).argmin()])
