"""Time and memory of manifest and split for a large data set of made-up rows.

    python benchmarks/splitting.py [--videos 100000] [--people 2000]

Two kinds of data: everybody was swapped with one other person (as in FaceForensics++), and everybody
with many others (as in Celeb-DF), where people must be divided and bridging fakes left out. Beside
ours stands what dividing people at random leaves out.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

from deepfake.datasets.listing import Listing
from deepfake.datasets.manifest import build_manifest
from deepfake.params.loading import load_params
from deepfake.params.schema import SplitParams
from deepfake.splits.policies import split_videos

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}


def rows(videos: int, people: int, *, dense: bool) -> pd.DataFrame:
    """A fifth of the videos is real; the source of a fake is one fixed person, or anybody."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, people, videos)
    partner = rng.integers(0, people, videos) if dense else target ^ 1
    real = np.arange(videos) % 5 == 0
    names = np.array([f"p{number:05}" for number in range(people + 1)])
    return pd.DataFrame(
        {
            "video_id": [f"big/{number:07}" for number in range(videos)],
            "path": [f"{number:07}.mp4" for number in range(videos)],
            "label": (~real).astype(int),
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
    """Fakes that show people of two splits when people are divided at random."""
    rng = np.random.default_rng(0)
    people = sorted({*videos["target"], *videos["source"]} - {""})
    place = dict(
        zip(people, rng.choice(list(SHARES), len(people), p=[*SHARES.values()]), strict=True)
    )
    fakes = videos[videos["source"] != ""]
    return int((fakes["target"].map(place) != fakes["source"].map(place)).sum())


def measure(title: str, videos: pd.DataFrame, params: SplitParams) -> None:
    """Print what manifest and split of these rows cost, and what was lost."""
    start = time.perf_counter()
    manifest = build_manifest({"big": Listing(videos)}).table
    listed = time.perf_counter()
    splits = split_videos(manifest.assign(clusters="", content=""), params)
    done = time.perf_counter()
    sizes = {name: len(table) for name, table in splits.tables.items()}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{title}: manifest {listed - start:.1f} s, split {done - listed:.1f} s, peak memory"
        f" {memory:.0f} MB; {sizes}, {len(splits.left_out)} left out"
        f" (people at random: {left_out_at_random(videos)})"
    )


def main() -> None:
    """Measure both kinds of data."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=2_000)
    arguments = parser.parse_args()
    asked = {"policy": "grouped", "bridges": "drop", **SHARES}
    params = load_params().split.model_copy(update=asked)
    for title, dense in (("pairs", False), ("everybody with many", True)):
        measure(title, rows(arguments.videos, arguments.people, dense=dense), params)


if __name__ == "__main__":
    main()
