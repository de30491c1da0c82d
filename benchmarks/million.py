"""Measure the stages manifest, identities and split on large synthetic data.

    python benchmarks/million.py [--rows 20000 100000 1000000] [--write]

The stages run as in `dvc repro`, in a temporary folder and each in a process of its own. Only the
work on single videos is replaced: embeddings and hashes of frames are synthetic. Each person appears
in 20 videos on average, a fifth of the videos are REAL, and every REAL video has four fakes, which
share most of its frames. `--write` puts the table into benchmarks/million.csv, which scaling.py reads.
`--recall` compares the search for near faces with all distances instead.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import pandas as pd
from bench import markdown_table
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from deepfake.core.labels import FAKE, REAL
from deepfake.core.tables import read_csv, write_csv
from deepfake.faces.embedding import DIGITS, LENGTH
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.splits import identities, near_duplicates, neighbours
from stages import identities as identities_stage
from stages import manifest as manifest_stage
from stages import split as split_stage

STAGES = ("manifest", "identities", "split")
TABLE = Path("benchmarks/million.csv")
FAMILY = 5  # a REAL video and its fakes
VIDEOS_PER_PERSON = 20
FRAMES = 6
# Distances of dlib's embeddings (docs/identities.md): about .3 between two videos of a person and .8
# between two people. The variance falls with the dimension, so that some people are near.
PEOPLE_SPREAD, VIDEO_SPREAD, DECAY = 0.8, 0.3, 30.0


def make_rows(count: int) -> pd.DataFrame:
    """Rows of a scanned data set: families of a REAL video and its fakes, of two people each."""
    rng = np.random.default_rng(0)
    number = np.arange(count)
    family, member = number // FAMILY, number % FAMILY
    people = max(2, count // VIDEOS_PER_PERSON)
    target = rng.integers(0, people, family.max() + 1)[family]
    names = np.array([f"p{person:07}" for person in range(people + 1)], object)
    ids = np.array([f"big/{one:08}" for one in number], object)
    is_real = member == 0
    return pd.DataFrame(
        {
            "video_id": ids,
            "path": [f"{one:08}.mp4" for one in number],
            "label": np.where(is_real, REAL, FAKE),
            "dataset": "big",
            "method": np.where(is_real, "real", "swap"),
            "compression": "",
            "target": names[target],
            "source": np.where(is_real, "", names[target ^ 1]),
            "original": np.where(is_real, "", ids[family * FAMILY]),
            "official_split": "",
            "kind": "video",
            "sha256": [f"{one:064x}" for one in number],
        }
    )


def make_embeddings(people: NDArray[Any]) -> NDArray[np.float32]:
    """An embedding per video, given the number of the person whom each shows."""
    rng = np.random.default_rng(1)
    spread = np.exp(-np.arange(LENGTH) / DECAY)
    spread /= np.sqrt(2 * np.square(spread).sum())  # the mean distance of two faces is about 1
    centres = rng.normal(size=(people.max() + 1, LENGTH)) * spread * PEOPLE_SPREAD
    found = np.empty((len(people), LENGTH), np.float32)
    for rows in np.array_split(np.arange(len(people)), max(1, len(people) // 10_000)):
        noise = rng.normal(size=(len(rows), LENGTH)) * VIDEO_SPREAD / np.sqrt(2 * LENGTH)
        found[rows] = centres[people[rows]] + noise
    return found


def embedding_results(manifest: pd.DataFrame, *_: Any) -> Iterator[bytes]:
    """In place of `map_videos`: what `embed_tracks` returns for each video."""
    for embedding in make_embeddings(pd.factorize(manifest["target"])[0]):
        row = {"track": 0, "faces": 3, "embedding": embedding.astype(float).round(DIGITS).tolist()}
        yield json.dumps([row]).encode()


def hash_results(count: int, *_: Any) -> Iterator[bytes]:
    """In place of `map_videos`: what `hash_frames` returns for each video, mostly of its family."""
    rng = np.random.default_rng(2)
    for number in range(count):
        if number % FAMILY == 0:
            family = rng.integers(0, 2**63, FRAMES).tolist()
        flips = (1 << rng.integers(0, 64, FRAMES)).tolist()
        # One frame of a fake is its own, the others differ in a bit.
        hashes = [one ^ flip for one, flip in zip(family, flips, strict=True)]
        hashes[0] = int(rng.integers(0, 2**63))
        yield json.dumps([f"{one & (2**64 - 1):016x}" for one in hashes]).encode()


def prepare(rows: int) -> None:
    """Write what the stages read and this program does not run: the scan, and the table of crops."""
    table = make_rows(rows)
    write_csv(Path("data/scanned/big.csv"), table)
    Path("data/scanned/big.json").write_text("[]", encoding="utf-8")
    write_csv(Path("data/digests.csv"), pd.DataFrame(columns=["video_id", "sha256"]))
    crops = table[["video_id"]].loc[table.index.repeat(FRAMES)]
    write_csv(Path("data/crops.csv"), crops.assign(track=0, frame=0))


def run_stage(name: str, params: Params) -> None:
    """Run a stage in this folder and print its CPU seconds, seconds and peak memory as JSON."""
    manifest = read_csv(Path("data/manifest.csv")) if name == "identities" else pd.DataFrame()
    cast(Any, identities).map_videos = partial(embedding_results, manifest)
    cast(Any, near_duplicates).map_videos = partial(hash_results, len(manifest))
    stage = {
        "manifest": manifest_stage.main,
        "identities": identities_stage.main,
        "split": split_stage.main,
    }[name]
    start, cpu = time.perf_counter(), time.process_time()
    stage(params)
    result = {
        "cpu_seconds": time.process_time() - cpu,
        "seconds": time.perf_counter() - start,
        "gigabytes": peak_memory() / 2**30,
    }
    print(json.dumps(result))


def peak_memory() -> int:
    """Largest resident memory of this process, in bytes; `getrusage` would count its parent's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def measure_recall(rows: int, threshold: float) -> str:
    """The share of the near faces that the search finds, counted on 1,000 of them."""
    embeddings = make_embeddings(pd.factorize(make_rows(rows)["target"])[0]).astype(float)
    asked = np.random.default_rng(0).permutation(rows)[:1000]
    pairs = neighbours.near_pairs(embeddings, threshold)
    found = int(np.isin(pairs, asked).sum())
    near = sum(int((cdist(embeddings[[one]], embeddings) <= threshold).sum()) - 1 for one in asked)
    return f"{found} of {near} near faces of {len(asked)} found within {threshold}"


