"""Thresholds and operating points, chosen on scores of val."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake.core.labels import FAKE, REAL, Floats, Labels
from deepfake.model.operating_points import ChosenPoints, Thresholds
from deepfake.model.thresholds import (
    MAX_ERROR_RATE,
    MIN_GROUPS_FOR_RATE,
    MIN_VIDEOS,
    best_threshold,
    choose_points,
)

BALANCED = 0.5


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


def scores_of(separation: float, videos: int = 2000) -> tuple[Floats, Labels]:
    """Scores of REAL and FAKE in turn, whose logits are `separation` apart."""
    logits = np.random.default_rng(0).normal(size=videos)
    labels = np.arange(videos) % 2
    return 1 / (1 + np.exp(-logits - separation * (labels - 0.5))), labels


def chosen(
    scores: Floats, labels: Labels, groups: int | None = None, sources: object = "one"
) -> ChosenPoints:
    pairs = np.arange(len(labels)) // 2
    group = pairs if groups is None else pairs % groups
    return choose_points(
        scores, labels, group, np.broadcast_to(np.asarray(sources), len(labels)), BALANCED
    )


def threshold_of(points: ChosenPoints, name: str) -> float:
    found = points.thresholds[name]
    assert found is not None
    assert found.real_below == found.fake_from
    return found.fake_from


@pytest.mark.parametrize("separation", [0.5, 1.0, 2.0])
def test_strict_and_screening_keep_their_rate_on_val_and_not_more(separation: float) -> None:
    scores, labels = scores_of(separation)
    points = chosen(scores, labels)
    strict, screening = threshold_of(points, "strict"), threshold_of(points, "screening")
    assert 0.045 < np.mean(scores[labels == REAL] >= strict) <= MAX_ERROR_RATE
    assert 0.045 < np.mean(scores[labels == FAKE] < screening) <= MAX_ERROR_RATE
    assert points.thresholds["balanced"] == Thresholds(BALANCED, BALANCED)
    assert points.thresholds["cautious"] == Thresholds(screening, strict)
    assert points.problems == {}


@pytest.mark.parametrize("separation", [5.0, 50.0])
def test_a_model_that_needs_no_middle_has_balanced_everywhere(separation: float) -> None:
    points = chosen(*scores_of(separation))
    assert {*points.thresholds.values()} == {Thresholds(BALANCED, BALANCED)}
    assert points.problems == {}


def test_strict_holds_in_the_worst_source_and_not_only_on_average() -> None:
    scores, labels = scores_of(1.0)
    sources = np.where(np.arange(len(labels)) % 20 < 2, "phones", "studio")  # one in ten
    shifted = np.where((labels == REAL) & (sources == "phones"), scores**0.3, scores)
    points, mixed = chosen(shifted, labels, sources=sources), chosen(shifted, labels)
    strict = threshold_of(points, "strict")
    for source in ("phones", "studio"):
        reals = shifted[(labels == REAL) & (sources == source)]
        assert np.mean(reals >= strict) <= MAX_ERROR_RATE, source
    phones = shifted[(labels == REAL) & (sources == "phones")]
    assert len(phones) >= MIN_VIDEOS
    assert np.mean(phones >= threshold_of(mixed, "strict")) > 2 * MAX_ERROR_RATE


def test_a_source_with_few_real_videos_counts_in_the_average_only() -> None:
    scores, labels = scores_of(1.0)
    sources = np.where(np.arange(len(labels)) < 2 * MIN_VIDEOS - 2, "few", "many")
    high = np.where((labels == REAL) & (sources == "few"), scores**0.01, scores)
    strict = threshold_of(chosen(high, labels, sources=sources), "strict")
    assert np.mean(high[(labels == REAL) & (sources == "few")] >= strict) > MAX_ERROR_RATE
    assert np.mean(high[labels == REAL] >= strict) <= MAX_ERROR_RATE


@pytest.mark.parametrize(
    ("videos", "groups", "problem"),
    [
        (2 * MIN_VIDEOS, MIN_GROUPS_FOR_RATE, ""),
        (
            2 * MIN_VIDEOS - 2,
            MIN_GROUPS_FOR_RATE,
            "val has 99 REAL videos of 20 groups of people, and 100 of",
        ),
        (2 * MIN_VIDEOS, MIN_GROUPS_FOR_RATE - 1, "val has 100 REAL videos of 19 groups of people"),
    ],
)
def test_a_small_val_has_no_point_but_balanced(videos: int, groups: int, problem: str) -> None:
    points = chosen(*scores_of(1.0, videos), groups=groups)
    assert points.thresholds["balanced"] is not None
    if not problem:
        assert points.problems == {}
        return
    assert [points.thresholds[name] for name in ("strict", "screening", "cautious")] == [None] * 3
    assert points.problems["strict"].startswith(problem)
    assert "FAKE" in points.problems["screening"]
    assert points.problems["strict"] in points.problems["cautious"]


def test_each_point_needs_its_own_label_only() -> None:
    scores, labels = scores_of(1.0, 400)
    kept = (labels == REAL) | (np.arange(400) < 40)
    points = chosen(scores[kept], labels[kept])
    assert points.thresholds["strict"] is not None
    assert points.thresholds["screening"] is points.thresholds["cautious"] is None
    assert points.problems["cautious"] == points.problems["screening"]
    assert "20 FAKE videos" in points.problems["screening"]


def test_equal_scores_leave_no_threshold() -> None:
    """As of a model that is certain of everything, also of one REAL in ten that is FAKE to it."""
    scores, labels = scores_of(1.0, 400)
    saturated = np.where(np.arange(400) % 20 == 0, 1.0, scores)
    points = chosen(np.minimum(saturated, 1.0), labels)
    assert points.thresholds["strict"] is None
    assert (
        points.problems["strict"] == "more than 5% of the REAL videos of val have the highest score"
    )
    assert points.thresholds["screening"] is not None


score_and_source = st.tuples(st.floats(0, 1), st.sampled_from(["a", "b"]))


@given(st.lists(score_and_source, min_size=2 * MIN_VIDEOS, max_size=300))
def test_whatever_the_scores_every_point_keeps_its_rate(rows: list[tuple[float, str]]) -> None:
    scores = np.array([score for score, _ in rows])
    labels = np.arange(len(rows)) % 2
    sources = np.array([source for _, source in rows])
    points = chosen(scores, labels, sources=sources)
    strict, screening = points.thresholds["strict"], points.thresholds["screening"]
    if strict and screening and strict.fake_from > screening.fake_from:
        reals = labels == REAL
        for part in (reals, reals & (sources == "a"), reals & (sources == "b")):
            if part.sum() >= MIN_VIDEOS:
                assert np.mean(scores[part] >= strict.fake_from) <= MAX_ERROR_RATE
        assert np.mean(scores[labels == FAKE] < screening.fake_from) <= MAX_ERROR_RATE
    elif strict and screening:
        assert strict == screening == points.thresholds["balanced"]
    assert (points.thresholds["cautious"] is None) == (strict is None or screening is None)
