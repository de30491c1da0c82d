"""How logits become scores, and the threshold of a model, chosen on val."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit
from sklearn.metrics import log_loss

from deepfake.core.groups import MIN_GROUPS, count_groups
from deepfake.core.labels import FAKE, REAL, Floats, Labels
from deepfake.model.scores import video_scores
from deepfake.params.schema import ScoreParams

# Bounds, by the head of the network; a few dozen videos do not justify more extreme values. Below 1,
# scores of a cosine head could be more certain than `network.LOGIT_BOUND` allows.
TEMPERATURES = {"linear": (0.1, 10.0), "cosine": (1.0, 10.0)}
BIASES = (-10.0, 10.0)
AT_BOUND = 0.01  # relative distance from a bound at which the search has stopped
PLATT_GROUPS = 50  # of val with each label; with fewer, a bias costs more than it gains

Scores = Callable[[float, float], tuple[Floats, Labels]]  # of videos, from temperature and bias


@dataclass(frozen=True)
class Calibration:
    """How logits become a score and a verdict.

    Attributes:
        temperature: logits are divided by it before the sigmoid.
        threshold: a video with at least this score is FAKE.
        bias: added to the divided logits.
        problem: why the score is not a probability, or "".
    """

    temperature: float
    threshold: float
    bias: float = 0.0
    problem: str = ""


def calibrate(frames: pd.DataFrame, params: ScoreParams, head: str = "linear") -> Calibration:
    """Fit temperature and bias, then the threshold, of video scores.

    Temperature and bias minimise the log-loss: temperature scaling (Guo et al., 2017) has no bias,
    Platt scaling (Platt, 1999) has one and needs `PLATT_GROUPS` groups with each label, or else is
    replaced by temperature scaling. The threshold maximises the balanced accuracy.

    Args:
        frames: of val, with video_id, track, label, group and logit.
        params: the score section of params.yaml.
        head: of the network, a key of `TEMPERATURES`.
    """
    videos = frames.drop_duplicates("video_id").set_index("video_id")

    def scores_of(temperature: float, bias: float) -> tuple[Floats, Labels]:
        found = video_scores(frames, params.video_score, temperature, params.min_frames, bias)
        labels = videos["label"].loc[found["video_id"]].to_numpy(int)
        return found["score"].to_numpy(float), labels

    counts = count_groups(videos["label"].to_numpy(int), videos["group"].to_numpy(int))
    with_bias = params.calibration == "platt" and min(counts) >= PLATT_GROUPS
    bounds = TEMPERATURES[head]
    temperature, bias = (_fit_platt if with_bias else _fit_temperature)(scores_of, bounds)
    scores, labels = scores_of(temperature, bias)
    problem = _bound_reached(temperature, bias, bounds) or calibration_problem(
        scores, labels, counts
    )
    return Calibration(temperature, round(best_threshold(scores, labels), 6), bias, problem)


def _loss(scores: Floats, labels: Labels) -> float:
    return float(log_loss(labels, np.clip(scores, 1e-7, 1 - 1e-7), labels=[REAL, FAKE]))


def _fit_temperature(scores_of: Scores, bounds: tuple[float, float]) -> tuple[float, float]:
    optimum = minimize_scalar(
        lambda logarithm: _loss(*scores_of(float(np.exp(logarithm)), 0.0)),
        bounds=np.log(bounds),
        method="bounded",
    )
    return round(float(np.exp(optimum.x)), 4), 0.0


def _fit_platt(scores_of: Scores, bounds: tuple[float, float]) -> tuple[float, float]:
    start, _ = _fit_temperature(scores_of, bounds)
    optimum = minimize(
        lambda values: _loss(*scores_of(float(np.exp(values[0])), float(values[1]))),
        x0=(np.log(start), 0.0),
        bounds=(tuple(np.log(bounds)), BIASES),
        method="L-BFGS-B",
    )
    return round(float(np.exp(optimum.x[0])), 4), round(float(optimum.x[1]), 4)


def _bound_reached(temperature: float, bias: float, temperatures: tuple[float, float]) -> str:
    """Which of the values stopped at a bound of its search, so that it has no optimum; or ""."""
    for name, value, bounds in (("temperature", temperature, temperatures), ("bias", bias, BIASES)):
        for bound in bounds:
            if abs(value - bound) <= AT_BOUND * abs(bound):
                return f"the {name} is at a bound of its search, {bound:g}"
    return ""


def calibration_problem(scores: Floats, labels: Labels, groups: tuple[int, int]) -> str:
    """Why scores that were fitted on val are no probabilities, or "".

    Args:
        scores, labels: of the videos of val.
        groups: number of groups of val with a REAL, and with a FAKE.
    """
    if min(groups) < MIN_GROUPS:
        return (
            f"val has {groups[0]} groups of people with a REAL and {groups[1]} with a FAKE, and"
            f" {MIN_GROUPS} of each are needed"
        )
    loss, prior_loss = _loss(scores, labels), _loss(np.full(len(labels), labels.mean()), labels)
    if loss >= prior_loss:
        return (
            f"on val it predicts no better than the share of FAKE: log-loss {loss:.3f}, not below"
            f" {prior_loss:.3f}"
        )
    return ""


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
