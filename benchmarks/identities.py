"""Measure how well people and near-duplicates are recognised, to choose the thresholds.

    python benchmarks/identities.py talking_heads    clips of people with known names
    python benchmarks/identities.py dfdc_faces       leaks of random splits and of this project's

The data sets are in shared/bench next to the repository. The pipeline's own code makes frames, crops
and embeddings, and caches them in .scratch.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import dlib
import imagehash
import numpy as np
import pandas as pd
from bench import BENCH, report_missing
from numpy.typing import NDArray
from PIL import Image

from deepfake.core import archive
from deepfake.core.labels import FAKE, REAL, Integers
from deepfake.datasets.manifest import build_manifest
from deepfake.datasets.scanning import scan
from deepfake.faces.crops import extract_crops
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.splits.identities import cluster, embed_videos, pair_agreement
from deepfake.splits.near_duplicates import find_near_duplicates, hash_videos
from deepfake.splits.policies import split_videos
from deepfake.video.frames import extract_frames

THRESHOLDS = (0.35, 0.4, 0.42, 0.44, 0.46, 0.48, 0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.65)
DISTANCES = (0, 2, 4, 6, 8, 10)
HALVINGS = 200  # random halves of the people to choose the threshold on
SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}

Embeddings = NDArray[np.float64]  # people x 128
Cluster = Callable[[Embeddings, float], Integers]


@dataclass(frozen=True)
class PipelineResults:
    """Results of the pipeline for one data set.

    Attributes:
        manifest: all videos.
        people: the main person of each video with a face, with the columns of the manifest.
        embeddings: of these people.
        hashes: frame hashes of each video, by video_id.
        frames: folder of the frame archives.
    """

    manifest: pd.DataFrame
    people: pd.DataFrame
    embeddings: Embeddings
    hashes: dict[str, list[int]]
    frames: Path


def run_pipeline(name: str, params: Params, work: Path) -> PipelineResults:
    """Run the stages up to identities on a data set, in the folder `work`."""
    root = BENCH / name
    if report_missing(BENCH, name):
        raise SystemExit(2)
    listing = scan(root, name, "csv", "*")
    if name == "dfdc_faces":  # its table names each original by its stem
        stems = listing.rows["original"].str.rpartition("/")[2]
        fakes = listing.rows["label"] == FAKE
        listing.rows["original"] = (f"{name}/real/" + stems).where(fakes, "")
    manifest = build_manifest({name: listing}).table
    frames, crops, execution = work / "frames", work / "crops", params.execution
    extract_frames(manifest, {name: root}, frames, params.frames, execution)
    extract_crops(manifest, frames, crops, params.crops, execution)
    margin, settings = params.crops.margin, params.identities
    tracks, embeddings = embed_videos(manifest, crops, margin, settings, execution)
    main_person = (~tracks.duplicated("video_id")).to_numpy()
    return PipelineResults(
        manifest,
        tracks[main_person].merge(manifest, on="video_id", sort=False),
        embeddings[main_person].astype(np.float64),
        hash_videos(manifest, frames, execution),
        frames,
    )


def chinese_whispers(embeddings: Embeddings, threshold: float) -> Integers:
    """Cluster with dlib's Chinese whispers, for comparison."""
    rows = [dlib.vector(embedding.tolist()) for embedding in embeddings]
    return np.array(dlib.chinese_whispers_clustering(rows, threshold), np.int64)


METHODS: dict[str, Cluster] = {
    "average linkage": cluster,
    "Chinese whispers": chinese_whispers,
}


