"""Assignment of groups to splits, and division of people if groups are too large."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix, csr_matrix

from deepfake.core.labels import Floats, Integers

SWEEPS = 100  # over all people while the temperature falls
MOVE_BUDGET = 200_000  # about ten seconds; few people are annealed several times, the best is kept
MAX_STARTS = 16
LOWEST_TEMPERATURE = 0.2  # in videos; smaller differences in cost cause no moves
# Weight of uneven shares against lost videos. At 4, fully connected people are divided nearly by
# the shares; at lower weights one split would take nearly all of them.
IMBALANCE_WEIGHT = 4.0


def assign_groups(counts: Floats, shares: Floats, seed: int) -> Integers:
    """Index of the split of each group, with all strata as even as the sizes allow.

    Groups are assigned from the largest to the smallest, each to the split that it brings closest
    to its share of every stratum (the greedy rule of StratifiedGroupKFold in scikit-learn, for
    shares of any size).

    Args:
        counts: groups x strata, numbers of videos.
        shares: of the splits, each above 0, with a sum of 1.
        seed: decides between groups of the same size.
    """
    generator = np.random.default_rng(seed)
    order = np.lexsort((generator.permutation(len(counts)), -counts.sum(axis=1)))
    scale = np.maximum(counts.sum(axis=0), 1)
    goal = shares[:, None] * counts.sum(axis=0)
    current = np.zeros_like(goal)
    chosen = np.zeros(len(counts), np.int64)
    for group in order:
        # Change of each split's squared distance from its goal if it got this group.
        change = (goal - current - counts[group]) ** 2 - (goal - current) ** 2
        best = int((change / (scale * shares[:, None])).sum(axis=1).argmin())
        current[best] += counts[group]
        chosen[group] = best
    return chosen


def divide_people(appearances: pd.DataFrame, shares: Floats, seed: int) -> Integers:
    """Index of the split of each person, so that few videos show people of two splits.

    Simulated annealing (Kirkpatrick et al., 1983): people move one at a time, at first almost at
    random, later to the split of least cost. The cost is the number of lost videos plus
    `IMBALANCE_WEIGHT` times the chi-square distance of the sizes from their goals.

    Args:
        appearances: columns row (video) and person (0, 1, ...), as returned by
            `groups.list_appearances`.
        shares: of the splits, each above 0, with a sum of 1.
        seed: of the starts and moves.
    """
    links, sizes = _links(appearances)
    generator = np.random.default_rng(seed)
    goals = shares * sizes.sum()
    highest = max(LOWEST_TEMPERATURE, float(links.sum()) / len(sizes))
    temperatures = [*np.geomspace(highest, LOWEST_TEMPERATURE, SWEEPS), *[0.0] * SWEEPS]
    starts = min(MAX_STARTS, max(1, MOVE_BUDGET // (SWEEPS * len(sizes))))
    results = []
    for _ in range(starts):
        start = generator.choice(len(shares), len(sizes), p=shares)
        results.append(_anneal(start, temperatures, links, sizes, goals, generator))
    return min(results, key=lambda chosen: _cost(chosen, links, sizes, goals))


def _links(appearances: pd.DataFrame) -> tuple[csr_matrix, Floats]:
    """Videos that two people share (people x people), and the number of videos of each person.

    A video of k people counts 1/k for each of them, and 1/(k - 1) for each of their pairs.
    """
    people = int(appearances["person"].max()) + 1
    in_video = appearances.groupby("row")["person"].transform("size").to_numpy(float)
    rows, persons = appearances["row"].to_numpy(), appearances["person"].to_numpy()
    sizes: Floats = np.bincount(persons, 1 / in_video, people).astype(float)
    several = in_video > 1
    shape = (int(rows.max()) + 1, people)
    positions = (rows[several], persons[several])
    weighted = coo_matrix((1 / (in_video[several] - 1), positions), shape).tocsr()
    links = (weighted.T @ coo_matrix((np.ones(several.sum()), positions), shape).tocsr()).tolil()
    links.setdiag(0)
    return links.tocsr(), sizes


def _anneal(
    start: Integers,
    temperatures: Sequence[float],
    links: csr_matrix,
    sizes: Floats,
    goals: Floats,
    generator: np.random.Generator,
) -> Integers:
    """One sweep over all people per temperature. At 0, each person moves to the least cost."""
    chosen = start.copy()
    inside = links @ np.eye(len(goals))[chosen]  # people x splits: videos shared with each split
    current = np.bincount(chosen, sizes, len(goals)).astype(float)
    for temperature in temperatures:
        moved = False
        # The minimum of costs with Gumbel noise is a sample from a softmax of -cost / temperature.
        noise = temperature * generator.gumbel(size=(len(chosen), len(goals)))
        for person in generator.permutation(len(chosen)):
            old, size = chosen[person], sizes[person]
            current[old] -= size
            imbalance = size * (2 * (current - goals) + size) / goals
            new = int((IMBALANCE_WEIGHT * imbalance - inside[person] - noise[person]).argmin())
            current[new] += size
            if new != old:
                begin, end = links.indptr[person : person + 2]
                others = links.indices[begin:end]
                inside[others, old] -= links.data[begin:end]
                inside[others, new] += links.data[begin:end]
                chosen[person] = new
                moved = True
        if temperature == 0 and not moved:
            break
    return chosen


def _cost(chosen: Integers, links: csr_matrix, sizes: Floats, goals: Floats) -> float:
    pairs = links.tocoo()
    lost = pairs.data[chosen[pairs.row] != chosen[pairs.col]].sum() / 2
    actual = np.bincount(chosen, sizes, len(goals))
    return float(lost + IMBALANCE_WEIGHT * ((actual - goals) ** 2 / goals).sum())
