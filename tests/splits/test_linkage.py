"""Average linkage of many vectors: the clusters of scipy, whatever is kept in memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from deepfake.splits import linkage as tested
from deepfake.splits import neighbours


def sets_of(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == name).tolist()) for name in np.unique(labels)}


@given(
    st.integers(2, 60),
    st.integers(0, 1000),
    st.sampled_from([0.2, 0.5, 1.0, 2.0]),
    st.sampled_from([2, 5, 20]),
)
def test_sets_that_are_too_large_for_all_distances_give_the_same_clusters(
    count: int, seed: int, threshold: float, max_dense: int
) -> None:
    """Among them identical vectors, which no smaller threshold separates."""
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    vectors[: count // 3] = vectors[0]
    expected = fcluster(linkage(vectors, "average"), threshold, "distance")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tested, "MAX_DENSE", max_dense)
        assert sets_of(tested.average_linkage(vectors, threshold)) == sets_of(expected)


def test_search_finds_nearly_all_pairs_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """People as in real embeddings; a 25th of the cells is searched, as with 800,000 faces."""
    rng = np.random.default_rng(0)
    spread = np.exp(-np.arange(128) / 30)
    spread *= 0.8 / np.sqrt(2 * np.square(spread).sum())
    people = rng.normal(size=(300, 128)) * spread
    vectors = people[rng.integers(0, 300, 3000)] + rng.normal(size=(3000, 128)) * 0.3 / 16
    everything = neighbours.near_pairs(vectors, 0.5)
    distances = np.linalg.norm(vectors[:100, None] - vectors, axis=2)
    assert (everything[:, 0] < 100).sum() == (np.triu(distances <= 0.5, 1)).sum()
    monkeypatch.setattr(neighbours, "CELL", 10)
    monkeypatch.setattr(neighbours, "PROBES", 12)
    found = {tuple(pair) for pair in neighbours.near_pairs(vectors, 0.5).tolist()}
    expected = {tuple(pair) for pair in everything.tolist()}
    assert found <= expected
    assert 0.999 <= len(found) / len(expected) < 1


@pytest.mark.parametrize("count", [0, 1])
def test_no_vector_and_one_vector(count: int) -> None:
    assert neighbours.near_pairs(np.zeros((count, 128)), 0.5).shape == (0, 2)
    assert tested.average_linkage(np.zeros((count, 128)), 0.5).tolist() == [0] * count