def f_score(scores: dict[str, float]) -> float:
    """Harmonic mean of precision and recall."""
    precision, recall = (np.nan_to_num(scores[key]) for key in ("precision", "recall"))
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def measure_talking_heads(params: Params, work: Path) -> None:
    """Print precision and recall by threshold, then measure near-duplicates."""
    results = run_pipeline("talking_heads", params, work)
    people, embeddings = results.people, results.embeddings
    # "?" marks a guess; mead:eamm_<emotion> names an emotion of an actor who has other names too.
    uncertain = people["target"].str.contains(r"\?$|^mead:eamm_|^$")
    certain = ~uncertain.to_numpy()
    for title, rows in {
        "REAL": certain & (people["label"] == REAL).to_numpy(),
        "REAL and FAKE": certain,
    }.items():
        names = people.loc[rows, "target"].tolist()
        print(f"\n{title}: {len(names)} clips of {len(set(names))} people")
        print("threshold  " + "   ".join(f"{name} (P R F1 clusters)" for name in METHODS))
        for threshold in THRESHOLDS:
            line = f"{threshold:9.2f}"
            for method in METHODS.values():
                clusters = method(embeddings[rows], threshold).tolist()
                scores = pair_agreement(clusters, names)
                line += f"  {scores['precision']:.3f} {scores['recall']:.3f} {f_score(scores):.3f}"
                line += f" {len(set(clusters)):4d}         "
            print(line)
        for method in METHODS.values():
            cross_validate_threshold(method, embeddings[rows], np.array(names))
    measure_false_links(results)
    measure_recall_of_copies(results)


