"""Measure at which face size, sharpness and brightness a model's scores lose their meaning.

    python benchmarks/limits.py .scratch/experiments/dfdc_faces [--model models/starter]

The test crops of a run are degraded step by step. Each row gives the ROC-AUC with its 95 % interval
over groups, the share of REAL crops that are called FAKE and of FAKE crops that are
detected, and the measured sharpness and brightness of the degraded crops (median).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from bench import markdown_table
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from deepfake.core.archive import path_of, read
from deepfake.core.image import Image, decode_image, encode_jpeg
from deepfake.evaluation.intervals import group_intervals
from deepfake.evaluation.metrics import rank_statistics
from deepfake.faces.cropping import brightness, sharpness
from deepfake.model.logits import predict_logits
from deepfake.model.network import load_model
from deepfake.model.scores import frame_scores

FACE_PIXELS = (12, 16, 24, 32, 40, 48, 64, 96)
BLURS = (1, 2, 3, 4, 6, 8)  # standard deviation in pixels of the crop
GAINS = (0.5, 0.25, 0.12, 0.06, 0.03)
NOISE = 2  # standard deviation of the noise that a dark image keeps, grey levels
MAX_GROUPS = 1000  # left out in turn


def reduced(crop: Image, margin: float, pixels: int) -> Image:
    """The crop of a face that had only so many pixels in the frame."""
    side = max(1, round(margin * pixels))
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(
        cv2.resize(small, crop.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8
    )


def blurred(crop: Image, sigma: float) -> Image:
    """The crop out of focus."""
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8)


def darkened(crop: Image, gain: float) -> Image:
    """The crop in little light, with the noise of a camera."""
    noise = np.random.default_rng(0).normal(0, NOISE, crop.shape)
    return np.clip(crop * gain + noise, 0, 255).round().astype(np.uint8)


def degradations(margin: float) -> dict[str, Callable[[Image], Image]]:
    """All rows of the table by name."""
    rows: dict[str, Callable[[Image], Image]] = {"none": lambda crop: crop}
    for pixels in FACE_PIXELS:
        rows[f"face of {pixels} pixels"] = partial(reduced, margin=margin, pixels=pixels)
    for sigma in BLURS:
        rows[f"blur {sigma}"] = partial(blurred, sigma=sigma)
    for gain in GAINS:
        rows[f"brightness x {gain}"] = partial(darkened, gain=gain)
    return rows


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of a run, with data/splits and data/crops")
    parser.add_argument("--model", type=Path, default=Path("models/starter"), help="its folder")
    parser.add_argument("--videos", type=int, default=800, help="test videos (default: 800)")
    args = parser.parse_args()
    network, card = load_model(args.model)
    test = pd.read_csv(args.run / "data/splits/test.csv")
    test = test.sample(min(args.videos, len(test)), random_state=0).sort_values("video_id")
    archives = [read(path_of(args.run / "data/crops", name)) for name in test["video_id"]]
    has_face = [bool(archive.images) for archive in archives]
    test = test[has_face]
    crops = [decode_image(a.images[min(a.images)]) for a in archives if a.images]
    labels = test["label"].to_numpy(float)
    settings = card.preprocessing["crops"]
    rows = []
    for name, degrade in tqdm(degradations(settings["margin"]).items(), unit="row"):
        changed = [degrade(crop) for crop in crops]
        data = [encode_jpeg(c, settings["jpeg_quality"], settings["jpeg_chroma"]) for c in changed]
        scores = frame_scores(
            predict_logits(network, data, card.image_size), card.temperature, card.bias
        )
        statistics = rank_statistics(labels, scores)
        groups = test["group"].to_numpy(int)
        low, high = group_intervals(statistics, labels, groups, MAX_GROUPS)["roc_auc"]
        called = scores >= card.threshold
        sharp = float(np.median([sharpness(crop) for crop in changed]))
        bright = float(np.median([brightness(crop) for crop in changed]))
        auc = roc_auc_score(labels, scores)
        rows.append(
            [name, f"{auc:.3f} ({low:.3f} to {high:.3f})", f"{called[labels == 0].mean():.0%}",
             f"{called[labels == 1].mean():.0%}", f"{sharp:.1f}", f"{bright:.0f}"]
        )  # fmt: skip
    print(f"{len(crops)} crops of {test['group'].nunique()} groups\n")
    columns = ["degradation", "ROC-AUC", "REAL called FAKE", "FAKE detected", "sharpness"]
    print(markdown_table([*columns, "brightness"], rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
