"""The score range over frames: what it contains, how wide it is, when there is none."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepfake.model.operating_points import Thresholds
from deepfake.model.scores import video_scores
from deepfake.predict.frame_interval import MIN_FRAMES, frames_agree, score_interval

VIDEO_SCORES = ("mean_logit", "mean_probability")


@pytest.mark.parametrize("count", range(MIN_FRAMES))
def test_too_few_frames_give_no_interval(count: int) -> None:
    assert score_interval(np.zeros(count), "mean_logit", 1.0) is None


@pytest.mark.parametrize("video_score", VIDEO_SCORES)
def test_equal_frames_give_an_interval_of_width_zero(video_score: str) -> None:
    interval = score_interval(np.full(6, 1.2), video_score, 0.8)
    assert interval == pytest.approx((expit(1.5), expit(1.5)))


@pytest.mark.parametrize("video_score", VIDEO_SCORES)
def test_the_interval_contains_the_score_of_the_pipeline(video_score: str) -> None:
    logits = np.random.default_rng(3).normal(0.5, 2, 12)
    table = pd.DataFrame({"video_id": "v", "track": 0, "logit": logits})
    (score,) = video_scores(table, video_score, 0.8, 1)["score"]
    low, high = score_interval(logits, video_score, 0.8) or (1.0, 0.0)
    assert 0 <= low < score < high <= 1
    assert score_interval(logits, video_score, 0.8) == (low, high), "repeatable"


def test_more_frames_narrow_the_interval() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for count in (8, 32, 128):
        low, high = score_interval(rng.normal(0, 1, count), "mean_logit", 1.0) or (0.0, 1.0)
        widths.append(high - low)
    assert widths[0] > widths[1] > widths[2]


def test_coverage_of_the_score_of_many_frames() -> None:
    """For 200 people with 16 independent frames; so small a bootstrap is slightly too narrow."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = score_interval(rng.normal(0.3, 1.5, 16), "mean_logit", 1.0) or (1.0, 0.0)
        hits += low <= expit(0.3) <= high
    assert 0.86 <= hits / 200 <= 0.98


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (None, None),
        ((0.1, 0.4), True),
        ((0.6, 0.9), True),
        ((0.4, 0.6), False),
        ((0.5, 0.6), True),  # a score equal to the threshold is FAKE
        ((0.4, 0.5), False),
    ],
)
def test_frames_that_agree(interval: tuple[float, float] | None, expected: bool | None) -> None:
    assert frames_agree(interval, Thresholds(0.5, 0.5)) is expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.1, 0.2), True),
        ((0.4, 0.6), True),
        ((0.1, 0.4), False),
        ((0.6, 0.9), False),
        ((0.1, 0.9), False),
    ],
)
def test_frames_that_agree_between_two_thresholds(
    interval: tuple[float, float], expected: bool | None
) -> None:
    assert frames_agree(interval, Thresholds(0.3, 0.7)) is expected
