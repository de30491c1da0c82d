"""Manifests for tests: by hand, and at random."""

from typing import Any

import numpy as np
import pandas as pd

from deepfake.params.schema import SplitParams

Row = tuple[int, str, str, str, int]  # label, data set, target, source, original's row or -1


def table(rows: list[Row]) -> pd.DataFrame:
    """Rows as the split stage gets them."""
    columns = ["label", "dataset", "target", "source", "original"]
    videos = pd.DataFrame(rows, columns=columns)
    ids = [f"{dataset}/{i}" for i, dataset in enumerate(videos["dataset"])]
    return videos.assign(
        video_id=ids,
        path=[f"{i}.mp4" for i in range(len(rows))],
        method=videos["label"].map({0: "real", 1: "swap"}),
        original=[ids[i] if i >= 0 else "" for i in videos["original"]],
        official_split="",
        clusters="",
        content="",
    )


def identity_graph(count: int, known: float, seed: int) -> pd.DataFrame:
    """Videos of both labels; who and what they show is known with some probability."""
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
    """People of their own, each with a real video and a fake made of it."""
    rows: list[Row] = []
    for i in range(count):
        rows += [(0, "d", f"p{i}", "", -1), (1, "d", f"p{i}", "", 2 * i)]
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
