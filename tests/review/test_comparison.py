"""Two tables of scores: which videos are common, metrics, corrected p-values, changed verdicts."""

import math

import numpy as np
import pandas as pd
import pytest

from deepfake.core.labels import LABEL_NAMES
from deepfake.review.comparison import (
    TESTED,
    UNTESTED,
    Outcome,
    common_videos,
    compare_metrics,
    holm,
)


def scores(noise: float, groups: int = 40, videos: int = 400) -> pd.DataFrame:
    """A table plots/scores/test.tsv; a video has the same difficulty for each `noise`."""
    chance = np.random.default_rng(0)
    labels = np.arange(videos) % 2
    logits = 2 * labels - 1 + chance.normal(0, 0.6, videos) + noise * chance.normal(0, 1, videos)
    values = 1 / (1 + np.exp(-logits))
    return pd.DataFrame(
        {
            "video_id": [f"faces/{number:04}" for number in range(videos)],
            "label": labels,
            "method": np.where(labels, "swap", "real"),
            "dataset": "faces",
            "group": np.arange(videos) // 2 % groups,
            "score": values,
            "verdict": np.where(values >= 0.5, "FAKE", "REAL"),
        }
    )


def outcomes(old: pd.DataFrame, new: pd.DataFrame) -> dict[str, Outcome]:
    return {one.name: one.outcome for one in compare_metrics(common_videos(old, new))}


def test_better_worse_and_no_evidence() -> None:
    good, bad = scores(0.3), scores(2.0)
    assert outcomes(bad, good)["roc_auc"] == Outcome.BETTER
    assert outcomes(bad, good)["false_positive_rate"] == Outcome.BETTER, "lower is better"
    assert outcomes(good, bad)["roc_auc"] == Outcome.WORSE
    assert outcomes(good, bad)["false_positive_rate"] == Outcome.WORSE
    same = outcomes(good, good)
    assert [*same] == [*TESTED, *UNTESTED]
    assert {same[name] for name in TESTED} == {Outcome.NO_EVIDENCE}
    assert {same[name] for name in UNTESTED} == {Outcome.NOT_TESTED}


def test_the_verdicts_of_each_revision_have_their_own_threshold() -> None:
    old = scores(0.3)
    halved = old.assign(score=old["score"] / 2)  # the same verdicts by another threshold
    (change,) = (
        one
        for one in compare_metrics(common_videos(old, halved))
        if one.name == "balanced_accuracy"
    )
    assert change.difference.value == 0


def test_few_groups_give_no_evidence_however_large_the_difference() -> None:
    old, new = scores(3.0, groups=6), scores(0.0, groups=6)
    (roc_auc, *_) = compare_metrics(common_videos(old, new))
    assert roc_auc.new - roc_auc.old > 0.2
    assert roc_auc.outcome == Outcome.NO_EVIDENCE
    assert math.isnan(roc_auc.difference.low)


def test_one_label_or_no_video_is_not_comparable() -> None:
    reals = scores(0.3)[lambda table: table["label"] == 0]
    assert outcomes(reals, reals)["roc_auc"] == Outcome.NOT_COMPARABLE
    common = common_videos(reals.head(0), reals)
    assert (len(common.rows), common.only_new, common.is_same_set) == (0, 200, False)


def test_new_numbers_of_groups_are_no_new_groups() -> None:
    old = scores(0.3)
    new = old.assign(group=1000 - old["group"])
    common = common_videos(old, new.sample(frac=1, random_state=0))
    assert common.is_same_set
    assert len(common.rows) == 400


def test_videos_with_another_label_or_group_are_left_out() -> None:
    old = scores(0.3)
    new = old.copy()
    new.loc[0, "label"] = 1
    new.loc[2, "group"] = old.loc[4, "group"]
    changed = {*old.loc[[2, 4], "group"]}
    common = common_videos(old, new)
    assert common.relabelled == 1
    touched = old["group"].isin(changed).sum()
    assert common.regrouped == touched, "all videos of both groups have other members now"
    assert len(common.rows) == 400 - 1 - touched
    assert not common.rows["group"].isin(changed).any()


def test_undecided_videos_flip_but_are_not_compared() -> None:
    old = scores(0.3)
    new = old.copy()
    new.loc[3, ["score", "verdict"]] = [np.nan, "UNDECIDED"]
    common = common_videos(old, new)
    assert len(common.scored) == 399
    assert common.flipped["now"].tolist() == ["undecided"]


def test_flipped_verdicts_come_with_the_largest_change_first() -> None:
    common = common_videos(scores(0.3), scores(2.0))
    flipped = common.flipped
    assert len(flipped) > 10
    assert flipped["change"].is_monotonic_decreasing
    right = flipped["label"].map(LABEL_NAMES) == flipped["verdict_new"]
    assert ((flipped["now"] == "right") == right).all()


@pytest.mark.parametrize(
    ("p_values", "corrected"),
    [
        ([], []),
        ([0.02], [0.02]),
        ([0.01, 0.04, math.nan, 0.03], [0.03, 0.06, math.nan, 0.06]),
        ([0.9, 0.9], [1.0, 1.0]),
    ],
)
def test_holm(p_values: list[float], corrected: list[float]) -> None:
    np.testing.assert_allclose(holm(p_values), corrected)


def test_chance_alone_is_rarely_called_better_or_worse() -> None:
    """With all metrics tested, at most `LEVEL` of the comparisons of equal models err."""
    chance = np.random.default_rng(1)
    base = scores(1.0, videos=200)
    wrong = 0
    for _ in range(60):
        first, second = (
            base.assign(score=lambda table: table["score"] + chance.normal(0, 0.1, len(table)))
            for _ in range(2)
        )
        first, second = (
            table.assign(verdict=np.where(table["score"] >= 0.5, "FAKE", "REAL"))
            for table in (first, second)
        )
        found = {*outcomes(first, second).values()}
        wrong += bool(found & {Outcome.BETTER, Outcome.WORSE})
    assert wrong <= 7  # of 60, where 3 are expected; more have a chance of 2 %
