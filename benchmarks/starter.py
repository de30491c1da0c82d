"""Measure what a user of the starter wants to know: errors by person, light, source and kind of fake.

    python benchmarks/starter.py .scratch/experiments/starter [--clips .scratch/experiments/talking_heads_starter]

The run has evaluated its model, so that its test predictions exist; `--clips` is a run of
talking_heads.yaml with the same model. Nothing is chosen here: thresholds are those that training chose
on val. Intervals are 95 % intervals over people, as those of the stage evaluate.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from bench import markdown_table
from conditions import COLOURS, QUALITIES, changed_crops
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from deepfake.core.image import decode_image
from deepfake.core.labels import FAKE, REAL, Floats
from deepfake.core.landmarks import read_landmarks
from deepfake.core.roc import roc_auc
from deepfake.evaluation.intervals import group_intervals
from deepfake.evaluation.metrics import Statistics, rank_statistics
from deepfake.evaluation.predictions import Predictions
from deepfake.model.card import ModelCard
from deepfake.model.inputs import select_crops, stored_images
from deepfake.model.network import load_model
from deepfake.model.scores import frame_scores, predict_logits
from deepfake.training.crop_set import CropSet
from deepfake.training.validation import blended_pairs

VIDEO, PHOTO, SYNTHETIC = "dfdc_faces", "real_faces", "synthetic_faces"
MAX_GROUPS = 1000
MIN_REALS = 5  # of a person
TPR = 0.8
DEGRADED_CROPS = 1500  # evenly spaced


def percent(value: float) -> str:
    """A share in per cent."""
    return f"{100 * value:.1f} %"


def ranked(labels: Floats, scores: Floats, groups: Floats) -> str:
    """ROC-AUC with its interval."""
    statistics: Statistics = rank_statistics(labels.astype(int), scores)
    low, high = group_intervals(statistics, labels.astype(int), groups.astype(int), MAX_GROUPS)[
        "roc_auc"
    ]
    return f"{roc_auc(labels.astype(int), scores):.3f} ({low:.3f} to {high:.3f})"


def fpr_at_tpr(labels: Floats, scores: Floats, tpr: float) -> float:
    """False positive rate at the highest threshold that detects this share of the fakes."""
    threshold = np.quantile(scores[labels == FAKE], 1 - tpr, method="lower")
    return float((scores[labels == REAL] >= threshold).mean())


def people(videos: pd.DataFrame, threshold: float) -> str:
    """How many of the people with enough REAL images are mostly called FAKE."""
    reals = videos[videos["label"] == REAL]
    called = (reals["score"] >= threshold).groupby(reals["person"]).agg(["size", "mean"])
    counted = called[called["size"] >= MIN_REALS]
    wrong = int((counted["mean"] > 0.5).sum())
    return f"{wrong} of {len(counted)} ({percent(wrong / len(counted))})"


class Degrader:
    """Scores of test crops of swapped faces under tints and degradations.

    Args:
        network, card: the model.
        videos: one row per crop, with video_id, image, label, person and logit.
        folder: of the crop archives.
    """

    def __init__(
        self, network: nn.Module, card: ModelCard, videos: pd.DataFrame, folder: Path
    ) -> None:
        places = np.linspace(0, len(videos) - 1, min(DEGRADED_CROPS, len(videos))).astype(int)
        self.rows = videos.iloc[places]
        self.network, self.card = network, card
        self.images = [decode_image(data) for data in stored_images(folder, self.rows)]
        self.names = [*(self.rows["video_id"] + "/" + self.rows["image"])]

    def lines(self) -> list[list[str]]:
        """One row per condition: ROC-AUC, its loss, verdicts that flip, extreme logits."""
        labels, groups = (self.rows[name].to_numpy(float) for name in ("label", "person"))
        plain = self.rows["logit"].to_numpy(float)
        before = roc_auc(labels.astype(int), plain)
        lines = []
        for name, level in tqdm([*COLOURS, *QUALITIES]):
            changed = changed_crops(self.images, self.names, (name, level))
            logits = predict_logits(self.network, changed, self.card.image_size)
            loss = before - roc_auc(labels.astype(int), logits)
            flips = (self.called(plain) != self.called(logits)).mean()
            lines.append(
                [f"{name} {level}", ranked(labels, logits, groups), f"{loss:+.3f}", percent(flips),
                 f"{logits.min():.1f} to {logits.max():.1f}"]
            )  # fmt: skip
        return lines

    def called(self, logits: Floats) -> NDArray[np.bool_]:
        """Which crops are FAKE at the threshold of the model."""
        scores = frame_scores(logits, self.card.temperature, self.card.bias)
        called: NDArray[np.bool_] = scores >= self.card.threshold
        return called


def blended(network: nn.Module, card: ModelCard, run: Path, test: pd.DataFrame) -> str:
    """ROC-AUC on self-blended fakes of the photos of test."""
    crops = pd.read_csv(run / "data/crops.csv", keep_default_na=False)
    photos = test[(test["dataset"] == PHOTO) & (test["label"] == REAL)]
    table = select_crops(photos, crops, main_track_only=True)
    landmarks = read_landmarks(run / "data/landmarks.npy", table["row"])
    crop_set = CropSet(table, run / "data/crops", landmarks, 1.0)
    pairs, images = blended_pairs(crop_set, np.flatnonzero(crop_set.blendable()), 0)
    logits = predict_logits(network, images, card.image_size)
    groups = (np.arange(len(pairs)) // 2).astype(float)
    return ranked(pairs["label"].to_numpy(float), logits, groups)


def error_lines(videos: pd.DataFrame, card: ModelCard, sources: Sequence[str]) -> list[list[str]]:
    """Per source: REAL called FAKE and FAKE called FAKE at each operating point."""
    points = {name: point for name, point in card.operating_points.items() if point is not None}
    lines = []
    for source in sources:
        rows = videos[(videos["source"] == source) & videos["score"].notna()]
        cells = [source, str(len(rows))]
        for point in points.values():
            called = rows["score"] >= point.fake_from
            for label in (REAL, FAKE):
                part = called[rows["label"] == label]
                cells.append(percent(part.mean()) if len(part) else "")
        lines.append(cells)
    return lines


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of the run of starter.yaml")
    parser.add_argument("--clips", type=Path, help="folder of the run of talking_heads.yaml")
    args = parser.parse_args()
    network, card = load_model(args.run / "models")
    test = pd.read_csv(args.run / "data/splits/test.csv", keep_default_na=False)
    predictions = Predictions.read(args.run / "data/predictions", "test")
    videos = predictions.videos.rename(columns={"group": "person"})
    names = videos["video_id"].str.split("/").str[1].str.split("_").str[0]
    videos["source"] = videos["dataset"].where(videos["dataset"] != PHOTO, PHOTO + ": " + names)
    frames = predictions.frames.merge(videos[["video_id", "dataset", "person"]], on="video_id")
    swapped = frames[frames["dataset"] == VIDEO].reset_index(drop=True)
    labels, logits = (swapped[name].to_numpy(float) for name in ("label", "logit"))
    groups = swapped["person"].to_numpy(float)
    made = frames[frames["dataset"] == SYNTHETIC]
    made_values = [made[name].to_numpy(float) for name in ("label", "logit", "person")]
    rows = [
        [f"{VIDEO}: frame ROC-AUC", ranked(labels, logits, groups)],
        [f"{VIDEO}: FPR at {TPR:.0%} TPR", percent(fpr_at_tpr(labels, logits, TPR))],
        [f"{VIDEO}: people with FPR over .5", people(videos[videos["dataset"] == VIDEO], card.threshold)],
        [f"{SYNTHETIC}: ROC-AUC", ranked(*made_values)],
        [f"{PHOTO}: self-blended, ROC-AUC", blended(network, card, args.run, test)],
    ]  # fmt: skip
    if args.clips:
        clips = Predictions.read(args.clips / "data/predictions", "test").videos
        clips = clips[clips["score"].notna()].assign(source="talking_heads")
        values = [clips[name].to_numpy(float) for name in ("label", "score", "group")]
        rows.append(["talking_heads: video ROC-AUC", ranked(*values)])
        videos = pd.concat([videos, clips])
    print(markdown_table(["set", "value"], rows) + "\n")
    points = [name for name, point in card.operating_points.items() if point is not None]
    header = ["source", "videos"]
    header += [f"{name}: {what}" for name in points for what in ("REAL called FAKE", "FAKE found")]
    lines = error_lines(videos, card, sorted(videos["source"].unique()))
    print(markdown_table(header, lines) + "\n")
    degraded = Degrader(network, card, swapped, args.run / "data/crops").lines()
    print(markdown_table(["condition", "ROC-AUC", "loss", "verdicts flipped", "logits"], degraded))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
