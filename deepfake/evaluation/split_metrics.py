"""Metrics of one split, of frames and of videos, with intervals and coverage."""

from typing import Any

import pandas as pd

from deepfake.core.labels import UNDECIDED, Floats, Labels
from deepfake.evaluation.intervals import group_bootstrap
from deepfake.evaluation.metrics import all_metrics, rank_metrics, threshold_metrics
from deepfake.evaluation.predictions import Predictions
from deepfake.params.schema import EvaluateParams

INTERVALS = ("roc_auc", "pr_auc", "accuracy", "balanced_accuracy", "f1")  # those that have one


def evaluate(predictions: Predictions, threshold: float, params: EvaluateParams) -> dict[str, Any]:
    """Frame and video metrics of one split, with group-bootstrap intervals and coverage."""
    videos = predictions.videos
    frames = predictions.frames.merge(videos[["video_id", "group"]], on="video_id")
    scored = videos[videos["verdict"] != UNDECIDED]
    return {
        "frame": {
            "frames": len(frames),
            **_metrics_of(frames, threshold),
            "interval_95": _intervals(frames, threshold, params),
        },
        "video": {
            "videos": len(scored),
            "groups": int(scored["group"].nunique()),
            **_metrics_of(scored, threshold),
            "interval_95": _intervals(scored, threshold, params),
            "methods": _by_method(scored),
        },
        "coverage": {
            "videos": len(videos),
            "undecided": len(videos) - len(scored),
            "fraction": len(scored) / len(videos) if len(videos) else float("nan"),
        },
    }


def evaluate_datasets(
    predictions: Predictions, threshold: float, params: EvaluateParams
) -> dict[str, Any]:
    """`evaluate` for each data set of a split by itself, by name."""
    videos, frames = predictions.videos, predictions.frames
    found = {}
    for name, part in videos.groupby("dataset"):
        crops = frames[frames["video_id"].isin(part["video_id"])]
        found[str(name)] = evaluate(Predictions(crops, part), threshold, params)
    return found


def _metrics_of(table: pd.DataFrame, threshold: float) -> dict[str, float]:
    return all_metrics(table["label"].to_numpy(int), table["score"].to_numpy(float), threshold)


def _intervals(
    table: pd.DataFrame, threshold: float, params: EvaluateParams
) -> dict[str, dict[str, float]]:
    """Of `INTERVALS`, by resampling the groups of a table with label, score and group."""

    def statistics(labels: Labels, scores: Floats) -> dict[str, float]:
        found = rank_metrics(labels, scores) | threshold_metrics(labels, scores, threshold)
        return {name: found[name] for name in INTERVALS}

    labels, scores = table["label"].to_numpy(int), table["score"].to_numpy(float)
    groups = table["group"].to_numpy(int)
    found = group_bootstrap(statistics, labels, scores, groups, params.bootstrap, params.seed)
    return {name: dict(zip(("low", "high"), bounds, strict=True)) for name, bounds in found.items()}


def _by_method(videos: pd.DataFrame) -> dict[str, dict[str, float]]:
    """ROC-AUC of each way of making fakes against all REAL videos."""
    found = {}
    for method in sorted(videos.loc[videos["label"] == 1, "method"].unique()):
        rows = videos[(videos["method"] == method) | (videos["label"] == 0)]
        ranks = rank_metrics(rows["label"].to_numpy(int), rows["score"].to_numpy(float))
        fakes = int((rows["label"] == 1).sum())
        found[method] = {"videos": fakes, "roc_auc": ranks["roc_auc"]}
    return found
