"""Temperature and threshold are recovered if they are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from deepfake.core.labels import FAKE, REAL
from deepfake.model.calibration import TEMPERATURES, best_threshold, calibrate
from deepfake.model.network import LOGIT_BOUND


def overconfident(factor: float, videos: int = 4000) -> pd.DataFrame:
    """One frame per video, whose logit is `factor` times the true log-odds of FAKE."""
    generator = np.random.default_rng(0)
    log_odds = generator.normal(0, 2, videos)
    labels = (generator.random(videos) < 1 / (1 + np.exp(-log_odds))).astype(int)
    ids = [f"d/{i}" for i in range(videos)]
    return pd.DataFrame({"video_id": ids, "track": 0, "label": labels, "logit": factor * log_odds})


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("video_score", ["mean_logit", "mean_probability"])
def test_temperature_is_recovered(factor: float, video_score: str) -> None:
    found = calibrate(overconfident(factor), video_score, 1)
    assert found.temperature == pytest.approx(factor, rel=0.1)
    # The true log-odds are 0 at score 0.5, where the classes are equally likely.
    assert found.threshold == pytest.approx(0.5, abs=0.1)


def test_temperature_stays_in_its_bounds() -> None:
    """The log-loss of perfectly separated videos has no minimum."""
    frames = pd.DataFrame(
        {"video_id": ["a", "b"], "track": 0, "label": [0, 1], "logit": [-1.0, 1.0]}
    )
    found = calibrate(frames, "mean_logit", 1)
    lowest, highest = TEMPERATURES["linear"]
    assert lowest <= found.temperature < 1.01 * lowest
    assert found.threshold == 0.5
    wrong = calibrate(frames.assign(label=[1, 0]), "mean_logit", 1)
    assert 0.99 * highest < wrong.temperature <= highest


def test_scores_of_a_cosine_head_stay_within_its_bound() -> None:
    """However well the videos are separated, the bound of the logits is not stretched."""
    found = calibrate(overconfident(0.4), "mean_logit", 1, head="cosine")
    assert 1.0 <= found.temperature < 1.01
    assert expit(-LOGIT_BOUND / found.temperature) > 0.001
    assert expit(LOGIT_BOUND / found.temperature) < 0.999


def test_people_in_too_few_frames_are_ignored() -> None:
    frames = overconfident(2.0, 300)
    loud = frames.assign(track=1, logit=50.0)
    twice = pd.concat([frames, frames, loud], ignore_index=True)
    assert calibrate(twice, "mean_logit", 2) == calibrate(frames, "mean_logit", 1)


@pytest.mark.parametrize(
    ("scores", "labels", "threshold"),
    [
        ([0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1], 0.5),
        ([0.9, 0.1], [1, 0], 0.5),
        # Midway in logits between odds of 4 and 16 are odds of 8.
        ([0.8, 16 / 17], [0, 1], 8 / 9),
        ([1 / 17, 0.2], [0, 1], 1 / 9),
        # Above .2 one of two REAL is wrong, above .9 one of two FAKE. Only the first gap contains .5.
        ([0.2, 0.8, 0.9, 0.95], [0, 1, 0, 1], 0.5),
        ([0.04, 0.1, 0.2, 0.8], [0, 1, 0, 1], 0.5),  # the same with .5 in the last gap
        ([0.0, 1.0], [0, 1], 0.5),
        ([0.7, 0.7], [0, 1], 0.5),
    ],
)
def test_threshold_by_hand(scores: list[float], labels: list[int], threshold: float) -> None:
    assert best_threshold(np.array(scores), np.array(labels)) == pytest.approx(threshold)


score_lists = st.lists(st.tuples(st.floats(0.001, 0.999), st.integers(0, 1)), min_size=2)


@given(score_lists.filter(lambda rows: len({label for _, label in rows}) == 2))
def test_no_threshold_is_better(rows: list[tuple[float, int]]) -> None:
    scores = np.array([score for score, _ in rows])
    labels = np.array([label for _, label in rows])

    def accuracy(threshold: float) -> float:
        is_fake = scores >= threshold
        return float((is_fake[labels == FAKE].mean() + (~is_fake[labels == REAL]).mean()) / 2)

    inner = np.unique(scores)[1:]  # a threshold between two scores, as the higher of them
    best = max([accuracy(threshold) for threshold in inner], default=0.5)
    assert accuracy(best_threshold(scores, labels)) == pytest.approx(best)
