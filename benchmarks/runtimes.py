"""How many crops a second torch and ONNX Runtime judge, from resized crops to logits.

Both are done in turns, so that what else the machine does slows both; the medians are told. Decoding,
finding faces and resizing are the same for both, and are not in it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from bench import table
from torch import Tensor, nn

from deepfake.model.card import CARD, ModelCard
from deepfake.model.export import to_onnx
from deepfake.model.network import load_model
from deepfake.model.onnx_model import OnnxModel, halves

SIZES = (112, 224)  # pixels; the weights are those of models/ in both, which changes no time
BATCHES = (1, 32)
WARM_UP = 2  # runs


def medians(actions: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Seconds of each action, all of them done in turns."""
    times: list[list[float]] = [[] for _ in actions]
    for repeat in range(WARM_UP + repeats):
        for action, row in zip(actions, times, strict=True):
            start = time.perf_counter()
            action()
            if repeat >= WARM_UP:
                row.append(time.perf_counter() - start)
    return [float(np.median(row)) for row in times]


def in_torch(network: nn.Module, normalise: nn.Module, crops: Tensor) -> Tensor:
    """The logits, as `scoring.predict_logits` gets them."""
    with torch.inference_mode():
        logits: Tensor = network(normalise(crops).to(memory_format=torch.channels_last))
        return logits


def measured(network: nn.Module, card: ModelCard, repeats: int) -> list[list[str]]:
    """A row of the table for each batch, at the card's size."""
    size = card.image_size
    exported = OnnxModel(to_onnx(network, card))
    normalise = nn.Sequential(*halves(size)[1])
    rows = []
    for batch in BATCHES:
        crops = torch.randint(256, (batch, 3, size, size), dtype=torch.uint8)
        both: list[Callable[[], object]] = [
            partial(in_torch, network, normalise, crops),
            partial(exported.run, crops.numpy()),
        ]
        # As long for a small batch as for a large one.
        seconds = medians(both, repeats * max(BATCHES) // batch)
        rates = [f"{batch / one:.1f}" for one in seconds]
        rows.append([str(size), str(batch), *rates, f"{seconds[0] / seconds[1]:.2f}"])
    return rows


def main() -> int:
    """Print a table with a row per size and batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--repeats", type=int, default=20, help="of the largest batch")
    parser.add_argument("--threads", type=int, default=2, help="of each")
    options = parser.parse_args()
    if not (options.models / CARD).is_file():
        print(f"error: no model in {options.models}: run `dvc repro train`", file=sys.stderr)
        return 1
    torch.set_num_threads(options.threads)  # OnnxModel takes as many
    network, card = load_model(options.models)
    rows = [
        row
        for size in SIZES
        for row in measured(network, replace(card, image_size=size), options.repeats)
    ]
    print(f"crops a second, {options.threads} threads, medians of {options.repeats} or more runs")
    print(table(["size", "batch", "torch", "ONNX Runtime", "ratio"], rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
