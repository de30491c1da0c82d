"""Manifests for tests of splits: given rows, or random ones."""

from typing import Any

import numpy as np
import pandas as pd

from deepfake.core.labels import FAKE, REAL
from deepfake.params.schema import SplitParams

Row = tuple[int, str, str, str, int]  # label, data set, target, source, row of the original or -1


def table(rows: list[Row]) -> pd.DataFrame:
    """A table as the split stage reads it."""
    columns = ["label", "dataset", "target", "source", "original"]
    videos = pd.DataFrame(rows, columns=columns)
    ids = [f"{dataset}/{i}" for i, dataset in enumerate(videos["dataset"])]
    return videos.assign(
        video_id=ids,
        path=[f"{i}.mp4" for i in range(len(rows))],
        method=videos["label"].map({REAL: "real", FAKE: "swap"}),
        original=[ids[i] if i >= 0 else "" for i in videos["original"]],
        official_split="",
        clusters="",
        content="",
    )


def identity_graph(count: int, known: float, seed: int) -> pd.DataFrame:
    """Random videos of both labels.

    Args:
        count: number of videos.
        known: probability that the target or the source is known; half of it for the original, a
            quarter for clusters and content.
        seed: of the random generator.
    """
    generator = np.random.default_rng(seed)

    def name(letter: str, probability: float) -> str:
        return f"{letter}{generator.integers(count)}" if generator.random() < probability else ""

    rows: list[Row] = []
    for i in range(count):
        original = int(generator.integers(count)) if generator.random() < known / 2 else -1
        dataset = "de"[generator.integers(2)]
        rows.append((i % 2, dataset, name("p", known), name("p", known), original))
    clusters = [f"{name('c', known / 4)} {name('c', known / 4)}".strip() for _ in rows]
    return table(rows).assign(clusters=clusters, content=[name("n", known / 4) for _ in rows])


def pairs(count: int) -> pd.DataFrame:
    """Distinct people, each with a real video and a fake made of it."""
    rows: list[Row] = []
    for i in range(count):
        rows += [(REAL, "d", f"p{i}", "", -1), (FAKE, "d", f"p{i}", "", 2 * i)]
    return table(rows)


SPLIT_PARAMS: dict[str, Any] = {
    "policy": "grouped",
    "train": 0.6,
    "val": 0.2,
    "test": 0.2,
    "bridges": "error",
    "official_leaks": "merge",
    "test_datasets": [],
    "folds": 5,
    "fold": 0,
    "seed": 0,
}


def split_params(**changes: Any) -> SplitParams:
    """The split section of params.yaml, with changes."""
    return SplitParams(**{**SPLIT_PARAMS, **changes})
