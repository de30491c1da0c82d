"""Measure whether training waits for crops: images per second on the demo's crops.

  (a) preloaded batches: the training loop on tensors in memory, an upper bound;
  (b) loader alone: reading, decoding and augmenting in the loading processes;
  (c) training: the loop with the loader.

(c) / (a) is the share of the bound that training reaches. `waiting` is the share of (c) in which
the network has no batch; on a busy machine, it is the more reliable figure. Each repeat of (c)
starts with an empty queue, as an epoch does, but is much shorter, so both are pessimistic. Crops
smaller than the network's input are enlarged first.
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
from bench import markdown_table

from deepfake.core import archive
from deepfake.core.image import Image, decode_image, encode_jpeg
from deepfake.params.loading import load_params
from deepfake.params.schema import TrainParams
from deepfake.training.crop_set import CropSet, read_crop_set
from deepfake.training.loop import TrainingRun

SIZES = (112, 160, 224)  # pixels
WARM_UP = 2  # batches
REPEATS = 4  # of (a), (b) and (c)


class TimedLoader:
    """Wraps a loader and measures how long the loop waits for batches.

    Attributes:
        batches: the loader.
        waited: seconds, in total.
    """

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


def repeat_crops(source: CropSet, folder: Path, size: int, count: int) -> CropSet:
    """Write `count` crops of at least `size` pixels to `folder`, repeating those of the source."""
    repeats, rows = range(-(-count // len(source.table))), []
    for video_id, part in source.table.groupby("video_id"):
        stored = archive.read(archive.path_of(source.folder, str(video_id))).images
        images = {name: enlarge(stored[name], size) for name in part["image"]}
        for repeat in repeats:
            renamed = f"{repeat}/{video_id}"
            archive.write(folder, renamed, archive.pack({"status": "ok"}, images))
            rows.append(part.assign(video_id=renamed))
    # Evenly spaced, so that both labels occur.
    table = pd.concat(rows, ignore_index=True)
    chosen = [i * len(table) // count for i in range(count)]
    # The landmarks are those of other crops, which does not affect the time.
    landmarks = np.concatenate([source.landmarks] * len(repeats))[:count]
    return CropSet(table.iloc[chosen].reset_index(drop=True), folder, landmarks, source.margin)


def enlarge(data: bytes, size: int) -> bytes:
    """Enlarge a JPEG that is smaller than `size` pixels."""
    image: Image = decode_image(data)
    if image.shape[0] >= size:
        return data
    return encode_jpeg(cv2.resize(image, (size, size)), 95, "yuv444")


@dataclass(frozen=True)
class Rates:
    """Images per second of (a), (b) and (c), and the share of (c) spent waiting for batches."""

    preloaded: float
    loader: float
    training: float
    waiting: float


def measure(crops: CropSet, params: TrainParams, workers: int) -> Rates:
    """Measure (b), then (a) and (c), which alternate so that other jobs slow both."""
    run = TrainingRun(crops, params, workers)
    loader: Any = run.loader
    batches = list(loader)  # starts the processes
    timed_loader = TimedLoader(loader)

    def epoch(number: int, source: Iterable[Any]) -> float:
        run.loader = cast(Any, source)
        return time_seconds(lambda: run.train_epoch(number))

    epoch(0, batches[:WARM_UP])
    run.sampler.epoch = 1
    loading = sum(time_seconds(lambda: list(loader)) for _ in range(REPEATS))
    preloaded = training = 0.0
    for number in range(2, 2 + REPEATS):
        preloaded += epoch(number, batches[:1] * len(batches))
        training += epoch(number, timed_loader)
    images = len(crops.table) * REPEATS
    return Rates(
        images / preloaded, images / loading, images / training, timed_loader.waited / training
    )


def time_seconds(action: Callable[[], Any]) -> float:
    """Seconds that an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> int:
    """Print a table with a row per size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=SIZES,
        metavar="PIXELS",
        help="sides of the network's input (default: 112 160 224)",
    )
    parser.add_argument(
        "--batches",
        type=int,
        default=20,
        help=f"batches of (a), (b) and (c) each, in {REPEATS} repeats (default: 20)",
    )
    parser.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="precision of training, as train.precision in params.yaml (default: auto)",
    )
    options = parser.parse_args()
    if not Path("data/crops.csv").is_file():
        print("error: data/crops.csv not found: run `dvc repro split landmarks`", file=sys.stderr)
        return 1
    params = load_params()
    workers = params.execution.worker_count - 1
    batches = max(1, options.batches // REPEATS)
    count = batches * params.train.batch_size
    source, rows = read_crop_set("train", params.crops.margin, main_track_only=True), []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            crops = repeat_crops(source, Path(folder), size, count)
            train_params = params.train.model_copy(
                update={"image_size": size, "precision": options.precision}
            )
            rates = measure(crops, train_params, workers)
        cells = [f"{value:.1f}" for value in (rates.preloaded, rates.loader, rates.training)]
        ratio = f"{rates.training / rates.preloaded:.2f}"
        rows.append([str(size), *cells, ratio, f"{rates.waiting:.1%}"])
    print(
        f"images per second, {REPEATS} repeats of {batches} batches of {params.train.batch_size},"
        f" augmentation {params.train.augmentation}, {options.precision},"
        f" {workers} loading processes, {torch.get_num_threads()} threads"
    )
    methods = ["(a) preloaded batches", "(b) loader alone", "(c) training"]
    print(markdown_table(["size", *methods, "(c) / (a)", "waiting"], rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
