"""The thresholds of a model, chosen by the scores of val."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from deepfake.core.groups import count_groups
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, Floats, Integers, Labels
from deepfake.model.operating_points import (
    BALANCED,
    CAUTIOUS,
    SCREENING,
    STRICT,
    ChosenPoints,
    Thresholds,
)

MAX_ERROR_RATE = 0.05  # REAL called FAKE by `STRICT`, FAKE called REAL by `SCREENING`
MIN_VIDEOS = 100  # of a label in val; with fewer, the rate is that of fewer than five videos
MIN_GROUPS_FOR_RATE = math.ceil(
    1 / MAX_ERROR_RATE
)  # with fewer, one group alone can exceed the rate
DIGITS = 6  # decimals of a threshold


def best_threshold(scores: Floats, labels: Labels) -> float:
    """The threshold of highest balanced accuracy, and of several the one nearest to 0.5.

    >>> round(best_threshold(np.array([0.1, 0.4, 0.6, 0.9]), np.array([0, 0, 1, 1])), 6)
    0.5
    """
    candidates = _candidates(scores)
    accuracy = [
        (np.mean(scores[labels == FAKE] >= candidate) + np.mean(scores[labels == REAL] < candidate))
        / 2
        for candidate in candidates
    ]
    best = candidates[np.isclose(accuracy, np.max(accuracy))]
    return float(best[np.abs(best - 0.5).argmin()])


def _candidates(scores: Floats) -> Floats:
    """Thresholds midway between neighbouring scores, in logits, so that no score is at one."""
    clipped = np.clip(np.unique(scores), 1e-6, 1 - 1e-6)
    logits = np.log(clipped) - np.log1p(-clipped)
    if len(logits) < 2:
        return np.array([0.5])
    candidates: Floats = expit((logits[1:] + logits[:-1]) / 2)
    return candidates


def choose_points(
    scores: Floats,
    labels: Labels,
    groups: Integers,
    sources: NDArray[np.str_],
    balanced: float,
) -> ChosenPoints:
    """The operating points of a model.

    `STRICT` is the lowest threshold at which at most `MAX_ERROR_RATE` of the REAL videos are called
    FAKE: of all, and of those of each source with at least `MIN_VIDEOS`, because error rates differ
    from one source to another. `SCREENING` is the highest threshold at which at most that share of
    the FAKE videos is called REAL. `CAUTIOUS` is FAKE from `STRICT` on and REAL below `SCREENING`.
    Where `STRICT` is not above `SCREENING`, both are `BALANCED`, which then has at most twice that
    rate in both errors together. Where val is too small for one, there is none.

    Args:
        scores, labels, groups: of the videos of val.
        sources: the data set of each video.
        balanced: the threshold of `BALANCED`.
    """
    candidates = np.unique(_candidates(scores).round(DIGITS))
    problems = {
        STRICT: _too_small(labels, groups, REAL),
        SCREENING: _too_small(labels, groups, FAKE),
    }
    strict = screening = None
    if not problems[STRICT]:
        strict, problems[STRICT] = _strict(scores, candidates, _parts(labels, sources))
    if not problems[SCREENING]:
        missed = _shares(scores[labels == FAKE], candidates, below=True)
        fitting = candidates[missed <= MAX_ERROR_RATE]
        screening = float(fitting.max()) if len(fitting) else None
        if screening is None:
            problems[SCREENING] = _no_threshold(FAKE, "lowest")
    if strict is not None and screening is not None and strict <= screening:
        strict = screening = balanced
    problems[CAUTIOUS] = "; ".join(filter(None, (problems[STRICT], problems[SCREENING])))
    one = {BALANCED: balanced, STRICT: strict, SCREENING: screening}
    thresholds = {
        name: None if value is None else Thresholds(value, value) for name, value in one.items()
    }
    thresholds[CAUTIOUS] = (
        None if strict is None or screening is None else Thresholds(screening, strict)
    )
    return ChosenPoints(thresholds, {name: text for name, text in problems.items() if text})


def _too_small(labels: Labels, groups: Integers, label: int) -> str:
    """Why val is too small for an error rate of the videos with a label, or ""."""
    videos, found = int((labels == label).sum()), count_groups(labels, groups)[label]
    if videos >= MIN_VIDEOS and found >= MIN_GROUPS_FOR_RATE:
        return ""
    return (
        f"val has {videos} {LABEL_NAMES[label]} videos of {found} groups of people, and"
        f" {MIN_VIDEOS} of {MIN_GROUPS_FOR_RATE} are needed for an error rate of {MAX_ERROR_RATE:.0%}"
    )


def _parts(labels: Labels, sources: NDArray[np.str_]) -> list[NDArray[np.bool_]]:
    """Which videos are REAL, of all sources and of each that has enough of them."""
    is_real = labels == REAL
    of_sources = [is_real & (sources == source) for source in np.unique(sources)]
    return [is_real, *(part for part in of_sources if part.sum() >= MIN_VIDEOS)]


def _strict(
    scores: Floats, candidates: Floats, parts: list[NDArray[np.bool_]]
) -> tuple[float | None, str]:
    """The lowest candidate that suits all parts, or why there is none."""
    worst = np.max([_shares(scores[part], candidates, below=False) for part in parts], axis=0)
    fitting = candidates[worst <= MAX_ERROR_RATE]
    return (float(fitting.min()), "") if len(fitting) else (None, _no_threshold(REAL, "highest"))


def _shares(scores: Floats, candidates: Floats, below: bool) -> Floats:
    """The share of scores below each candidate, or not below it."""
    lower = np.searchsorted(np.sort(scores), candidates)
    shares: Floats = (lower if below else len(scores) - lower) / len(scores)
    return shares


def _no_threshold(label: int, end: str) -> str:
    return (
        f"more than {MAX_ERROR_RATE:.0%} of the {LABEL_NAMES[label]} videos of val have the {end}"
        " score"
    )
