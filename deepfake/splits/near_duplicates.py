"""Near-duplicate content: videos whose frames have nearly the same perceptual hashes.

A fake shares most pixels with its original. A copy that was cut, scaled or compressed again has
other bytes. Neither may be in another split, and both are found here without any metadata.
"""

import json
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
    values = np.array(sorted({*chain.from_iterable(hashes.values())}), np.uint64)
    shows = _incidence([hashes[video_id] for video_id in ids], values)
    shows_similar = ((_near(values, max_distance) @ shows.T) > 0).astype(np.int32)
    shared = (shows @ shows_similar).tocoo()  # frames of the row's video that the column's shows
    frames = np.asarray(shows.sum(axis=1)).ravel()
    same = shared.data >= min_share * frames[shared.row]
    size = len(ids)
    graph = coo_matrix((same[same], (shared.row[same], shared.col[same])), (size, size))
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


def _incidence(hashes: list[list[int]], values: NDArray[np.uint64]) -> csr_matrix:
    """Videos x distinct hashes: 1 where the video has the hash."""
    rows = [row for row, of_video in enumerate(hashes) for _ in {*of_video}]
    flat = np.array([value for of_video in hashes for value in sorted({*of_video})], np.uint64)
    columns = np.searchsorted(values, flat)
    ones = np.ones(len(rows), np.int32)
    return coo_matrix((ones, (rows, columns)), (len(hashes), len(values))).tocsr()


def _near(values: NDArray[np.uint64], max_distance: int) -> csr_matrix:
    """Hashes x hashes: 1 where they differ in at most `max_distance` bits.

    Two such hashes agree in at least one of `max_distance` + 1 segments of their bits (pigeonhole
    principle), so only hashes with a common segment are compared.
    """
    edges = np.linspace(0, HASH_BITS, max_distance + 2).astype(int)
    pairs = [np.empty((0, 2), np.int64)]
    for low, high in pairwise(edges.tolist()):
        segment = (values >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(segment, kind="stable")
        buckets = np.split(order, np.flatnonzero(np.diff(segment[order])) + 1)
        pairs += [_near_pairs(values, bucket, max_distance) for bucket in buckets]
    near = np.concatenate(pairs)
    size = len(values)
    links = coo_matrix((np.ones(len(near), np.int32), (near[:, 0], near[:, 1])), (size, size))
    return ((links + links.T + identity(size, np.int32, "csr")) > 0).astype(np.int32).tocsr()


def _near_pairs(
    values: NDArray[np.uint64], bucket: NDArray[np.int64], max_distance: int
) -> NDArray[np.int64]:
    pairs = [np.empty((0, 2), np.int64)]
    for position, first in enumerate(bucket[:-1]):
        others = bucket[position + 1 :]
        differing = (values[first] ^ values[others]).view(np.uint8).reshape(-1, 8)
        near = others[np.unpackbits(differing, axis=1).sum(axis=1) <= max_distance]
        pairs.append(np.stack([np.full(len(near), first), near], axis=1))
    return np.concatenate(pairs)
