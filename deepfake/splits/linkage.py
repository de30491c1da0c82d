"""Average linkage of many vectors, cut at a distance, without a matrix of all distances.

Clusters are merged from the nearest to the farthest, so the clusters at a shorter distance are a
state on the way to those at the full one. They are found first, inside sets that are connected by
short distances. From there on only clusters are compared whose centroids are near: the mean distance
of two clusters is never less than the distance of their centroids. The result is that of
`scipy.cluster.hierarchy.linkage`.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from deepfake.core.labels import Integers
from deepfake.splits.neighbours import near_pairs

MAX_DENSE = 4096  # vectors of which all distances are kept, which takes 70 MB
SHORTER = 0.75  # of the distance, for the clusters that are found first
MIN_THRESHOLD = 1e-4  # nearer vectors start as one cluster only if they are identical

Vectors = NDArray[np.floating[Any]]


def average_linkage(vectors: Vectors, threshold: float) -> Integers:
    """Cluster number of each vector, from 0.

    Args:
        vectors: count x length.
        threshold: two clusters are merged if the mean distance between their vectors is at most this.
    """
    if len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    if len(vectors) <= MAX_DENSE:
        numbers = fcluster(linkage(vectors, "average"), threshold, "distance") - 1
        return np.asarray(numbers, np.int64)
    return _merge(vectors, _tight_clusters(vectors, SHORTER * threshold), threshold)


def _tight_clusters(vectors: Vectors, threshold: float) -> Integers:
    """As `average_linkage`; each set that is connected by short distances is clustered alone."""
    if threshold < MIN_THRESHOLD:
        return np.unique(vectors, axis=0, return_inverse=True)[1].astype(np.int64).ravel()
    numbers = np.zeros(len(vectors), np.int64)
    count = 0
    for members in _connected_sets(vectors, threshold):
        numbers[members] = count + average_linkage(vectors[members], threshold)
        count = int(numbers[members].max()) + 1
    return numbers


def _connected_sets(vectors: Vectors, threshold: float) -> Iterator[Integers]:
    """Positions of the vectors in each set that is connected by distances up to the threshold."""
    near = near_pairs(vectors, threshold)
    size = len(vectors)
    graph = coo_matrix((np.ones(len(near), bool), (near[:, 0], near[:, 1])), (size, size))
    _, component = connected_components(graph, directed=False)
    yield from _members(component)


def _members(numbers: Integers) -> list[Integers]:
    """Positions of each number, in the order of the numbers."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1)


def _merge(vectors: Vectors, numbers: Integers, threshold: float) -> Integers:
    """Continue average linkage from clusters, given by the number of each vector."""
    clusters = dict(enumerate(_members(numbers)))

    # Mean distance to each cluster that is near enough to be merged.
    near: dict[int, dict[int, float]] = {number: {} for number in clusters}

    def mean_distance(one: int, other: int) -> float:
        known = near[one].get(other)
        if known is not None:
            return known
        return float(cdist(vectors[clusters[one]], vectors[clusters[other]]).mean())

    centroids = np.array(
        [vectors[rows].mean(axis=0, dtype=np.float64) for rows in clusters.values()]
    )
    heap = []
    for one, other in near_pairs(centroids, threshold * (1 + 1e-9)).tolist():
        distance = mean_distance(one, other)
        if distance <= threshold:
            near[one][other] = near[other][one] = distance
            heap.append((distance, one, other))
    heapify(heap)
    merged = len(clusters)  # number of the next merged cluster, so that a number is used once
    while heap:
        _, one, other = heappop(heap)
        if one not in clusters or other not in clusters:
            continue
        share = len(clusters[one]) / (len(clusters[one]) + len(clusters[other]))
        distances = {}
        for third in sorted((near[one].keys() | near[other].keys()) - {one, other}):
            distance = share * mean_distance(one, third) + (1 - share) * mean_distance(other, third)
            if distance <= threshold:
                distances[third] = distance
        for part in (one, other):
            for third in near.pop(part):
                near.get(third, {}).pop(part, None)
        clusters[merged] = np.concatenate([clusters.pop(one), clusters.pop(other)])
        near[merged] = distances
        for third, distance in distances.items():
            near[third][merged] = distance
            heappush(heap, (distance, third, merged))
        merged += 1
    result = np.empty(len(vectors), np.int64)
    for number, rows in enumerate(clusters.values()):
        result[rows] = number
    return result
