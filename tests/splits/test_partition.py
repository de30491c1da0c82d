"""Assignment of groups by shares, and division of people with few lost videos."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake.splits import partition

SHARES = np.array([0.6, 0.2, 0.2])


def lost_videos(appearances: pd.DataFrame, chosen: np.ndarray) -> int:
    """Number of videos that show people of two splits."""
    split = pd.Series(chosen[appearances["person"]])
    return int((split.groupby(appearances["row"].to_numpy()).nunique() > 1).sum())


def pair_table(pairs: list[tuple[int, int]], people: int) -> pd.DataFrame:
    """Appearances in ten videos of each person alone, and in one video of every pair."""
    alone = [(i * 10 + j, i) for i in range(people) for j in range(10)]
    both = [(10 * people + row, person) for row, pair in enumerate(pairs) for person in pair]
    return pd.DataFrame(alone + both, columns=["row", "person"])


def test_groups_of_one_size_meet_the_shares() -> None:
    chosen = partition.assign_groups(np.ones((50, 1)), SHARES, 0)
    assert np.bincount(chosen).tolist() == [30, 10, 10]


def test_every_stratum_is_spread() -> None:
    counts = np.eye(2)[np.arange(60) % 2]
    chosen = partition.assign_groups(counts, SHARES, 0)
    assert [counts[chosen == split].sum(axis=0).tolist() for split in range(3)] == [
        [18, 18],
        [6, 6],
        [6, 6],
    ]


def test_the_seed_decides_between_groups_of_one_size() -> None:
    one, other = (partition.assign_groups(np.ones((30, 1)), SHARES, seed) for seed in (0, 1))
    assert (one != other).any()


def test_no_groups() -> None:
    assert partition.assign_groups(np.zeros((0, 1)), SHARES, 0).tolist() == []


def test_two_circles_of_people_are_divided_at_their_single_link() -> None:
    """Two circles of ten people, all swapped within a circle, and one fake between the circles."""
    circle = [(a, b) for a in range(10) for b in range(a)]
    pairs = [*circle, *((a + 10, b + 10) for a, b in circle), (0, 10)]
    appearances = pair_table(pairs, 20)
    chosen = partition.divide_people(appearances, np.array([0.5, 0.5]), 0)
    assert lost_videos(appearances, chosen) == 1
    assert np.bincount(chosen).tolist() == [10, 10]


def test_shares_are_nearly_met_if_all_people_are_linked() -> None:
    appearances = pair_table([(a, b) for a in range(30) for b in range(a)], 30)
    chosen = partition.divide_people(appearances, SHARES, 0)
    shares = np.bincount(chosen, minlength=3) / 30
    assert shares == pytest.approx(SHARES, abs=0.11)


def test_small_graphs_are_divided_nearly_optimally() -> None:
    """Compared with every possible division, the cost is at most a tenth above the best one."""
    generator = np.random.default_rng(0)
    for _ in range(5):
        pairs = [tuple(generator.choice(7, 2, replace=False)) for _ in range(12)]
        appearances = pair_table(pairs, 7)
        links, sizes = partition._links(appearances)
        goals = SHARES * sizes.sum()
        every = [np.array(division) for division in product(range(3), repeat=7)]
        best = min(partition._cost(division, links, sizes, goals) for division in every)
        chosen = partition.divide_people(appearances, SHARES, 0)
        assert partition._cost(chosen, links, sizes, goals) <= 1.1 * best


@given(st.integers(3, 20), st.integers(0, 60), st.integers(0, 99))
def test_the_cost_counts_lost_videos(people: int, count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    pairs = [tuple(generator.choice(people, 2, replace=False)) for _ in range(count)]
    appearances = pair_table(pairs, people)
    links, sizes = partition._links(appearances)
    chosen = generator.integers(3, size=people)
    goals = np.bincount(chosen, sizes, 3)
    cost = partition._cost(chosen, links, sizes, np.where(goals > 0, goals, 1e-9))
    assert cost == pytest.approx(lost_videos(appearances, chosen), abs=1e-6)
    assert sizes.sum() == pytest.approx(appearances["row"].nunique())


def test_equal_input_gives_equal_output() -> None:
    appearances = pair_table([(a, b) for a in range(12) for b in range(a)], 12)
    one, other = (partition.divide_people(appearances, SHARES, 3) for _ in range(2))
    assert one.tolist() == other.tolist()
