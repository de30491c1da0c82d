"""How well faces and content are recognised again, on ../shared/bench; chooses the thresholds.

    python benchmarks/identities.py talking_heads    people whose names are known
    python benchmarks/identities.py dfdc_faces       actors of a random split against ours

Frames, crops and embeddings are made by the pipeline's own code and remembered in .scratch.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dlib
import imagehash
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from deepfake.core import archive
from deepfake.datasets.manifest import build_manifest
from deepfake.datasets.scanning import scan
from deepfake.faces.crops import extract_crops
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.splits.identities import cluster, embed_videos, pair_scores
from deepfake.splits.near_duplicates import hash_videos, name_content
from deepfake.splits.policies import split_videos
from deepfake.video.frames import extract_frames

BENCH = Path(__file__).resolve().parents[1].parent / "shared" / "bench"
THRESHOLDS = (0.35, 0.4, 0.42, 0.44, 0.46, 0.48, 0.5, 0.52, 0.54, 0.56, 0.58, 0.6, 0.65)
DISTANCES = (0, 2, 4, 6, 8, 10)
HALVINGS = 200  # of the people, to choose on one half and measure on the other
SPLITS = ("train", "val", "test")

Cluster = Callable[[NDArray[np.float64], float], NDArray[np.int64]]


def prepare(name: str, params: Params, work: Path) -> dict[str, Any]:
    """Manifest, embeddings and hashes of one folder of the bench."""
    root = BENCH / name
    if not root.is_dir():
        raise SystemExit(f"{root} is not there: the benchmark needs it")
    listing = scan(root, name, "csv", "*")
    if name == "dfdc_faces":  # its table names originals by their stem
        stems = listing.rows["original"].str.rpartition("/")[2]
        fakes = listing.rows["label"] == 1
        listing.rows["original"] = (f"{name}/real/" + stems).where(fakes, "")
    manifest = build_manifest({name: listing}).table
    frames, crops, execution = work / "frames", work / "crops", params.execution
    extract_frames(manifest, {name: root}, frames, params.frames, execution)
    extract_crops(manifest, frames, crops, params.crops, execution)
    margin, settings = params.crops.margin, params.identities
    tracks, vectors = embed_videos(manifest, crops, margin, settings, execution)
    first = (~tracks.duplicated("video_id")).to_numpy()  # the main person of every video
    return {
        "manifest": manifest,
        "tracks": tracks[first].merge(manifest, on="video_id", sort=False),
        "vectors": vectors[first],
        "hashes": hash_videos(manifest, frames, execution),
        "frames": frames,
    }


def by_chinese_whispers(vectors: NDArray[np.float64], threshold: float) -> NDArray[np.int64]:
    """Dlib's own clustering, for comparison."""
    rows = [dlib.vector(vector.tolist()) for vector in vectors]
    return np.array(dlib.chinese_whispers_clustering(rows, threshold), np.int64)


METHODS: dict[str, Cluster] = {
    "average linkage": cluster,
    "chinese whispers": by_chinese_whispers,
}


def f_score(scores: dict[str, float]) -> float:
    """Harmonic mean of precision and recall."""
    precision, recall = (np.nan_to_num(scores[key]) for key in ("precision", "recall"))
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def talking_heads(params: Params, work: Path) -> None:
    """Precision and recall of pairs over thresholds; the choice measured on other people."""
    found = prepare("talking_heads", params, work)
    tracks, vectors = found["tracks"], found["vectors"]
    # "?" marks a guess, and mead:eamm_<emotion> names an emotion of an actor of other names
    uncertain = tracks["target"].str.contains(r"\?$|^mead:eamm_|^$")
    certain = ~uncertain.to_numpy()
    for title, rows in {
        "REAL": certain & (tracks["label"] == 0).to_numpy(),
        "REAL and FAKE": certain,
    }.items():
        names = tracks.loc[rows, "target"].tolist()
        print(f"\n{title}: {len(names)} clips of {len(set(names))} people")
        print("threshold  average linkage (P R F1 clusters)   chinese whispers (P R F1 clusters)")
        for threshold in THRESHOLDS:
            line = f"{threshold:9.2f}"
            for method in METHODS.values():
                labels = method(vectors[rows], threshold)
                scores = pair_scores(labels.tolist(), names)
                line += f"  {scores['precision']:.3f} {scores['recall']:.3f} {f_score(scores):.3f}"
                line += f" {len(set(labels.tolist())):4d}         "
            print(line)
        for method in METHODS.values():
            choose_on_other_people(method, vectors[rows], np.array(names))
    content(found)
    copies(found)


