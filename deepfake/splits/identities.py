"""Who is in a video when no name says so: clusters of face embeddings.

Average linkage, cut at a distance. It is computed inside of each set of faces that are connected by
distances below the cut; a cluster cannot reach beyond one, so nothing is lost, and memory grows
with the largest set instead of with the square of all faces.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import pairwise_distances_chunked

from deepfake.base.code import code_version
from deepfake.faces import embedding
from deepfake.faces.dlib_models import PACKAGES
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Failure, Step, Video, archives_of
from deepfake.params.schema import ExecutionParams, IdentitiesParams

COLUMNS = ["video_id", "track", "faces", "identity"]
CHUNK_MEGABYTES = 64  # of distances held at a time


def embedding_step() -> Step:
    """What is done with each video."""
    return Step(embedding.embed_tracks, code_version(embedding.embed_tracks, PACKAGES))


def embedding_inputs(
    manifest: pd.DataFrame, crops: Path, margin: float, params: IdentitiesParams
) -> list[Video]:
    """The crop archives of the manifest's videos, for `embedding_step`."""
    arguments = {"margin": margin, "per_track": params.faces_per_track}
    return archives_of(manifest, crops, arguments)


def embed_videos(
    manifest: pd.DataFrame,
    crops: Path,
    margin: float,
    params: IdentitiesParams,
    execution: ExecutionParams,
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Embeddings of the people in all videos.

    Args:
        manifest: rows with video_id and sha256.
        crops: folder of crop archives.
        margin: side of the crops over the longer side of the face's box.
        params: the identities section of params.yaml.
        execution: processes and their limits.

    Returns:
        Rows with video_id, track and faces, and as many embeddings. A video that fails has none,
        and is told.
    """
    inputs = embedding_inputs(manifest, crops, margin, params)
    rows: list[dict[str, Any]] = []
    results = map_videos(embedding_step(), inputs, execution, "embeddings")
    for video_id, result in zip(manifest["video_id"], results, strict=True):
        if isinstance(result, Failure):
            print(f"{video_id}: its faces are not compared, {result.status}: {result.reason}")
        else:
            rows += [{"video_id": video_id, **row} for row in json.loads(result)]
    vectors = np.array([row["embedding"] for row in rows], np.float64)
    table = pd.DataFrame(rows, columns=COLUMNS[:3])
    return table, vectors.reshape(-1, embedding.LENGTH)


def cluster(vectors: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    """Cluster numbers from 0, in the order in which the clusters appear.

    Args:
        vectors: faces x 128.
        threshold: faces join a cluster while the mean distance between its two parts is below.
    """
    if not len(vectors):
        return np.zeros(0, np.int64)
    labels = np.zeros(len(vectors), np.int64)
    largest = 0
    for members in _connected(vectors, threshold):
        if len(members) == 1:
            found = np.ones(1, np.int64)
        else:
            found = fcluster(linkage(vectors[members], "average"), threshold, "distance")
        labels[members] = largest + found
        largest += int(found.max())
    return pd.factorize(labels)[0].astype(np.int64)


def _connected(vectors: NDArray[np.float64], threshold: float) -> Iterator[NDArray[np.int64]]:
    """Positions of the faces of each set connected by distances below the threshold."""
    pairs = [np.empty((0, 2), np.int64)]
    start = 0
    for block in pairwise_distances_chunked(vectors, working_memory=CHUNK_MEGABYTES):
        rows, columns = np.nonzero(block <= threshold)
        later = columns > rows + start
        pairs.append(np.stack([rows[later] + start, columns[later]], axis=1))
        start += len(block)
    near = np.concatenate(pairs)
    size = len(vectors)
    graph = coo_matrix((np.ones(len(near), bool), (near[:, 0], near[:, 1])), (size, size))
    _, parts = connected_components(graph, directed=False)
    order = np.argsort(parts, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(parts[order])) + 1)


def name_people(
    tracks: pd.DataFrame, vectors: NDArray[np.float64], manifest: pd.DataFrame, threshold: float
) -> pd.DataFrame:
    """Clusters of each data set by itself, as rows of data/identities.csv.

    Args:
        tracks, vectors: as `embed_videos` gives them.
        manifest: rows with video_id and dataset.
        threshold: as for `cluster`.

    Returns:
        `tracks` with identity, "<dataset>#<number>".
    """
    datasets = tracks["video_id"].map(manifest.set_index("video_id")["dataset"])
    names = np.full(len(tracks), "", object)
    for name in sorted(datasets.unique()):
        rows = (datasets == name).to_numpy()
        names[rows] = [f"{name}#{number}" for number in cluster(vectors[rows], threshold)]
    return tracks.assign(identity=names)[COLUMNS]


def pair_scores(found: list[Any], known: list[Any]) -> dict[str, float]:
    """How well clusters agree with names, over all pairs of faces.

    Args:
        found: cluster of each face.
        known: name of each face.

    Returns:
        `precision`: the share of pairs in one cluster that are one person; `recall`: the share of
        pairs of one person that are in one cluster. NaN where there are no such pairs.
    """
    table = pd.DataFrame({"found": found, "known": known})
    both = _pairs(table.value_counts())
    together, same = _pairs(table["found"].value_counts()), _pairs(table["known"].value_counts())
    return {
        "precision": both / together if together else float("nan"),
        "recall": both / same if same else float("nan"),
    }


def _pairs(counts: "pd.Series[int]") -> int:
    return int((counts * (counts - 1) // 2).sum())


def agreement(identities: pd.DataFrame, manifest: pd.DataFrame) -> dict[str, float]:
    """What the clusters are like, for metrics/identities.json.

    Precision and recall are those of `pair_scores` on REAL videos of one person whose name the
    manifest knows.
    """
    alone = identities[~identities.duplicated("video_id", keep=False)]
    named = manifest[(manifest["target"] != "") & (manifest["label"] == 0)]
    joined = alone.merge(named[["video_id", "target"]], on="video_id")
    scores = pair_scores(joined["identity"].tolist(), joined["target"].tolist())
    sizes = identities.groupby("identity")["video_id"].nunique()
    return {
        "people_in_videos": len(identities),
        "clusters": len(sizes),
        "videos_of_largest_cluster": int(sizes.max()) if len(sizes) else 0,
        "named_videos": len(joined),
        "named_pair_precision": scores["precision"],
        "named_pair_recall": scores["recall"],
    }
