"""How long a review takes: `python benchmarks/review.py [VIDEOS]`, with 4,000 test videos by default.

It commits random scores, manifests and crops of two revisions to a repository in a temporary folder.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from deepfake.core import archive
from deepfake.core.image import encode_jpeg
from deepfake.core.tables import write_csv
from deepfake.evaluation.curves import write_curves
from deepfake.review.review import review, write_page

VIDEOS_OF_A_PERSON = 4
SPLITS = {"train": 3, "val": 1, "test": 1}  # videos, in units of those of test


def main(videos: int) -> None:
    """Make the repository and time its review."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run("git", "init", "--quiet", "--initial-branch=main")
        run(sys.executable, "-m", "dvc", "init", "--quiet")
        write_data(videos)
        for branch, noise in (("main", 1.0), ("other", 1.3)):
            run("git", "checkout", "--quiet", "-B", branch)
            write_results(videos, noise)
            run("git", "add", "--all")
            run(
                "git",
                "-c",
                "user.name=b",
                "-c",
                "user.email=b@b",
                "commit",
                "--quiet",
                "-m",
                branch,
            )
        start, cpu = time.perf_counter(), time.process_time()
        _, html = write_page(review("main", "other"), Path(".scratch"))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        megabytes = html.stat().st_size / 1e6
        print(
            f"{videos} test videos: {seconds:.1f} s, {cpu:.1f} s of CPU; {megabytes:.1f} MB of HTML"
        )


def run(*command: str) -> None:
    """Run a command, silently."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def table_of(split: str, count: int) -> pd.DataFrame:
    """The videos of a split."""
    numbers = np.arange(count)
    return pd.DataFrame(
        {
            "video_id": [f"faces/{split}/{number:06}" for number in numbers],
            "label": numbers % 2,
            "dataset": "faces",
            "method": np.where(numbers % 2, "swap", "real"),
            "sha256": "0",
            "group": numbers // VIDEOS_OF_A_PERSON,
        }
    )


def write_data(videos: int) -> None:
    """Manifest, splits, and a crop of each test video."""
    tables = {split: table_of(split, videos * share) for split, share in SPLITS.items()}
    for split, table in tables.items():
        write_csv(Path(f"data/splits/{split}.csv"), table)
    write_csv(Path("data/manifest.csv"), pd.concat([*tables.values()]).drop(columns="group"))
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    crops = archive.pack({"status": "ok"}, {"0-000001.jpg": encode_jpeg(noise, 95, "yuv444")})
    for video_id in tables["test"]["video_id"]:
        archive.write(Path("data/crops"), video_id, crops)


def write_results(videos: int, noise: float) -> None:
    """Scores and curves of a model; a video has the same difficulty for each `noise`."""
    chance = np.random.default_rng(0)
    test = table_of("test", videos)
    logits = 2 * test["label"] - 1 + noise * chance.normal(size=videos)
    test["score"] = 1 / (1 + np.exp(-logits))
    test["verdict"] = np.where(test["score"] >= 0.5, "FAKE", "REAL")
    write_csv(Path("plots/scores/test.tsv"), test.assign(reason="", frames=16))
    write_curves(Path("plots/evaluate"), test)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4000)