def choose_on_other_people(
    method: Cluster, vectors: NDArray[np.float64], names: NDArray[np.str_]
) -> None:
    """Choose the threshold on half of the people, measure on the others."""
    rng = np.random.default_rng(0)
    people = np.unique(names)
    picked, outcomes = [], []
    for _ in range(HALVINGS):
        half = np.isin(names, rng.permutation(people)[: len(people) // 2])
        best = max(THRESHOLDS, key=lambda t: f_score(score(method, vectors[half], names[half], t)))
        picked.append(best)
        outcomes.append(score(method, vectors[~half], names[~half], best))
    table = pd.DataFrame(outcomes)
    chosen = pd.Series(picked).value_counts().head(4).to_dict()
    print(f"chosen on half of the people, {HALVINGS} times: {chosen}")
    print(f"on the other half: {table.mean().round(3).to_dict()}, worst {table.min().to_dict()}")


def score(
    method: Cluster, vectors: NDArray[np.float64], names: NDArray[np.str_], threshold: float
) -> dict[str, float]:
    """Pair precision and recall of one way to cluster."""
    return pair_scores(method(vectors, threshold).tolist(), names.tolist())


def content(found: dict[str, Any]) -> None:
    """Pairs of clips that near-duplicate search links, and whether they show one person."""
    people = found["manifest"].set_index("video_id")["target"]
    print("\nnear duplicates: bits  videos linked  pairs  of one person")
    for distance in DISTANCES:
        linked = name_content(found["hashes"], distance, 0.5)
        names = people.loc[linked["video_id"]].tolist()
        scores = pair_scores(linked["content"].tolist(), names)
        pairs = linked.groupby("content").size()
        print(
            f"{distance:21d}  {len(linked):13d}  {int((pairs * (pairs - 1) // 2).sum()):5d}"
            f"  {scores['precision']:.3f}"
        )


def copies(found: dict[str, Any]) -> None:
    """Share of the frames that are found again after what happens to videos on their way."""
    changes: dict[str, Callable[[Image.Image], Image.Image]] = {
        "JPEG quality 30": lambda image: recompressed(image, 30),
        "half size": lambda image: image.resize((image.width // 2, image.height // 2)),
        "gamma 1.3": lambda image: image.point(
            [int(255 * (i / 255) ** 1.3) for i in range(256)] * 3
        ),
        "2 % cut from each side": lambda image: cut(image, 0.02),
        "5 % cut from each side": lambda image: cut(image, 0.05),
    }
    ids = [video_id for video_id, hashes in found["hashes"].items() if hashes]
    print(f"\nframes of {len(ids)} clips found again within {DISTANCES} bits:")
    for title, change in changes.items():
        bits = []
        for video_id in ids:
            for data in archive.read(archive.path_of(found["frames"], video_id)).images.values():
                image = Image.open(io.BytesIO(data)).convert("RGB")
                bits.append(imagehash.phash(image) - imagehash.phash(change(image)))
        shares = [round(float(np.mean(np.array(bits) <= distance)), 3) for distance in DISTANCES]
        print(f"  {title:24} {shares}")


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    """The image after JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue()))


def cut(image: Image.Image, share: float) -> Image.Image:
    """The image without a share of its width and height at every side."""
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


def dfdc_faces(params: Params, work: Path) -> None:
    """Actors that a random split shares between train and test, and ours does not."""
    found = prepare("dfdc_faces", params, work)
    tracks, vectors = found["tracks"], found["vectors"]
    real = (tracks["label"] == 0).to_numpy()
    print(f"{len(found['manifest'])} crops, {len(tracks)} with a face, {real.sum()} of them REAL")
    for threshold in (0.45, params.identities.threshold, 0.55):
        labels = cluster(vectors, threshold)
        reals_alone = cluster(vectors[real], threshold)
        sizes = np.bincount(labels)
        print(
            f"\nthreshold {threshold}: {len(np.unique(reals_alone))} clusters of REAL faces,"
            f" {len(sizes)} of all, the largest {sizes.max()}"
        )
        agreement_of_fakes(tracks, labels)
        clusters = pd.Series([f"p{label}" for label in labels], tracks["video_id"])
        overlaps(found["manifest"], clusters, params)
    content_of_originals(found)


def agreement_of_fakes(tracks: pd.DataFrame, labels: NDArray[np.int64]) -> None:
    """How often a fake is in the cluster of its original: then its face still shows the target."""
    where = pd.Series(labels, tracks["video_id"])
    fakes = tracks[(tracks["label"] == 1) & tracks["original"].isin(where.index)]
    same = where[fakes["video_id"]].to_numpy() == where[fakes["original"]].to_numpy()
    print(f"fakes in the cluster of their original: {same.mean():.3f} of {len(fakes)}")


def overlaps(manifest: pd.DataFrame, clusters: pd.Series[str], params: Params) -> None:
    """Share of the test videos whose person is in train, for three ways to split."""
    videos = manifest.assign(
        clusters=manifest["video_id"].map(clusters).fillna(""),
        content="",
    )
    rng = np.random.default_rng(0)
    shares = [0.6, 0.2, 0.2]
    ways = {"random by video": pd.Series(rng.choice(SPLITS, len(videos), p=shares), videos.index)}
    originals = videos["original"].where(videos["original"] != "", videos["video_id"])
    drawn = {name: str(rng.choice(SPLITS, p=shares)) for name in originals.unique()}
    ways["random by original"] = originals.map(drawn)
    policy = {"policy": "grouped", "train": 0.6, "val": 0.2, "test": 0.2, "bridges": "drop"}
    ours = split_videos(videos, params.split.model_copy(update=policy))
    place = {i: name for name, table in ours.tables.items() for i in table["video_id"]}
    ways["ours"] = videos["video_id"].map(place).fillna("left out")
    for title, split in ways.items():
        train = set(videos.loc[split == "train", "clusters"]) - {""}
        test = videos[(split == "test") & (videos["clusters"] != "")]
        print(
            f"{title:20} {split.value_counts().to_dict()}: {test['clusters'].isin(train).mean():.3f}"
            f" of the test videos and {len(set(test['clusters']) & train)} of the"
            f" {test['clusters'].nunique()} test people are in train"
        )


def content_of_originals(found: dict[str, Any]) -> None:
    """Near duplicates among tight face crops: linked originals and fakes, and false links."""
    manifest = found["manifest"].set_index("video_id")
    root = manifest["original"].where(manifest["original"] != "", manifest.index)
    print("\nnear duplicates: bits  crops linked  largest  of one original")
    for distance in DISTANCES:
        linked = name_content(found["hashes"], distance, 0.5)
        scores = pair_scores(linked["content"].tolist(), root.loc[linked["video_id"]].tolist())
        largest = int(linked.groupby("content").size().max()) if len(linked) else 0
        print(f"{distance:21d}  {len(linked):12d}  {largest:7d}  {scores['precision']:.3f}")


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("bench", choices=["talking_heads", "dfdc_faces"])
    run = {"talking_heads": talking_heads, "dfdc_faces": dfdc_faces}[parser.parse_args().bench]
    with TemporaryDirectory() as work:
        run(load_params(), Path(work))


if __name__ == "__main__":
    main()