def main() -> None:
    """Print a table with a row per stage and number of rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[20_000], help="videos (default: 20000)"
    )
    parser.add_argument(
        "--stages", nargs="+", choices=STAGES, default=STAGES, help="stages to run (default: all)"
    )
    parser.add_argument("--recall", action="store_true", help="measure the search for near faces")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE}")
    parser.add_argument("--run", choices=STAGES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    top = Path(__file__).resolve().parents[1]
    params = load_params(top / "params.yaml")
    # The faces of a large crowd link strangers, so people must be divided.
    split = params.split.model_copy(update={"policy": "grouped", "bridges": "drop"})
    params = params.model_copy(update={"dataset": {"big": params.dataset["demo"]}, "split": split})
    if options.run:
        run_stage(options.run, params)
        return
    table: list[dict[str, Any]] = []
    for rows in options.rows:
        if options.recall:
            for threshold in (0.75 * params.identities.threshold, params.identities.threshold):
                print(f"{rows} rows: {measure_recall(rows, threshold)}")
            continue
        with TemporaryDirectory() as folder:
            os.chdir(folder)
            prepare(rows)
            for name in options.stages:
                command = [sys.executable, str(Path(__file__).resolve()), "--run", name]
                run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                table.append(
                    {"rows": rows, "stage": name, **json.loads(run.stdout.splitlines()[-1])}
                )
                print(table[-1], flush=True)
            os.chdir(top)
    if not table:
        return
    measured = pd.DataFrame(table).round(2)
    if options.write:
        write_csv(top / TABLE, measured)
    print(markdown_table(measured.columns.tolist(), measured.astype(str).to_numpy().tolist()))


if __name__ == "__main__":
    main()
