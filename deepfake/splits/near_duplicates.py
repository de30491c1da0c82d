"""Content that comes again: videos whose frames look the same to a perceptual hash.

A fake has nearly all pixels of its original, and a copy that was cut, scaled or compressed again
has other bytes than the first; neither may stand in another split. Both are found here without any
metadata.
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
from deepfake.jobs.step import Failure, Step, Video, archives_of
from deepfake.params.schema import ExecutionParams
from deepfake.splits.frame_hashes import BITS, hash_frames

COLUMNS = ["video_id", "content"]
MAX_DISTANCE = 4  # differing bits; docs/identities.md says what it finds
MIN_SHARE = 0.5  # of the frames of one of two videos


def hash_step() -> Step:
    """What is done with each video."""
    return Step(hash_frames, code_version(hash_frames))


def hash_inputs(manifest: pd.DataFrame, frames: Path) -> list[Video]:
    """The frame archives of the manifest's videos, for `hash_step`."""
    return archives_of(manifest, frames)


def hash_videos(
    manifest: pd.DataFrame, frames: Path, execution: ExecutionParams
) -> dict[str, list[int]]:
    """Hashes of the frames of each video; an empty list for videos without frames.

    Args:
        manifest: rows with video_id and sha256.
        frames: folder of frame archives.
        execution: processes and their limits.
    """
    found: dict[str, list[int]] = {}
    results = map_videos(hash_step(), hash_inputs(manifest, frames), execution, "hashes")
    for video_id, result in zip(manifest["video_id"], results, strict=True):
        if isinstance(result, Failure):
            print(f"{video_id}: its content is not compared, {result.status}: {result.reason}")
        texts = [] if isinstance(result, Failure) else json.loads(result)
        found[video_id] = [int(text, 16) for text in texts]
    return found


def name_content(
    hashes: dict[str, list[int]], max_distance: int = MAX_DISTANCE, min_share: float = MIN_SHARE
) -> pd.DataFrame:
    """Videos that show the same, connected however far, as rows of data/near_duplicates.csv.

    Args:
        hashes: of the frames, by video_id.
        max_distance: differing bits of two frames that look the same.
        min_share: two videos show the same if at least this share of the different frames of
            either comes again in the other.

    Returns:
        video_id and content ("content#<number>"), only for videos that are not alone.
    """
    ids = list(hashes)
    values = np.array(sorted({*chain.from_iterable(hashes.values())}), np.uint64)
    shows = _incidence([hashes[video_id] for video_id in ids], values)
    look_alike = ((_near(values, max_distance) @ shows.T) > 0).astype(np.int32)
    shared = (shows @ look_alike).tocoo()  # frames of the row's video that the column's shows
    frames = np.asarray(shows.sum(axis=1)).ravel()
    same = shared.data >= min_share * frames[shared.row]
    size = len(ids)
    graph = coo_matrix((same[same], (shared.row[same], shared.col[same])), (size, size))
    _, parts = connected_components(graph, directed=False)
    table = pd.DataFrame({"video_id": ids, "part": parts})
    table = table[table.duplicated("part", keep=False)]
    names = [f"content#{number}" for number in pd.factorize(table["part"])[0]]
    return table.assign(content=names)[COLUMNS].reset_index(drop=True)


def counts(content: pd.DataFrame) -> dict[str, int]:
    """How much comes again, for metrics/identities.json."""
    sizes = content.groupby("content").size()
    return {
        "near_duplicate_videos": len(content),
        "near_duplicate_sets": len(sizes),
        "videos_of_largest_set": int(sizes.max()) if len(sizes) else 0,
    }


def _incidence(hashes: list[list[int]], values: NDArray[np.uint64]) -> csr_matrix:
    """Videos x different hashes: 1 where the video shows it."""
    rows = [row for row, found in enumerate(hashes) for _ in {*found}]
    found = np.array([value for row in hashes for value in sorted({*row})], np.uint64)
    columns = np.searchsorted(values, found)
    ones = np.ones(len(rows), np.int32)
    return coo_matrix((ones, (rows, columns)), (len(hashes), len(values))).tocsr()


def _near(values: NDArray[np.uint64], max_distance: int) -> csr_matrix:
    """Hashes x hashes: 1 where they differ in at most `max_distance` bits.

    Two of them agree in one of `max_distance` + 1 parts at least, so only those are compared.
    """
    edges = np.linspace(0, BITS, max_distance + 2).astype(int)
    pairs = [np.empty((0, 2), np.int64)]
    for low, high in pairwise(edges.tolist()):
        part = (values >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(part, kind="stable")
        buckets = np.split(order, np.flatnonzero(np.diff(part[order])) + 1)
        pairs += [_near_pairs(values, bucket, max_distance) for bucket in buckets]
    found = np.concatenate(pairs)
    size = len(values)
    links = coo_matrix((np.ones(len(found), np.int32), (found[:, 0], found[:, 1])), (size, size))
    return ((links + links.T + identity(size, np.int32, "csr")) > 0).astype(np.int32).tocsr()


def _near_pairs(
    values: NDArray[np.uint64], bucket: NDArray[np.int64], max_distance: int
) -> NDArray[np.int64]:
    found = [np.empty((0, 2), np.int64)]
    for position, first in enumerate(bucket[:-1]):
        others = bucket[position + 1 :]
        differing = (values[first] ^ values[others]).view(np.uint8).reshape(-1, 8)
        near = others[np.unpackbits(differing, axis=1).sum(axis=1) <= max_distance]
        found.append(np.stack([np.full(len(near), first), near], axis=1))
    return np.concatenate(found)
