"""Near-duplicate content: videos whose frames have nearly the same perceptual hashes.

A fake shares most pixels with its original. A copy that was cut, scaled or compressed again has
other bytes. Neither may be in another split, and both are found here without any metadata.
"""

import json
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, identity
from scipy.sparse.csgraph import connected_components

from deepfake.base.code import code_version
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Failure, Step, Video, videos_of_archives
from deepfake.params.schema import ExecutionParams
from deepfake.splits.frame_hashes import HASH_BITS, hash_frames

COLUMNS = ["video_id", "content"]
MAX_DISTANCE = 4  # differing bits; measured in docs/identities.md
MIN_SHARE = 0.5  # of the frames of one of two videos
BLOCK = 10_000  # videos that are compared with all at a time


def hash_step() -> Step:
    """The step that hashes the frames of each video."""
    return Step(hash_frames, code_version(hash_frames))


def hash_inputs(manifest: pd.DataFrame, frames: Path) -> list[Video]:
    """The frame archives of the manifest's videos, for `hash_step`."""
    return videos_of_archives(manifest, frames)


def hash_videos(
    manifest: pd.DataFrame, frames: Path, execution: ExecutionParams
) -> dict[str, list[int]]:
    """Hashes of the frames of each video; an empty list for a video without frames.

    A video that fails has an empty list too and is reported.

    Args:
        manifest: rows with video_id and sha256.
        frames: folder of frame archives.
        execution: processes and their limits.
    """
    hashes: dict[str, list[int]] = {}
    results = map_videos(hash_step(), hash_inputs(manifest, frames), execution, "hashes")
    for video_id, result in zip(manifest["video_id"], results, strict=True):
        if isinstance(result, Failure):
            print(f"{video_id}: content not compared ({result.status}): {result.reason}")
        texts = [] if isinstance(result, Failure) else json.loads(result)
        hashes[video_id] = [int(text, 16) for text in texts]
    return hashes


def find_near_duplicates(
    hashes: dict[str, list[int]], max_distance: int = MAX_DISTANCE, min_share: float = MIN_SHARE
) -> pd.DataFrame:
    """Sets of videos with the same content, for data/near_duplicates.csv.

    Two videos are in one set if they have the same content, directly or through other videos.

    Args:
        hashes: of the frames, by video_id.
        max_distance: two frames look the same if their hashes differ in at most this many bits.
        min_share: two videos have the same content if at least this share of the distinct frames of
            either one also appears in the other.

    Returns:
        Rows with video_id and content ("content#<number>") of the videos that have near-duplicates.
    """
    ids = list(hashes)
    flat = np.fromiter(chain.from_iterable(hashes.values()), np.uint64)
    rows = np.repeat(np.arange(len(ids)), [len(of_video) for of_video in hashes.values()])
    values, columns = np.unique(flat, return_inverse=True)
    # Videos x distinct hashes: 1 where the video has the hash
    shows = csr_matrix((np.ones(len(flat), np.int32), (rows, columns)), (len(ids), len(values)))
    shows.data[:] = 1
    similar = _near(values, max_distance) @ shows.T
    similar.data[:] = 1
    frames = np.asarray(shows.sum(axis=1)).ravel()
    edges = [np.empty((0, 2), np.int64)]
    for start in range(0, len(ids), BLOCK):
        # Frames of the row's video that the column's shows
        shared = (shows[start : start + BLOCK] @ similar).tocoo()
        row = shared.row + start
        same = shared.data >= min_share * frames[row]
        edges.append(np.stack([row[same], shared.col[same]], axis=1))
    one, other = np.concatenate(edges).T
    graph = coo_matrix((np.ones(len(one), bool), (one, other)), (len(ids), len(ids)))
    _, component = connected_components(graph, directed=False)
    table = pd.DataFrame({"video_id": ids, "component": component})
    table = table[table.duplicated("component", keep=False)]
    names = [f"content#{number}" for number in pd.factorize(table["component"])[0]]
    return table.assign(content=names)[COLUMNS].reset_index(drop=True)


def summarize_near_duplicates(content: pd.DataFrame) -> dict[str, int]:
    """Number of near-duplicate videos and sizes of their sets, for plots/identities.tsv."""
    sizes = content.groupby("content").size()
    return {
        "near_duplicate_videos": len(content),
        "near_duplicate_sets": len(sizes),
        "videos_of_largest_set": int(sizes.max()) if len(sizes) else 0,
    }


def _near(values: NDArray[np.uint64], max_distance: int) -> csr_matrix:
    """Hashes x hashes: 1 where they differ in at most `max_distance` bits.

    Of `max_distance` + 2 segments of their bits, two such hashes agree in at least two (pigeonhole
    principle), so only hashes that agree in two segments are compared, for each choice of the two.
    """
    edges = np.linspace(0, HASH_BITS, max_distance + 3).astype(int)
    masks = [np.uint64((1 << high) - (1 << low)) for low, high in pairwise(edges.tolist())]
    pairs = [np.empty((0, 2), np.int64)]
    for second, mask in enumerate(masks):
        for first in range(second):
            # A pair that agrees in an earlier segment too was found there.
            earlier = [masks[number] for number in range(second) if number != first]
            pairs += _near_pairs(values, masks[first] | mask, earlier, max_distance)
    near = np.concatenate(pairs)
    size = len(values)
    links = coo_matrix((np.ones(len(near), np.int32), (near[:, 0], near[:, 1])), (size, size))
    return (links + links.T + identity(size, np.int32, "csr")).tocsr()


def _near_pairs(
    values: NDArray[np.uint64],
    common: np.uint64,
    different: list[np.uint64],
    max_distance: int,
) -> Iterator[NDArray[np.int64]]:
    """Pairs of near hashes that agree in the bits `common`, but in none of the masks `different`."""
    order = np.argsort(values & common, kind="stable")
    ordered = values[order]
    rows = np.arange(len(values))
    # Equal keys are neighbours: compare each hash with the next one, the next but one, and so on.
    for step in range(1, len(values)):
        rows = rows[: np.searchsorted(rows, len(values) - step)]
        differing = ordered[rows] ^ ordered[rows + step]
        agree = differing & common == 0
        rows, differing = rows[agree], differing[agree]
        if not len(rows):
            return
        near = np.bitwise_count(differing) <= max_distance
        for mask in different:
            near &= differing & mask != 0
        yield np.stack([order[rows[near]], order[rows[near] + step]], axis=1)
