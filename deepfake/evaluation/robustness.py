"""How much of the detection is left when the test videos are compressed, blurred or noisy.

The crops are degraded as they are stored and then take the way of evaluate, with the model's own
threshold, so no decision is fitted to a degradation.
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
from deepfake.core.labels import UNDECIDED, Floats, Labels
from deepfake.core.roc import roc_auc
from deepfake.core.sampling import evenly_spaced
from deepfake.evaluation.intervals import group_bootstrap
from deepfake.evaluation.metrics import threshold_metrics
from deepfake.evaluation.predictions import Predictions
from deepfake.model.card import ModelCard
from deepfake.model.inputs import stored_images
from deepfake.model.scores import predict_logits, video_scores
from deepfake.transforms.degradations import DEGRADATIONS, degrade, strength_of

Condition = tuple[str, int]  # a degradation and its level

UNDEGRADED: Condition = ("", 0)
TRACKS_AT_ONCE = 16  # bounds the memory: some hundred crops
METRICS = ["roc_auc", "low", "high", "balanced_accuracy", "drop", "drop_low", "drop_high"]
COLUMNS = ["degradation", "level", "strength", *METRICS]


def choose_sample(predictions: Predictions, max_videos: int, per_track: int) -> Predictions:
    """A bounded part of what evaluate has scored.

    Args:
        predictions: of the test split.
        max_videos: as many REAL as FAKE as there are, evenly over the table. UNDECIDED videos, which
            have no score, are left out.
        per_track: crops of each person, evenly over the frames; not fewer than the model needs to
            judge a person.

    Returns:
        The videos, and their crops by video, person and frame. All of them where the limits allow.
    """
    videos = predictions.videos
    decided = videos[videos["verdict"] != UNDECIDED]
    chosen = decided.iloc[_balanced(decided["label"].to_numpy(int), max_videos)]
    frames = predictions.frames[predictions.frames["video_id"].isin(chosen["video_id"])]
    frames = frames.sort_values(["video_id", "track", "frame"], kind="stable", ignore_index=True)
    places = [rows[evenly_spaced(len(rows), per_track)] for rows in _tracks(frames)]
    kept = np.concatenate(places) if places else np.zeros(0, int)
    return Predictions(frames.iloc[kept].reset_index(drop=True), chosen.reset_index(drop=True))


def _balanced(labels: Labels, limit: int) -> Labels:
    """Positions of `limit` rows, half of each label, or more of one where the other has fewer."""
    places = [np.flatnonzero(labels == label) for label in (0, 1)]
    wanted = [
        max(limit - limit // 2 if label == 0 else limit // 2, limit - len(places[1 - label]))
        for label in (0, 1)
    ]
    chosen = [
        rows[evenly_spaced(len(rows), count)] for rows, count in zip(places, wanted, strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def score_levels(
    network: nn.Module,
    card: ModelCard,
    sample: Predictions,
    folder: Path,
    levels: Sequence[int],
    seed: int,
    device: torch.device | str = "cpu",
) -> dict[Condition, Floats]:
    """Scores of the sample's videos under every degradation.

    Args:
        network, card: the model.
        sample: as `choose_sample` gives it.
        folder: where the crop archives are.
        levels: 1 to 5.
        seed: of what is random, together with the name of the crop.
        device: where the network is.

    Returns:
        By degradation and level one score (0..1) per row of `sample.videos`, and those of the crops
        as they are, taken from evaluate, under UNDEGRADED.
    """
    crops = sample.frames
    stored, tracks = stored_images(folder, crops), _tracks(crops)
    logits = {UNDEGRADED: crops["logit"].to_numpy(float)}
    conditions = [(name, level) for name in DEGRADATIONS for level in levels]
    with tqdm(total=len(conditions) * len(crops), desc="robustness", unit="crop") as bar:
        for name, level in conditions:
            bar.set_postfix_str(f"{name} {level}")
            found = np.zeros(len(crops))
            for start in range(0, len(tracks), TRACKS_AT_ONCE):
                part = tracks[start : start + TRACKS_AT_ONCE]
                degraded = [_degraded(stored, crops, rows, name, level, seed) for rows in part]
                images = [image for track in degraded for image in track]
                rows = np.concatenate(part)
                found[rows] = predict_logits(network, images, card.image_size, device)
                bar.update(len(rows))
            logits[name, level] = found
    return {condition: _video_scores(sample, card, found) for condition, found in logits.items()}


def _tracks(crops: pd.DataFrame) -> list[Labels]:
    """Rows of the crops of each person."""
    indices = crops.groupby(["video_id", "track"], sort=False).indices
    return [np.asarray(rows) for rows in indices.values()]


def _degraded(
    stored: Sequence[bytes], crops: pd.DataFrame, rows: Labels, name: str, level: int, seed: int
) -> list[bytes]:
    """The crops of one person at a level of a degradation, as bytes that `predict_logits` takes."""
    names = crops["video_id"].iloc[rows] + "/" + crops["image"].iloc[rows]
    images = [decode_image(stored[row]) for row in rows]
    return [lossless(image) for image in degrade(name, level, images, generators(seed, names))]


def generators(seed: int, names: Sequence[str] | pd.Series) -> list[Generator]:
    """One per crop, the same at every level, so that a level only adds to the one before."""
    digests = [hashlib.sha256(name.encode()).digest() for name in names]
    return [np.random.default_rng([seed, *digest]) for digest in digests]


def lossless(image: Image) -> bytes:
    """BMP of an RGB image: the crop goes the very way of a stored one, without another JPEG."""
    _, data = cv2.imencode(".bmp", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return bytes(data)


def _video_scores(sample: Predictions, card: ModelCard, logits: Floats) -> Floats:
    frames = sample.frames.assign(logit=logits)
    scored = video_scores(frames, card.video_score, card.temperature, card.min_frames)
    scores: Floats = scored.set_index("video_id")["score"].loc[sample.videos["video_id"]].to_numpy()
    return scores


def compare(
    scores: dict[Condition, Floats],
    videos: pd.DataFrame,
    threshold: float,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """What each degradation costs.

    Args:
        scores: as `score_levels` gives them.
        videos: the sample's videos, with label and group.
        threshold: the model's; scores from here on are FAKE.
        resamples, seed: of the group bootstrap.

    Returns:
        A row per degradation and level, beginning with level 0, the undegraded crops: strength
        (NaN at level 0), roc_auc with its 95 % interval (low, high), balanced_accuracy, and the drop
        of the ROC-AUC from level 0 with its own interval. The drop compares the same videos, so its
        interval is narrower than the two others suggest.
    """
    labels, groups = videos["label"].to_numpy(int), videos["group"].to_numpy(int)
    base = scores[UNDEGRADED]
    measured = {
        condition: _measure(labels, np.stack([base, found], axis=1), groups, resamples, seed)
        for condition, found in scores.items()
    }
    accuracy = {
        condition: threshold_metrics(labels, found, threshold)["balanced_accuracy"]
        for condition, found in scores.items()
    }
    rows: list[dict[str, Any]] = []
    for name in DEGRADATIONS:
        levels = sorted(level for other, level in scores if other == name)
        for level in [0, *levels]:
            condition = (name, level) if level else UNDEGRADED
            strength = strength_of(name, level) if level else float("nan")
            row = {"degradation": name, "level": level, "strength": strength}
            row["balanced_accuracy"] = accuracy[condition]
            rows.append(row | measured[condition])
    return pd.DataFrame(rows, columns=COLUMNS)


def _measure(
    labels: Labels, scores: Floats, groups: Labels, resamples: int, seed: int
) -> dict[str, float]:
    """ROC-AUC and drop with intervals; `scores` has a column as they were and one degraded."""
    known = _auc_and_drop(labels, scores)
    found = group_bootstrap(_auc_and_drop, labels, scores, groups, resamples, seed)
    (low, high), (drop_low, drop_high) = found["roc_auc"], found["drop"]
    return {**known, "low": low, "high": high, "drop_low": drop_low, "drop_high": drop_high}


def _auc_and_drop(labels: Labels, scores: Floats) -> dict[str, float]:
    before, after = roc_auc(labels, scores[:, 0]), roc_auc(labels, scores[:, 1])
    return {"roc_auc": after, "drop": before - after}


def as_metrics(found: pd.DataFrame, sample: Predictions, test: Predictions) -> dict[str, Any]:
    """The numbers of `compare` by degradation and level, and what they were measured on.

    Args:
        found: as `compare` gives it.
        sample, test: the part that was measured, and all that evaluate has scored.
    """
    metrics: dict[str, Any] = {
        "videos": len(sample.videos),
        "crops": len(sample.frames),
        "undecided": int((test.videos["verdict"] == UNDECIDED).sum()),
        "undegraded": found.iloc[0][["roc_auc", "low", "high", "balanced_accuracy"]].to_dict(),
    }
    for name, rows in found[found["level"] > 0].groupby("degradation", sort=False):
        records = rows.set_index("level")[METRICS].to_dict("index")
        metrics[str(name)] = {str(level): record for level, record in records.items()}
    return metrics


def describe(found: pd.DataFrame) -> str:
    """A line per degradation: ROC-AUC at each strength."""
    lines = [f"undegraded: ROC-AUC {found.iloc[0]['roc_auc']:.3f}"]
    for name, rows in found[found["level"] > 0].groupby("degradation", sort=False):
        values = [f"{row.roc_auc:.3f} at {row.strength:g}" for row in rows.itertuples()]
        lines.append(f"{name} ({DEGRADATIONS[str(name)].meaning}): {', '.join(values)}")
    return "\n".join(lines)
