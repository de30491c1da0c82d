"""Compare torch and ONNX Runtime: crops per second, from resized crops to logits.

The two alternate, so other jobs on the machine slow both. Rates are medians. Decoding, face
detection and resizing are the same for both and are not measured.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from bench import markdown_table
from torch import Tensor, nn

from deepfake.model.card import CARD, ModelCard
from deepfake.model.export import to_onnx
from deepfake.model.network import load_model
from deepfake.model.onnx_model import OnnxModel
from deepfake.transforms.evaluation import Normalise

SIZES = (112, 224)  # pixels; both use the weights of models/, which does not affect the time
BATCHES = (1, 32)
WARM_UP = 2  # runs


def median_seconds(actions: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Median time of each action. The actions alternate."""
    times: list[list[float]] = [[] for _ in actions]
    for repeat in range(WARM_UP + repeats):
        for action, row in zip(actions, times, strict=True):
            start = time.perf_counter()
            action()
            if repeat >= WARM_UP:
                row.append(time.perf_counter() - start)
    return [float(np.median(row)) for row in times]


def run_torch(network: nn.Module, normalise: nn.Module, crops: Tensor) -> Tensor:
    """Logits of crops, computed as in `model.logits.predict_logits`."""
    with torch.inference_mode():
        logits: Tensor = network(normalise(crops).to(memory_format=torch.channels_last))
        return logits


def measure(network: nn.Module, card: ModelCard, repeats: int) -> list[list[str]]:
    """Rows of the table: one per batch size, at the card's image size."""
    size = card.image_size
    exported = OnnxModel(to_onnx(network, card))
    normalise = Normalise()
    rows = []
    for batch in BATCHES:
        crops = torch.randint(256, (batch, 3, size, size), dtype=torch.uint8)
        both: list[Callable[[], object]] = [
            partial(run_torch, network, normalise, crops),
            partial(exported.run, crops.numpy()),
        ]
        # More repeats of small batches, so that all measurements take about as long.
        seconds = median_seconds(both, repeats * max(BATCHES) // batch)
        rates = [f"{batch / value:.1f}" for value in seconds]
        rows.append([str(size), str(batch), *rates, f"{seconds[0] / seconds[1]:.2f}"])
    return rows


def main() -> int:
    """Print a table with a row per size and batch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models",
        type=Path,
        default=Path("models"),
        metavar="DIR",
        help="folder of the model (default: models)",
    )
    parser.add_argument(
        "--repeats", type=int, default=20, help="runs of the largest batch (default: 20)"
    )
    parser.add_argument(
        "--threads", type=int, default=2, help="number of threads of each (default: 2)"
    )
    options = parser.parse_args()
    if not (options.models / CARD).is_file():
        print(f"error: no model in {options.models}: run `dvc repro train`", file=sys.stderr)
        return 1
    torch.set_num_threads(options.threads)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # for OnnxModel
    network, card = load_model(options.models)
    rows = [
        row
        for size in SIZES
        for row in measure(network, replace(card, image_size=size), options.repeats)
    ]
    print(f"crops per second, {options.threads} threads, medians of {options.repeats} or more runs")
    print(markdown_table(["size", "batch", "torch", "ONNX Runtime", "ratio"], rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
