"""Temperature, bias and threshold are recovered if they are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from deepfake.core.labels import FAKE
from deepfake.model.calibration import PLATT_GROUPS, TEMPERATURES, calibrate, describe
from deepfake.model.network import LOGIT_BOUND
from deepfake.model.operating_points import Thresholds
from deepfake.params.schema import ScoreParams


def score(
    video_score: str = "mean_logit", min_frames: int = 1, calibration: str = "temperature"
) -> ScoreParams:
    return ScoreParams(
        video_score=video_score,  # type: ignore[arg-type]
        min_frames=min_frames,
        calibration=calibration,  # type: ignore[arg-type]
        mirror=False,
    )


def overconfident(factor: float, videos: int = 4000) -> pd.DataFrame:
    """One frame per video, whose logit is `factor` times the true log-odds of FAKE."""
    generator = np.random.default_rng(0)
    log_odds = generator.normal(0, 2, videos)
    labels = (generator.random(videos) < 1 / (1 + np.exp(-log_odds))).astype(int)
    ids = [f"d/{i}" for i in range(videos)]
    return pd.DataFrame(
        {
            "video_id": ids,
            "track": 0,
            "label": labels,
            "group": np.arange(videos) // 10,
            "dataset": "d",
            "logit": factor * log_odds,
        }
    )


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("video_score", ["mean_logit", "mean_probability"])
def test_temperature_is_recovered(factor: float, video_score: str) -> None:
    found = calibrate(overconfident(factor), score(video_score))
    assert found.temperature == pytest.approx(factor, rel=0.1)
    # The true log-odds are 0 at score 0.5, where the classes are equally likely.
    assert found.threshold == pytest.approx(0.5, abs=0.1)


def test_temperature_stays_in_its_bounds() -> None:
    """The log-loss of perfectly separated videos has no minimum."""
    frames = pd.DataFrame(
        {"video_id": ["a", "b"], "track": 0, "label": [0, 1], "group": [0, 1], "logit": [-1.0, 1.0]}
    ).assign(dataset="d")
    found = calibrate(frames, score())
    assert found.problem == "the temperature is at a bound of its search, 0.1"
    lowest, highest = TEMPERATURES["linear"]
    assert lowest <= found.temperature < 1.01 * lowest
    assert found.threshold == 0.5
    wrong = calibrate(frames.assign(label=[1, 0]), score())
    assert wrong.problem == "the temperature is at a bound of its search, 10"
    assert 0.99 * highest < wrong.temperature <= highest


def test_scores_of_a_cosine_head_stay_within_its_bound() -> None:
    """However well the videos are separated, the bound of the logits is not stretched."""
    found = calibrate(overconfident(0.4), score(), head="cosine")
    assert 1.0 <= found.temperature < 1.01
    assert expit(-LOGIT_BOUND / found.temperature) > 0.001
    assert expit(LOGIT_BOUND / found.temperature) < 0.999


def test_people_in_too_few_frames_are_ignored() -> None:
    frames = overconfident(2.0, 300)
    loud = frames.assign(track=1, logit=50.0)
    twice = pd.concat([frames, frames, loud], ignore_index=True)
    assert calibrate(twice, score(min_frames=2)) == calibrate(frames, score())


def test_many_groups_give_probabilities() -> None:
    assert calibrate(overconfident(2.0), score()).problem == ""


@pytest.mark.parametrize(("groups", "problem"), [(10, ""), (9, "val has 9 groups of people")])
def test_few_groups_give_no_probabilities(groups: int, problem: str) -> None:
    frames = overconfident(2.0, 1000)
    found = calibrate(frames.assign(group=np.arange(1000) % groups), score())
    assert found.problem.startswith(problem)
    assert bool(found.problem) == bool(problem)
    assert found.temperature == pytest.approx(2, rel=0.2), "fitted all the same"


def test_one_label_in_few_groups_gives_no_probabilities() -> None:
    frames = overconfident(2.0, 1000)
    groups = np.where(frames["label"] == FAKE, np.arange(1000) % 4, np.arange(1000) % 100)
    found = calibrate(frames.assign(group=groups), score())
    assert "100 groups of people with a REAL and 4 with a FAKE" in found.problem


def test_no_better_than_the_prior_is_no_probability() -> None:
    """One video in ten is FAKE; a temperature cannot move scores around 0.5 to 0.1."""
    frames = overconfident(1.0, 1000)
    rare = frames.assign(label=(np.arange(1000) % 10 == 0).astype(int))
    rare["logit"] = rare["logit"] + 0.7 * rare["label"]
    found = calibrate(rare, score())
    assert found.problem
    assert calibrate(rare, score(calibration="platt")).problem == ""


@pytest.mark.parametrize("video_score", ["mean_logit", "mean_probability"])
def test_platt_finds_the_bias_too(video_score: str) -> None:
    """The logits are 1.5 too high, before they are doubled."""
    frames = overconfident(1.0).eval("logit = 2 * (logit + 1.5)")
    found = calibrate(frames, score(video_score, calibration="platt"))
    assert found.temperature == pytest.approx(2, rel=0.1)
    assert found.bias == pytest.approx(-1.5, abs=0.15)
    assert found.threshold == pytest.approx(0.5, abs=0.1)
    assert found.problem == ""


@pytest.mark.parametrize(("groups", "has_bias"), [(PLATT_GROUPS, True), (PLATT_GROUPS - 1, False)])
def test_platt_needs_many_groups(groups: int, has_bias: bool) -> None:
    frames = overconfident(1.0, 1000).eval("logit = logit + 1.5")
    frames["group"] = np.arange(1000) % groups
    assert (calibrate(frames, score(calibration="platt")).bias != 0) == has_bias


def test_a_note_says_that_platt_was_replaced() -> None:
    frames = overconfident(1.0, 1000)
    frames["group"] = np.arange(1000) % 12
    replaced = calibrate(frames, score(calibration="platt"))
    assert replaced.note == (
        "temperature scaling in place of score.calibration platt: val has 12 groups of people with a"
        " REAL and 12 with a FAKE, and 50 of each are needed"
    )
    assert f"calibration: {replaced.note}" in describe(replaced).splitlines()
    assert calibrate(frames, score()).note == ""


def test_operating_points_come_from_the_calibrated_scores_of_videos() -> None:
    found = calibrate(overconfident(2.0), score())
    assert found.points is not None
    strict, screening = found.points.thresholds["strict"], found.points.thresholds["screening"]
    assert found.points.thresholds["balanced"] == Thresholds(found.threshold, found.threshold)
    assert strict is not None
    assert screening is not None
    assert screening.fake_from < found.threshold < strict.fake_from
    assert found.points.thresholds["cautious"] == Thresholds(screening.fake_from, strict.fake_from)
    assert describe(found).splitlines()[-1] == f"cautious: {found.points.thresholds['cautious']}"


def test_a_small_val_has_only_the_balanced_point() -> None:
    found = calibrate(overconfident(2.0, 150), score())
    assert found.points is not None
    assert found.points.thresholds["cautious"] is None
    assert f"cautious: {found.points.problems['cautious']}" in describe(found)
