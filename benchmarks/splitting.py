"""Measure the time and memory of manifest and split on a large synthetic data set.

    python benchmarks/splitting.py [--videos 100000] [--people 2000]

Measures two kinds of data: each person is swapped with one other (as in FaceForensics++), or with
many others (as in Celeb-DF), so that people must be divided and fakes that connect two splits are
left out. For comparison, also counts the fakes left out when people are divided at random.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.listing import Listing
from deepfake.datasets.manifest import build_manifest
from deepfake.params.loading import load_params
from deepfake.params.schema import SplitParams
from deepfake.splits.policies import split_videos

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}


def make_rows(videos: int, people: int, *, dense: bool) -> pd.DataFrame:
    """Rows of synthetic videos, a fifth of them REAL.

    Args:
        videos: number of rows.
        people: number of people.
        dense: draw the source of each fake from all people, instead of a fixed partner.
    """
    rng = np.random.default_rng(0)
    target = rng.integers(0, people, videos)
    partner = rng.integers(0, people, videos) if dense else target ^ 1
    real = np.arange(videos) % 5 == 0
    names = np.array([f"p{number:05}" for number in range(people + 1)])
    return pd.DataFrame(
        {
            "video_id": [f"big/{number:07}" for number in range(videos)],
            "path": [f"{number:07}.mp4" for number in range(videos)],
            "label": np.where(real, REAL, FAKE),
            "dataset": "big",
            "method": np.where(real, "real", "swap"),
            "compression": "",
            "target": names[target],
            "source": np.where(real, "", names[partner]),
            "original": "",
            "official_split": "",
            "kind": "video",
            "sha256": [f"{number:064x}" for number in range(videos)],
        }
    )


def left_out_at_random(videos: pd.DataFrame) -> int:
    """Number of fakes that show people of two splits when people are divided at random."""
    rng = np.random.default_rng(0)
    people = sorted({*videos["target"], *videos["source"]} - {""})
    split_of = dict(
        zip(people, rng.choice(list(SHARES), len(people), p=[*SHARES.values()]), strict=True)
    )
    fakes = videos[videos["source"] != ""]
    return int((fakes["target"].map(split_of) != fakes["source"].map(split_of)).sum())


def measure(title: str, videos: pd.DataFrame, params: SplitParams) -> None:
    """Print the time and memory of manifest and split, and the number of videos left out."""
    start = time.perf_counter()
    manifest = build_manifest({"big": Listing(videos)}).table
    manifest_end = time.perf_counter()
    splits = split_videos(manifest.assign(clusters="", content=""), params)
    split_end = time.perf_counter()
    sizes = {name: len(table) for name, table in splits.tables.items()}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{title}: manifest {manifest_end - start:.1f} s,"
        f" split {split_end - manifest_end:.1f} s, peak memory"
        f" {memory:.0f} MB; {sizes}, {len(splits.left_out)} left out"
        f" (people divided at random: {left_out_at_random(videos)})"
    )


def main() -> None:
    """Measure both kinds of data and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--videos", type=int, default=100_000, help="number of videos (default: 100000)"
    )
    parser.add_argument(
        "--people", type=int, default=2_000, help="number of people (default: 2000)"
    )
    args = parser.parse_args()
    policy = {"policy": "grouped", "bridges": "drop", **SHARES}
    params = load_params().split.model_copy(update=policy)
    for title, dense in (("swaps with one other person", False), ("swaps with many others", True)):
        measure(title, make_rows(args.videos, args.people, dense=dense), params)


if __name__ == "__main__":
    main()
