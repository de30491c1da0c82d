"""How much a model's ROC-AUC drops when the test videos are compressed, blurred or noisy.

The stored crops are degraded and then scored as in `evaluate`, with the model's own threshold, so
nothing is fitted to a degradation.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.random import Generator
from torch import nn
from tqdm import tqdm

from deepfake.core.image import Image, decode_image
from deepfake.core.labels import FAKE, REAL, UNDECIDED, Floats, Integers, Labels
from deepfake.core.sampling import evenly_spaced
from deepfake.evaluation.intervals import group_intervals, paired_differences
from deepfake.evaluation.metrics import rank_statistics, threshold_metrics
from deepfake.evaluation.predictions import Predictions
from deepfake.model.card import ModelCard
from deepfake.model.inputs import stored_images
from deepfake.model.logits import predict_logits
from deepfake.model.scores import video_scores
from deepfake.transforms.degradations import DEGRADATIONS, degrade, strength_of

Condition = tuple[str, int]  # a degradation and its level

UNDEGRADED: Condition = ("", 0)
TRACKS_PER_BATCH = 16  # some hundred crops, which bounds the memory
METRICS = ["roc_auc", "low", "high", "balanced_accuracy", "flipped"]
METRICS += ["drop", "drop_low", "drop_high"]
COLUMNS = ["degradation", "level", "strength", *METRICS, "videos", "groups"]


def choose_sample(predictions: Predictions, max_videos: int, per_track: int) -> Predictions:
    """A bounded part of the predictions on the test split.

    Args:
        predictions: of the test split.
        max_videos: maximum number of videos, half of each label if possible, evenly spaced over the
            table. UNDECIDED videos, which have no score, are left out.
        per_track: maximum number of crops per face track, evenly spaced over its frames. It must not
            be below the model's `min_frames`.

    Returns:
        The videos, and their crops sorted by video, track and frame.
    """
    videos = predictions.videos
    decided = videos[videos["verdict"] != UNDECIDED]
    chosen = decided.iloc[_balanced_rows(decided["label"].to_numpy(int), max_videos)]
    frames = predictions.frames[predictions.frames["video_id"].isin(chosen["video_id"])]
    frames = frames.sort_values(["video_id", "track", "frame"], kind="stable", ignore_index=True)
    spaced = [rows[evenly_spaced(len(rows), per_track)] for rows in _rows_of_tracks(frames)]
    kept = np.concatenate(spaced) if spaced else np.zeros(0, int)
    return Predictions(frames.iloc[kept].reset_index(drop=True), chosen.reset_index(drop=True))


def _balanced_rows(labels: Labels, limit: int) -> Integers:
    """At most `limit` rows: half of each label, or more of one if the other has fewer."""
    rows_of = [np.flatnonzero(labels == label) for label in (REAL, FAKE)]
    counts = [
        max(limit - limit // 2 if label == REAL else limit // 2, limit - len(rows_of[1 - label]))
        for label in (REAL, FAKE)
    ]
    chosen = [
        rows[evenly_spaced(len(rows), count)] for rows, count in zip(rows_of, counts, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def score_degraded(
    network: nn.Module,
    card: ModelCard,
    sample: Predictions,
    folder: Path,
    levels: Sequence[int],
    seed: int,
    device: torch.device | str = "cpu",
) -> dict[Condition, Floats]:
    """Score the videos of a sample at each level of each degradation.

    Args:
        network, card: the model.
        sample: as `choose_sample` returns it.
        folder: the folder of the crop archives.
        levels: 1 to 5.
        seed: of the random degradations, together with the name of the crop.
        device: where the network is.

    Returns:
        One score (0 to 1) per row of `sample.videos`, by degradation and level. Under `UNDEGRADED`,
        those of the unchanged crops, computed from the logits in `sample`.
    """
    crops = sample.frames
    stored, tracks = stored_images(folder, crops), _rows_of_tracks(crops)
    logits = {UNDEGRADED: crops["logit"].to_numpy(float)}
    conditions = [(name, level) for name in DEGRADATIONS for level in levels]
    with tqdm(total=len(conditions) * len(crops), desc="robustness", unit="crop") as bar:
        for name, level in conditions:
            bar.set_postfix_str(f"{name} {level}")
            degraded_logits = np.zeros(len(crops))
            for start in range(0, len(tracks), TRACKS_PER_BATCH):
                batch = tracks[start : start + TRACKS_PER_BATCH]
                degraded = [_degraded(stored, crops, rows, name, level, seed) for rows in batch]
                images = [image for track in degraded for image in track]
                rows = np.concatenate(batch)
                degraded_logits[rows] = predict_logits(network, images, card.image_size, device)
                bar.update(len(rows))
            logits[name, level] = degraded_logits
    return {condition: _video_scores(sample, card, values) for condition, values in logits.items()}


def _rows_of_tracks(crops: pd.DataFrame) -> list[Integers]:
    """The rows of each face track."""
    indices = crops.groupby(["video_id", "track"], sort=False).indices
    return [np.asarray(rows) for rows in indices.values()]


def _degraded(
    stored: Sequence[bytes], crops: pd.DataFrame, rows: Integers, name: str, level: int, seed: int
) -> list[bytes]:
    """The crops of one face track at a level of a degradation, as files for `predict_logits`."""
    names = crops["video_id"].iloc[rows] + "/" + crops["image"].iloc[rows]
    images = [decode_image(stored[row]) for row in rows]
    degraded = degrade(name, level, images, crop_generators(seed, names))
    return [encode_bmp(image) for image in degraded]


def crop_generators(seed: int, names: Sequence[str] | pd.Series) -> list[Generator]:
    """One generator per crop, from the seed and its name.

    A crop has the same one at every level, so that each level adds to the one before.
    """
    digests = [hashlib.sha256(name.encode()).digest() for name in names]
    return [np.random.default_rng([seed, *digest]) for digest in digests]


def encode_bmp(image: Image) -> bytes:
    """An RGB image as a BMP file.

    It is lossless, and degraded crops are decoded in the same way as stored ones.
    """
    _, data = cv2.imencode(".bmp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return bytes(data)


def _video_scores(sample: Predictions, card: ModelCard, logits: Floats) -> Floats:
    frames = sample.frames.assign(logit=logits)
    scored = video_scores(frames, card.video_score, card.temperature, card.min_frames, card.bias)
    scores: Floats = scored.set_index("video_id")["score"].loc[sample.videos["video_id"]].to_numpy()
    return scores


def measure(
    scores: dict[Condition, Floats],
    videos: pd.DataFrame,
    threshold: float,
    max_groups: int,
) -> pd.DataFrame:
    """Measure what each degradation costs.

    Args:
        scores: as `score_degraded` returns them.
        videos: the videos of the sample, with label and group.
        threshold: of the model; scores from here on are FAKE.
        max_groups: as `intervals.group_intervals` takes it.

    Returns:
        One row per degradation and level, with `COLUMNS`. Level 0 is the undegraded crops, whose
        strength is NaN. `flipped` is the share of videos with another verdict than at level 0. `roc_auc`
        has the 95 % interval `low` to `high`; `drop` is the difference of the ROC-AUC from level 0,
        with a paired interval, `drop_low` to `drop_high`. Intervals are NaN if there are too few groups.
    """
    labels, groups = videos["label"].to_numpy(int), videos["group"].to_numpy(int)
    undegraded = scores[UNDEGRADED]
    measured = {
        condition: _roc_auc_and_intervals(labels, undegraded, degraded, groups, max_groups)
        for condition, degraded in scores.items()
    }
    accuracy = {
        condition: threshold_metrics(labels, degraded, threshold)["balanced_accuracy"]
        for condition, degraded in scores.items()
    }
    rows: list[dict[str, Any]] = []
    for name in DEGRADATIONS:
        levels = sorted(level for other, level in scores if other == name)
        for level in [0, *levels]:
            condition = (name, level) if level else UNDEGRADED
            strength = strength_of(name, level) if level else float("nan")
            row = {"degradation": name, "level": level, "strength": strength}
            row |= {"videos": len(videos), "groups": videos["group"].nunique()}
            row["balanced_accuracy"] = accuracy[condition]
            verdicts = [values >= threshold for values in (undegraded, scores[condition])]
            row["flipped"] = pd.Series(verdicts[0] != verdicts[1]).mean()
            rows.append(row | measured[condition])
    return pd.DataFrame(rows, columns=COLUMNS)


def _roc_auc_and_intervals(
    labels: Labels, undegraded: Floats, degraded: Floats, groups: Integers, max_groups: int
) -> dict[str, float]:
    """ROC-AUC of degraded videos and its drop, with their intervals."""
    before, after = (rank_statistics(labels, scores) for scores in (undegraded, degraded))
    low, high = group_intervals(after, labels, groups, max_groups)["roc_auc"]
    drop = paired_differences(after, before, labels, groups, max_groups)["roc_auc"]
    value = float(after(np.ones((1, len(labels))))["roc_auc"][0])
    return {
        "roc_auc": value,
        "low": low,
        "high": high,
        "drop": drop.value,
        "drop_low": drop.low,
        "drop_high": drop.high,
    }


def headline(table: pd.DataFrame) -> dict[str, float]:
    """The mean of the drops over all degradations and levels, for metrics/robustness.json.

    Args:
        table: as `measure` returns it.
    """
    return {"roc_auc_drop": float(table.loc[table["level"] > 0, "drop"].mean())}


def describe(table: pd.DataFrame) -> str:
    """One line per degradation, with the ROC-AUC at each strength.

    Args:
        table: as `measure` returns it.
    """
    lines = [f"undegraded: ROC-AUC {table.iloc[0]['roc_auc']:.3f}"]
    for name, rows in table[table["level"] > 0].groupby("degradation", sort=False):
        values = [f"{row.roc_auc:.3f} at {row.strength:g}" for row in rows.itertuples()]
        lines.append(f"{name} ({DEGRADATIONS[str(name)].strength_label}): {', '.join(values)}")
    return "\n".join(lines)
