"""Temperature and threshold, from val alone."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.metrics import log_loss

from deepfake.core.labels import Floats, Labels
from deepfake.model.scores import video_scores

TEMPERATURES = (0.1, 10.0)  # a few dozen videos cannot support more than this


@dataclass(frozen=True)
class Calibration:
    """How logits become a score and a verdict."""

    temperature: float
    threshold: float


def calibrate(frames: pd.DataFrame, video_score: str, min_frames: int) -> Calibration:
    """Temperature, then threshold, of video scores.

    The temperature gives the least log-loss (temperature scaling, Guo et al., 2017); the threshold
    the best balanced accuracy.

    Args:
        frames: of val: rows with video_id, track, label and logit.
        video_score, min_frames: as for `scoring.video_scores`.
    """
    of_video = frames.drop_duplicates("video_id").set_index("video_id")["label"]

    def scored(temperature: float) -> tuple[Floats, Labels]:
        videos = video_scores(frames, video_score, temperature, min_frames)
        return videos["score"].to_numpy(float), of_video.loc[videos["video_id"]].to_numpy(int)

    def loss(log_temperature: float) -> float:
        scores, labels = scored(float(np.exp(log_temperature)))
        return float(log_loss(labels, np.clip(scores, 1e-7, 1 - 1e-7), labels=[0, 1]))

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
    temperature = round(float(np.exp(found.x)), 4)
    return Calibration(temperature, round(best_threshold(*scored(temperature)), 6))


def best_threshold(scores: Floats, labels: Labels) -> float:
    """The threshold of highest balanced accuracy; of several, the one nearest to 0.5.

    Candidates lie halfway, in logits, between neighbouring scores, so no score is on the edge.

    >>> round(best_threshold(np.array([0.1, 0.4, 0.6, 0.9]), np.array([0, 0, 1, 1])), 6)
    0.5
    """
    clipped = np.clip(np.unique(scores), 1e-6, 1 - 1e-6)
    logits = np.log(clipped) - np.log1p(-clipped)
    candidates = expit((logits[1:] + logits[:-1]) / 2) if len(logits) > 1 else np.array([0.5])
    accuracy = [
        (np.mean(scores[labels == 1] >= limit) + np.mean(scores[labels == 0] < limit)) / 2
        for limit in candidates
    ]
    best = candidates[np.isclose(accuracy, np.max(accuracy))]
    return float(best[np.abs(best - 0.5).argmin()])