def cross_validate_threshold(
    method: Cluster, embeddings: Embeddings, names: NDArray[np.str_]
) -> None:
    """Choose the threshold on half of the people and measure it on the other half, repeatedly."""
    rng = np.random.default_rng(0)
    people = np.unique(names)
    thresholds, scores = [], []
    for _ in range(HALVINGS):
        half = np.isin(names, rng.permutation(people)[: len(people) // 2])
        best = max(
            THRESHOLDS, key=lambda t: f_score(agreement(method, embeddings[half], names[half], t))
        )
        thresholds.append(best)
        scores.append(agreement(method, embeddings[~half], names[~half], best))
    table = pd.DataFrame(scores)
    most_frequent = pd.Series(thresholds).value_counts().head(4).to_dict()
    print(f"thresholds chosen on half of the people, in {HALVINGS} draws: {most_frequent}")
    print(f"on the other half: {table.mean().round(3).to_dict()}, worst {table.min().to_dict()}")


def agreement(
    method: Cluster, embeddings: Embeddings, names: NDArray[np.str_], threshold: float
) -> dict[str, float]:
    """Pair precision and recall of a clustering method."""
    return pair_agreement(method(embeddings, threshold).tolist(), names.tolist())


def measure_false_links(results: PipelineResults) -> None:
    """Print how many pairs of clips are linked as near-duplicates, and how many show one person."""
    people = results.manifest.set_index("video_id")["target"]
    print("\nnear-duplicates: bits  videos linked  pairs  of one person")
    for distance in DISTANCES:
        linked = find_near_duplicates(results.hashes, distance)
        names = people.loc[linked["video_id"]].tolist()
        scores = pair_agreement(linked["content"].tolist(), names)
        sizes = linked.groupby("content").size()
        print(
            f"{distance:21d}  {len(linked):13d}  {int((sizes * (sizes - 1) // 2).sum()):5d}"
            f"  {scores['precision']:.3f}"
        )


def measure_recall_of_copies(results: PipelineResults) -> None:
    """Print the share of frames that still match after common changes to a video."""
    changes: dict[str, Callable[[Image.Image], Image.Image]] = {
        "JPEG quality 30": lambda image: recompress(image, 30),
        "half size": lambda image: image.resize((image.width // 2, image.height // 2)),
        "gamma 1.3": lambda image: image.point(
            [int(255 * (i / 255) ** 1.3) for i in range(256)] * 3
        ),
        "2 % cut from each side": lambda image: cut_sides(image, 0.02),
        "5 % cut from each side": lambda image: cut_sides(image, 0.05),
    }
    ids = [video_id for video_id, hashes in results.hashes.items() if hashes]
    print(f"\nshare of the frames of {len(ids)} clips that match within {DISTANCES} bits:")
    for title, change in changes.items():
        bits = []
        for video_id in ids:
            for data in archive.read(archive.path_of(results.frames, video_id)).images.values():
                image = Image.open(io.BytesIO(data)).convert("RGB")
                bits.append(imagehash.phash(image) - imagehash.phash(change(image)))
        shares = [round(float(np.mean(np.array(bits) <= distance)), 3) for distance in DISTANCES]
        print(f"  {title:24} {shares}")


def recompress(image: Image.Image, quality: int) -> Image.Image:
    """Compress an image as JPEG and read it again."""
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue()))


def cut_sides(image: Image.Image, share: float) -> Image.Image:
    """Cut a share of the width and height from each side."""
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


def measure_dfdc_faces(params: Params, work: Path) -> None:
    """Print the clusters of actors by threshold, and who is in both train and test."""
    results = run_pipeline("dfdc_faces", params, work)
    people, embeddings = results.people, results.embeddings
    real = (people["label"] == REAL).to_numpy()
    print(f"{len(results.manifest)} crops, {len(people)} with a face, {real.sum()} of them REAL")
    for threshold in (0.45, params.identities.threshold, 0.55):
        numbers = cluster(embeddings, threshold)
        real_numbers = cluster(embeddings[real], threshold)
        sizes = np.bincount(numbers)
        print(
            f"\nthreshold {threshold}: {len(np.unique(real_numbers))} clusters of REAL faces,"
            f" {len(sizes)} of all faces, the largest with {sizes.max()}"
        )
        measure_fakes(people, numbers)
        clusters = pd.Series([f"p{number}" for number in numbers], people["video_id"])
        measure_overlap(results.manifest, clusters, params)
    measure_near_duplicates(results)


def measure_fakes(people: pd.DataFrame, numbers: Integers) -> None:
    """Print how many fakes are in the cluster of their original, so still look like the target."""
    clusters = pd.Series(numbers, people["video_id"])
    fakes = people[(people["label"] == FAKE) & people["original"].isin(clusters.index)]
    same = clusters[fakes["video_id"]].to_numpy() == clusters[fakes["original"]].to_numpy()
    print(f"share of fakes in the cluster of their original: {same.mean():.3f} of {len(fakes)}")


def measure_overlap(manifest: pd.DataFrame, clusters: pd.Series[str], params: Params) -> None:
    """Print the share of test videos whose person is in train, for three splits."""
    videos = manifest.assign(
        clusters=manifest["video_id"].map(clusters).fillna(""),
        content="",
    )
    rng = np.random.default_rng(0)
    names, shares = list(SHARES), list(SHARES.values())
    splits = {"random by video": pd.Series(rng.choice(names, len(videos), p=shares), videos.index)}
    originals = videos["original"].where(videos["original"] != "", videos["video_id"])
    choices = {name: str(rng.choice(names, p=shares)) for name in originals.unique()}
    splits["random by original"] = originals.map(choices)
    policy = {"policy": "grouped", "bridges": "drop", **SHARES}
    grouped = split_videos(videos, params.split.model_copy(update=policy))
    split_of = {i: name for name, table in grouped.tables.items() for i in table["video_id"]}
    splits["this project"] = videos["video_id"].map(split_of).fillna("left out")
    for title, split in splits.items():
        train = set(videos.loc[split == "train", "clusters"]) - {""}
        test = videos[(split == "test") & (videos["clusters"] != "")]
        print(
            f"{title:20} {split.value_counts().to_dict()}: the person is in train for"
            f" {test['clusters'].isin(train).mean():.3f} of the test videos,"
            f" {len(set(test['clusters']) & train)} of {test['clusters'].nunique()} test people"
        )


def measure_near_duplicates(results: PipelineResults) -> None:
    """Print how many tight face crops are linked, and how many pairs share an original."""
    manifest = results.manifest.set_index("video_id")
    originals = manifest["original"].where(manifest["original"] != "", manifest.index)
    print("\nnear-duplicates: bits  crops linked  largest  of one original")
    for distance in DISTANCES:
        linked = find_near_duplicates(results.hashes, distance)
        names = originals.loc[linked["video_id"]].tolist()
        scores = pair_agreement(linked["content"].tolist(), names)
        largest = int(linked.groupby("content").size().max()) if len(linked) else 0
        print(f"{distance:21d}  {len(linked):12d}  {largest:7d}  {scores['precision']:.3f}")


def main() -> None:
    """Measure on one data set and print."""
    measurements = {"talking_heads": measure_talking_heads, "dfdc_faces": measure_dfdc_faces}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", choices=list(measurements), help="data set to measure on")
    measure = measurements[parser.parse_args().dataset]
    with TemporaryDirectory() as work:
        measure(load_params(), Path(work))


if __name__ == "__main__":
    main()
