"""Dealing groups by shares, and cutting between people where little is lost."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake.splits import partition

SHARES = np.array([0.6, 0.2, 0.2])


def lost(touched: pd.DataFrame, chosen: np.ndarray) -> int:
    """Videos that show people of two splits."""
    sides = pd.Series(chosen[touched["person"]]).groupby(touched["row"].to_numpy()).nunique()
    return int((sides > 1).sum())


def of_pairs(pairs: list[tuple[int, int]], people: int) -> pd.DataFrame:
    """Ten videos of each person alone, and a video for every pair."""
    alone = [(i * 10 + j, i) for i in range(people) for j in range(10)]
    both = [(10 * people + row, person) for row, pair in enumerate(pairs) for person in pair]
    return pd.DataFrame(alone + both, columns=["row", "person"])


def test_groups_of_one_size_meet_the_shares() -> None:
    chosen = partition.deal(np.ones((50, 1)), SHARES, 0)
    assert np.bincount(chosen).tolist() == [30, 10, 10]


def test_every_stratum_is_spread() -> None:
    counts = np.eye(2)[np.arange(60) % 2]
    chosen = partition.deal(counts, SHARES, 0)
    assert [counts[chosen == split].sum(axis=0).tolist() for split in range(3)] == [
        [18, 18],
        [6, 6],
        [6, 6],
    ]


def test_the_seed_decides_between_groups_of_one_size() -> None:
    one, other = (partition.deal(np.ones((30, 1)), SHARES, seed) for seed in (0, 1))
    assert (one != other).any()


def test_no_group_at_all() -> None:
    assert partition.deal(np.zeros((0, 1)), SHARES, 0).tolist() == []


def test_two_circles_of_people_are_cut_where_they_hardly_meet() -> None:
    """Two circles of ten who swapped with each other, and one fake between the circles."""
    circle = [(a, b) for a in range(10) for b in range(a)]
    pairs = [*circle, *((a + 10, b + 10) for a, b in circle), (0, 10)]
    touched = of_pairs(pairs, 20)
    chosen = partition.cut(touched, np.array([0.5, 0.5]), 0)
    assert lost(touched, chosen) == 1
    assert np.bincount(chosen).tolist() == [10, 10]


def test_where_everybody_meets_everybody_shares_are_still_near() -> None:
    touched = of_pairs([(a, b) for a in range(30) for b in range(a)], 30)
    chosen = partition.cut(touched, SHARES, 0)
    shares = np.bincount(chosen, minlength=3) / 30
    assert shares == pytest.approx(SHARES, abs=0.11)


def test_small_graphs_are_cut_as_well_as_can_be() -> None:
    """Against every way there is: the cost is the best one, or within a tenth of it."""
    generator = np.random.default_rng(0)
    for _ in range(5):
        pairs = [tuple(generator.choice(7, 2, replace=False)) for _ in range(12)]
        touched = of_pairs(pairs, 7)
        links, sizes = partition._links(touched)
        goals = SHARES * sizes.sum()
        every = [np.array(way) for way in product(range(3), repeat=7)]
        best = min(partition._cost(way, links, sizes, goals) for way in every)
        found = partition._cost(partition.cut(touched, SHARES, 0), links, sizes, goals)
        assert found <= 1.1 * best


@given(st.integers(3, 20), st.integers(0, 60), st.integers(0, 99))
def test_the_cost_counts_lost_videos(people: int, count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    pairs = [tuple(generator.choice(people, 2, replace=False)) for _ in range(count)]
    touched = of_pairs(pairs, people)
    links, sizes = partition._links(touched)
    chosen = generator.integers(3, size=people)
    goals = np.bincount(chosen, sizes, 3)
    goals_met = partition._cost(chosen, links, sizes, np.where(goals > 0, goals, 1e-9))
    assert goals_met == pytest.approx(lost(touched, chosen), abs=1e-6)
    assert sizes.sum() == pytest.approx(touched["row"].nunique())


def test_equal_input_gives_equal_output() -> None:
    touched = of_pairs([(a, b) for a in range(12) for b in range(a)], 12)
    one, other = (partition.cut(touched, SHARES, 3) for _ in range(2))
    assert one.tolist() == other.tolist()
