"""Does the network wait for its crops? Images a second of three things, on the demo's crops.

(a) the training loop on tensors that are there already: the bound;
(b) the real loader alone: reading, decoding and augmenting in its processes;
(c) the real loop.

(c) over (a) is the share of the bound that is reached, and `waiting` the share of the real loop in
which the network had no crops; on a busy machine look at the latter. Each turn of (c) begins with
an empty queue, as an epoch does, but is much shorter, so both are pessimistic. Crops smaller than
the network's input are enlarged first, since params.yaml wants them at least as large.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pandas as pd
import torch
from bench import table

from deepfake.core import archive
from deepfake.core.image import Image, decode_image, encode_jpeg
from deepfake.params.loading import load_params
from deepfake.params.schema import TrainParams
from deepfake.training.crop_set import CropSet, read_crop_set
from deepfake.training.loop import _Run

SIZES = (112, 160, 224)  # pixels
WARM_UP = 2  # batches
TURNS = 4


class Watched:
    """Stands in for a loader, and knows how long the loop has waited for it."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self.batches, self.waited = batches, 0.0

    def __iter__(self) -> Iterator[Any]:
        iterator = iter(self.batches)
        while True:
            start = time.perf_counter()
            batch = next(iterator, None)
            self.waited += time.perf_counter() - start
            if batch is None:
                return
            yield batch


def enough_crops(source: CropSet, folder: Path, size: int, count: int) -> CropSet:
    """`count` crops of at least `size` pixels below `folder`, those of the source repeated."""
    repeats, rows = range(-(-count // len(source.table))), []
    for video_id, part in source.table.groupby("video_id"):
        stored = archive.read(archive.path_of(source.folder, str(video_id))).images
        images = {name: at_least(stored[name], size) for name in part["image"]}
        for repeat in repeats:
            renamed = f"{repeat}/{video_id}"
            archive.write(folder, renamed, archive.pack({"status": "ok"}, images))
            rows.append(part.assign(video_id=renamed))
    # Evenly over all, so that both labels are there.
    everything = pd.concat(rows, ignore_index=True)
    chosen = [i * len(everything) // count for i in range(count)]
    landmarks = np.concatenate([source.landmarks] * len(repeats))  # where a face is changes no time
    return CropSet(
        everything.iloc[chosen].reset_index(drop=True), folder, landmarks[:count], source.margin
    )


def at_least(data: bytes, size: int) -> bytes:
    """A JPEG, enlarged where it is smaller than `size` pixels."""
    image: Image = decode_image(data)
    if image.shape[0] >= size:
        return data
    return encode_jpeg(cv2.resize(image, (size, size)), 95, "4:4:4")


@dataclass(frozen=True)
class Found:
    """Images a second of (a), (b) and (c), and the share of (c) that was spent waiting for crops."""

    bound: float
    alone: float
    real: float
    waiting: float


def measure(crops: CropSet, params: TrainParams, workers: int) -> Found:
    """(a) and (c) in turns, so that what else the machine does slows both."""
    run = _Run(crops, params, workers)
    loader: Any = run.loader
    batches = list(loader)  # starts the processes
    real = Watched(loader)

    def epoch(number: int, source: Iterable[Any]) -> float:
        run.loader = cast(Any, source)
        return seconds(lambda: run.epoch(number))

    epoch(0, batches[:WARM_UP])
    run.sampler.epoch = 1
    alone = sum(seconds(lambda: list(loader)) for _ in range(TURNS))
    times = [
        (epoch(turn, batches[:1] * len(batches)), epoch(turn, real)) for turn in range(2, 2 + TURNS)
    ]
    spent = [sum(turn) for turn in zip(*times, strict=True)]
    images = len(crops.table)
    return Found(
        images * TURNS / spent[0],
        images * TURNS / alone,
        images * TURNS / spent[1],
        real.waited / spent[1],
    )


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> int:
    """Print a table with a row per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--batches", type=int, default=20, help="of each, in turns")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    options = parser.parse_args()
    if not Path("data/crops.csv").is_file():
        print("error: no data/crops.csv: run `dvc repro crops split` first", file=sys.stderr)
        return 1
    params = load_params()
    workers = params.execution.worker_count - 1
    batches = max(1, options.batches // TURNS)
    count = batches * params.train.batch_size
    source, rows = read_crop_set("train", params.crops.margin, main_track_only=True), []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            crops = enough_crops(source, Path(folder), size, count)
            changed = params.train.model_copy(
                update={"image_size": size, "precision": options.precision}
            )
            found = measure(crops, changed, workers)
        rates = [f"{value:.1f}" for value in (found.bound, found.alone, found.real)]
        rows.append([str(size), *rates, f"{found.real / found.bound:.2f}", f"{found.waiting:.1%}"])
    print(
        f"images a second, {TURNS} times {batches} batches of {params.train.batch_size}, augmentation"
        f" {params.train.augmentation}, {options.precision}, {workers} loading processes,"
        f" {torch.get_num_threads()} threads"
    )
    print(
        table(
            ["size", "(a) bound", "(b) loader alone", "(c) real loop", "(c) / (a)", "waiting"], rows
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
