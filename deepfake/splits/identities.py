"""People in videos, recognised by their faces: clusters of face embeddings."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepfake.base.code import code_version
from deepfake.core.labels import REAL
from deepfake.faces import embedding
from deepfake.faces.dlib_models import DLIB_PACKAGES
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Failure, Step, Video, videos_of_archives
from deepfake.params.schema import ExecutionParams, IdentitiesParams
from deepfake.splits.linkage import average_linkage

COLUMNS = ["video_id", "track", "faces", "identity"]


def embedding_step() -> Step:
    """The step that computes the face embeddings of each video."""
    return Step(embedding.embed_tracks, code_version(embedding.embed_tracks, DLIB_PACKAGES))


def embedding_inputs(
    manifest: pd.DataFrame, crops: Path, margin: float, params: IdentitiesParams
) -> list[Video]:
    """The crop archives of the manifest's videos, for `embedding_step`."""
    arguments = {"margin": margin, "per_track": params.faces_per_track}
    return videos_of_archives(manifest, crops, arguments)


def embed_videos(
    manifest: pd.DataFrame,
    crops: Path,
    margin: float,
    params: IdentitiesParams,
    execution: ExecutionParams,
) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """Embeddings of the people in all videos, or in those of `params.datasets`.

    Args:
        manifest: rows with video_id, dataset and sha256.
        crops: folder of crop archives.
        margin: side of the crops over the longer side of the face's box.
        params: the identities section of params.yaml.
        execution: processes and their limits.

    Returns:
        Rows with video_id, track and faces (their number), and as many embeddings (people x 128). A
        video that fails has no rows and is reported.
    """
    if params.datasets:
        manifest = manifest[manifest["dataset"].isin(params.datasets)]
    inputs = embedding_inputs(manifest, crops, margin, params)
    rows: list[tuple[str, int, int]] = []
    numbers = bytearray()  # of the embeddings; lists of them would take ten times the memory
    results = map_videos(embedding_step(), inputs, execution, "embeddings")
    for video_id, result in zip(manifest["video_id"], results, strict=True):
        if isinstance(result, Failure):
            print(f"{video_id}: faces not compared ({result.status}): {result.reason}")
        else:
            for row in json.loads(result):
                rows.append((video_id, row["track"], row["faces"]))
                numbers += np.array(row["embedding"], np.float32).tobytes()
    tracks = pd.DataFrame(rows, columns=COLUMNS[:3])
    return tracks, np.frombuffer(numbers, np.float32).reshape(-1, embedding.LENGTH)


def cluster(embeddings: NDArray[np.floating[Any]], threshold: float) -> NDArray[np.int64]:
    """Cluster number of each face, from 0, in order of first appearance.

    Args:
        embeddings: faces x 128.
        threshold: two clusters are merged if the mean distance between their faces is at most this.
    """
    return pd.factorize(average_linkage(embeddings, threshold))[0].astype(np.int64)


def name_people(
    tracks: pd.DataFrame,
    embeddings: NDArray[np.floating[Any]],
    manifest: pd.DataFrame,
    params: IdentitiesParams,
) -> pd.DataFrame:
    """Cluster the faces and name the people, for data/identities.csv.

    The faces of each data set are clustered on their own, those of `params.datasets` together.

    Args:
        tracks, embeddings: as returned by `embed_videos`.
        manifest: rows with video_id and dataset.
        params: the identities section of params.yaml.

    Returns:
        `tracks` with identity, "<data set>#<number>", or "<data set>+<data set>#<number>".
    """
    datasets = tracks["video_id"].map(manifest.set_index("video_id")["dataset"])
    if params.datasets:
        datasets = pd.Series("+".join(params.datasets), index=tracks.index)
    names = np.full(len(tracks), "", object)
    for name in sorted(datasets.unique()):
        rows = (datasets == name).to_numpy()
        numbers = cluster(embeddings[rows], params.threshold)
        names[rows] = [f"{name}#{number}" for number in numbers]
    return tracks.assign(identity=names)[COLUMNS]


def pair_agreement(clusters: list[Any], names: list[Any]) -> dict[str, float]:
    """How well clusters agree with names, over all pairs of faces.

    Args:
        clusters: cluster of each face.
        names: known name of each face.

    Returns:
        `precision`: the share of pairs in one cluster that are one person. `recall`: the share of
        pairs of one person that are in one cluster. NaN if there are no such pairs.
    """
    table = pd.DataFrame({"cluster": clusters, "name": names})
    both = _pair_count(table.value_counts())
    same_cluster = _pair_count(table["cluster"].value_counts())
    same_name = _pair_count(table["name"].value_counts())
    return {
        "precision": both / same_cluster if same_cluster else float("nan"),
        "recall": both / same_name if same_name else float("nan"),
    }


def _pair_count(sizes: "pd.Series[int]") -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def summarize_identities(identities: pd.DataFrame, manifest: pd.DataFrame) -> dict[str, float]:
    """Number, size and correctness of the clusters, for plots/identities.tsv.

    Precision and recall are those of `pair_agreement`, on REAL videos of a single person whose name
    is in the manifest.
    """
    alone = identities[~identities.duplicated("video_id", keep=False)]
    named = manifest[(manifest["target"] != "") & (manifest["label"] == REAL)]
    joined = alone.merge(named[["video_id", "target"]], on="video_id")
    agreement = pair_agreement(joined["identity"].tolist(), joined["target"].tolist())
    sizes = identities.groupby("identity")["video_id"].nunique()
    return {
        "people_in_videos": len(identities),
        "clusters": len(sizes),
        "videos_of_largest_cluster": int(sizes.max()) if len(sizes) else 0,
        "named_videos": len(joined),
        "named_pair_precision": agreement["precision"],
        "named_pair_recall": agreement["recall"],
    }
