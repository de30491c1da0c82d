"""Dealing groups to splits, and cutting between people where groups are too large."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from deepfake.core.labels import Floats

Ints = NDArray[np.int64]

SWEEPS = 100  # over all people while it cools
MOVES = 200_000  # about ten seconds; few people are annealed several times, and the best is kept
MOST_STARTS = 16
COLDEST = 0.2  # videos: differences below this no longer move anybody
# How much a share that is off its goal weighs against a video that is lost. At 4 a fully connected
# set of people keeps shares near those asked for, instead of one split taking nearly all.
IMBALANCE = 4.0


def deal(counts: Floats, shares: Floats, seed: int) -> Ints:
    """Index of the split for each group, all strata as even as the sizes allow.

    Groups are dealt from the largest to the smallest, each to the split that it brings closest to
    its share of every stratum (the greedy rule of StratifiedGroupKFold in scikit-learn, for shares
    of any size).

    Args:
        counts: groups x strata, numbers of videos.
        shares: of the splits, above 0 and adding up to 1.
        seed: decides between groups of the same size.
    """
    generator = np.random.default_rng(seed)
    order = np.lexsort((generator.permutation(len(counts)), -counts.sum(axis=1)))
    scale = np.maximum(counts.sum(axis=0), 1)
    goal = shares[:, None] * counts.sum(axis=0)
    have = np.zeros_like(goal)
    chosen = np.zeros(len(counts), np.int64)
    for group in order:
        # What each split would still lack or have too much of, squared, if it got this group.
        change = (goal - have - counts[group]) ** 2 - (goal - have) ** 2
        best = int((change / (scale * shares[:, None])).sum(axis=1).argmin())
        have[best] += counts[group]
        chosen[group] = best
    return chosen


def cut(touched: pd.DataFrame, shares: Floats, seed: int) -> Ints:
    """Index of the split for each person, so that few videos show people of two splits.

    Simulated annealing (Kirkpatrick et al., 1983): people move in turn, first nearly at random, then
    ever more to where they cost least. The cost is the number of videos lost plus `IMBALANCE` times
    the chi-square distance of the sizes from their goals.

    Args:
        touched: columns row (video) and person (0, 1, ...), as `groups.people_touched` gives them.
        shares: of the splits, above 0 and adding up to 1.
        seed: of the starts.
    """
    links, sizes = _links(touched)
    generator = np.random.default_rng(seed)
    goals = shares * sizes.sum()
    warm = max(COLDEST, float(links.sum()) / len(sizes))
    coldness = [*np.geomspace(warm, COLDEST, SWEEPS), *[0.0] * SWEEPS]
    starts = min(MOST_STARTS, max(1, MOVES // (SWEEPS * len(sizes))))
    found = []
    for _ in range(starts):
        start = generator.choice(len(shares), len(sizes), p=shares)
        found.append(_anneal(start, coldness, links, sizes, goals, generator))
    return min(found, key=lambda chosen: _cost(chosen, links, sizes, goals))


def _links(touched: pd.DataFrame) -> tuple[csr_matrix, Floats]:
    """Videos that two people share (people x people), and the videos of each person.

    A video of k people counts 1/k for each, and 1/(k - 1) for each of their pairs.
    """
    people = int(touched["person"].max()) + 1
    in_video = touched.groupby("row")["person"].transform("size").to_numpy(float)
    rows, persons = touched["row"].to_numpy(), touched["person"].to_numpy()
    sizes: Floats = np.bincount(persons, 1 / in_video, people).astype(float)
    several = in_video > 1
    shape = (int(rows.max()) + 1, people)
    where = (rows[several], persons[several])
    weighted = coo_matrix((1 / (in_video[several] - 1), where), shape).tocsr()
    links = (weighted.T @ coo_matrix((np.ones(several.sum()), where), shape).tocsr()).tolil()
    links.setdiag(0)
    return links.tocsr(), sizes


def _anneal(
    start: Ints,
    temperatures: Sequence[float],
    links: csr_matrix,
    sizes: Floats,
    goals: Floats,
    generator: np.random.Generator,
) -> Ints:
    """One sweep over all people per temperature; at 0 they go where it costs least."""
    chosen = start.copy()
    inside = links @ np.eye(len(goals))[chosen]  # people x splits: videos shared with each split
    have = np.bincount(chosen, sizes, len(goals)).astype(float)
    for temperature in temperatures:
        moved = False
        # The least of costs with Gumbel noise is a draw with probability exp(-cost / temperature).
        noise = temperature * generator.gumbel(size=(len(chosen), len(goals)))
        for person in generator.permutation(len(chosen)):
            now, size = chosen[person], sizes[person]
            have[now] -= size
            imbalance = size * (2 * (have - goals) + size) / goals
            to = int((IMBALANCE * imbalance - inside[person] - noise[person]).argmin())
            have[to] += size
            if to != now:
                begin, end = links.indptr[person : person + 2]
                others = links.indices[begin:end]
                inside[others, now] -= links.data[begin:end]
                inside[others, to] += links.data[begin:end]
                chosen[person] = to
                moved = True
        if temperature == 0 and not moved:
            break
    return chosen


def _cost(chosen: Ints, links: csr_matrix, sizes: Floats, goals: Floats) -> float:
    pairs = links.tocoo()
    lost = pairs.data[chosen[pairs.row] != chosen[pairs.col]].sum() / 2
    have = np.bincount(chosen, sizes, len(goals))
    return float(lost + IMBALANCE * ((have - goals) ** 2 / goals).sum())
