"""Pairs of near vectors among many, without comparing all of them.

An inverted file (Jégou et al., Product Quantization for Nearest Neighbor Search, 2011, without the
quantization): every vector belongs to the cell of the nearest of many random vectors, and is
compared with those vectors only that have this cell among their nearest `PROBES`. Up to
`PROBES` * `CELL` vectors, all are compared, so nothing is missed. Beyond, docs/identities.md gives the
share that is found.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from deepfake.core.labels import Integers

CELL = 256  # vectors of an average cell
PROBES = 128  # cells in which a vector is looked for
BLOCK = 2048  # vectors that are compared at a time
# Bound of the rounding error of a squared distance in float32, relative to the squared length.
ROUNDING = 1e-5


def near_pairs(vectors: NDArray[np.floating[Any]], threshold: float) -> Integers:
    """Pairs of vectors whose Euclidean distance is at most a threshold.

    The result does not depend on the number of threads: the cells are found in float64, and pairs
    that are near in float32 are compared again in float64.

    Args:
        vectors: count x length.
        threshold: largest distance.

    Returns:
        Positions of both vectors of each pair, pairs x 2, the smaller one first; sorted.
    """
    size = len(vectors)
    if size < 2:
        return np.empty((0, 2), np.int64)
    table = _with_lengths(vectors)
    limit = threshold**2 / 2 + ROUNDING * float(table[:, -2].max())
    homes, visits = _cells(vectors)
    order = np.argsort(homes, kind="stable")
    keys = [np.empty(0, np.int64)]
    for members in np.split(order, np.flatnonzero(np.diff(homes[order])) + 1):
        begin, end = visits.indptr[homes[members[0]] : homes[members[0]] + 2]
        here = table[members]
        here[:, :-2] *= -1
        here[:, -2:] = here[
            :, :-3:-1
        ].copy()  # so that the products are halves of squared distances
        for start in range(begin, end, BLOCK):
            visitors = visits.indices[start : min(start + BLOCK, end)]
            rows, columns = np.nonzero(here @ table[visitors].T <= limit)
            pairs = np.sort(np.stack([members[rows], visitors[columns]], axis=1), axis=1)
            keys.append(_confirmed(vectors, pairs, threshold))
    found = np.unique(np.concatenate(keys))
    return np.stack(np.divmod(found, size), axis=1)


def _with_lengths(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The vectors less their mean, and two more columns: half of the squared length, and 1."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    table = np.ones((len(vectors), len(mean) + 2), np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = table[start : start + BLOCK]
        block[:, :-2] = vectors[start : start + BLOCK] - mean
        block[:, -2] = np.einsum("ij,ij->i", block[:, :-2], block[:, :-2]) / 2
    return table


def _cells(vectors: NDArray[np.floating[Any]]) -> tuple[Integers, csr_matrix]:
    """The nearest cell of each vector, and cells x vectors: whether the vector is looked for there."""
    size = len(vectors)
    count = max(1, size // CELL)
    probes = min(PROBES, count)
    chosen = np.sort(np.random.default_rng(0).choice(size, count, replace=False))
    pivots = vectors[chosen].astype(np.float64)
    half_squares = np.einsum("ij,ij->i", pivots, pivots) / 2
    homes = np.empty(size, np.int64)
    nearest = np.empty((size, probes), np.int32)
    for start in range(0, size, BLOCK):
        distances = half_squares - vectors[start : start + BLOCK].astype(np.float64) @ pivots.T
        homes[start : start + BLOCK] = distances.argmin(axis=1)
        nearest[start : start + BLOCK] = np.argpartition(distances, probes - 1)[:, :probes]
    ones = np.ones(nearest.size, np.bool_)
    by_vector = csr_matrix((ones, nearest.ravel(), np.arange(size + 1) * probes), (size, count))
    return homes, by_vector.tocsc().T


def _confirmed(vectors: NDArray[np.floating[Any]], pairs: Integers, threshold: float) -> Integers:
    """One number per pair of two vectors that are near in float64: first * count + second."""
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    kept = [np.empty(0, np.int64)]
    for start in range(0, len(pairs), BLOCK):
        first, second = pairs[start : start + BLOCK].T
        differences = vectors[first].astype(np.float64) - vectors[second]
        is_near = np.einsum("ij,ij->i", differences, differences) <= threshold**2
        kept.append(first[is_near].astype(np.int64) * len(vectors) + second[is_near])
    return np.unique(np.concatenate(kept))
