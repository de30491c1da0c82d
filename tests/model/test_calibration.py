"""Temperature and threshold: recovered where they are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake.model.calibration import TEMPERATURES, best_threshold, calibrate


def overconfident(factor: float, videos: int = 4000) -> pd.DataFrame:
    """One frame per video; its logit is `factor` times the true log-odds of FAKE."""
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
    """Perfectly separated videos would ask for ever colder scores."""
    frames = pd.DataFrame(
        {"video_id": ["a", "b"], "track": 0, "label": [0, 1], "logit": [-1.0, 1.0]}
    )
    found = calibrate(frames, "mean_logit", 1)
    assert TEMPERATURES[0] <= found.temperature < 1.01 * TEMPERATURES[0]
    assert found.threshold == 0.5
    wrong = calibrate(frames.assign(label=[1, 0]), "mean_logit", 1)
    assert 0.99 * TEMPERATURES[1] < wrong.temperature <= TEMPERATURES[1]


def test_people_in_too_few_frames_do_not_count() -> None:
    frames = overconfident(2.0, 300)
    loud = frames.assign(track=1, logit=50.0)
    twice = pd.concat([frames, frames, loud], ignore_index=True)
    assert calibrate(twice, "mean_logit", 2) == calibrate(frames, "mean_logit", 1)


@pytest.mark.parametrize(
    ("scores", "labels", "threshold"),
    [
        ([0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1], 0.5),
        ([0.9, 0.1], [1, 0], 0.5),
        # Halfway in logits between odds of 4 and of 16 are odds of 8.
        ([0.8, 16 / 17], [0, 1], 8 / 9),
        ([1 / 17, 0.2], [0, 1], 1 / 9),
        # Cut after .2 or after .9: one of two REAL or one of two FAKE is wrong; .5 is in the first gap.
        ([0.2, 0.8, 0.9, 0.95], [0, 1, 0, 1], 0.5),
        ([0.04, 0.1, 0.2, 0.8], [0, 1, 0, 1], 0.5),  # the same, with .5 in the last gap
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

    def accuracy(limit: float) -> float:
        called = scores >= limit
        return float((called[labels == 1].mean() + (~called[labels == 0]).mean()) / 2)

    inner = np.unique(scores)[1:]  # every cut between two scores, as the upper one of them
    best = max([accuracy(limit) for limit in inner], default=0.5)
    assert accuracy(best_threshold(scores, labels)) == pytest.approx(best)
