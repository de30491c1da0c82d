"""How logits become scores and verdicts, fitted and chosen on val."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize, minimize_scalar
from sklearn.metrics import log_loss

from deepfake.core.groups import MIN_GROUPS, count_groups
from deepfake.core.labels import FAKE, REAL, Floats, Labels
from deepfake.model.operating_points import ChosenPoints
from deepfake.model.scores import video_scores
from deepfake.model.thresholds import DIGITS, best_threshold, choose_points
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
        threshold: a video with at least this score is FAKE, at the operating point balanced.
        bias: added to the divided logits.
        problem: why the score is not a probability, or "".
        note: why it was fitted otherwise than params.yaml says, or "".
        points: the operating points; None if there is no val to choose them on.
    """

    temperature: float
    threshold: float
    bias: float = 0.0
    problem: str = ""
    note: str = ""
    points: ChosenPoints | None = None


def calibrate(frames: pd.DataFrame, params: ScoreParams, head: str = "linear") -> Calibration:
    """Fit temperature and bias, then choose the operating points, of video scores.

    Temperature and bias minimise the log-loss: temperature scaling (Guo et al., 2017) has no bias,
    Platt scaling (Platt, 1999) has one and needs `PLATT_GROUPS` groups with each label, or else is
    replaced by temperature scaling, with a note. The threshold maximises the balanced accuracy.

    Args:
        frames: of val, with video_id, track, label, group, dataset and logit.
        params: the score section of params.yaml.
        head: of the network, a key of `TEMPERATURES`.
    """
    videos = frames.drop_duplicates("video_id").set_index("video_id")

    def scored(temperature: float, bias: float) -> pd.DataFrame:
        found = video_scores(frames, params.video_score, temperature, params.min_frames, bias)
        return found.join(videos[["label", "group", "dataset"]], on="video_id")

    def scores_of(temperature: float, bias: float) -> tuple[Floats, Labels]:
        found = scored(temperature, bias)
        return found["score"].to_numpy(float), found["label"].to_numpy(int)

    counts = count_groups(videos["label"].to_numpy(int), videos["group"].to_numpy(int))
    note = _platt_problem(counts) if params.calibration == "platt" else ""
    with_bias = params.calibration == "platt" and not note
    bounds = TEMPERATURES[head]
    temperature, bias = (_fit_platt if with_bias else _fit_temperature)(scores_of, bounds)
    scores, labels = scores_of(temperature, bias)
    problem = _bound_reached(temperature, bias, bounds) or calibration_problem(
        scores, labels, counts
    )
    threshold = round(best_threshold(scores, labels), DIGITS)
    table = scored(temperature, bias)
    groups, sources = table["group"].to_numpy(int), table["dataset"].to_numpy(str)
    points = choose_points(scores, labels, groups, sources, threshold)
    return Calibration(temperature, threshold, bias, problem, note, points)


def _platt_problem(groups: tuple[int, int]) -> str:
    """Why Platt scaling is replaced by temperature scaling, or "".

    Args:
        groups: number of groups of val with a REAL, and with a FAKE.
    """
    if min(groups) >= PLATT_GROUPS:
        return ""
    return (
        f"temperature scaling in place of score.calibration platt: {_few_groups(groups)}, and"
        f" {PLATT_GROUPS} of each are needed"
    )


def _few_groups(groups: tuple[int, int]) -> str:
    return f"val has {groups[0]} groups of people with a REAL and {groups[1]} with a FAKE"


def describe(calibration: Calibration) -> str:
    """The operating points, and what is not as one would expect, a line each."""
    lines = []
    if calibration.note:
        lines.append(f"calibration: {calibration.note}")
    if calibration.problem:
        lines.append(f"score (not calibrated): {calibration.problem}")
    if calibration.points is not None:
        problems = calibration.points.problems
        for name, thresholds in calibration.points.thresholds.items():
            lines.append(f"{name}: {problems[name] if thresholds is None else thresholds}")
    return "\n".join(lines)


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
        return f"{_few_groups(groups)}, and {MIN_GROUPS} of each are needed"
    loss, prior_loss = _loss(scores, labels), _loss(np.full(len(labels), labels.mean()), labels)
    if loss >= prior_loss:
        return (
            f"on val it predicts no better than the share of FAKE: log-loss {loss:.3f}, not below"
            f" {prior_loss:.3f}"
        )
    return ""
