"""Frame and video metrics of one split, with intervals and coverage."""

from typing import Any

import pandas as pd

from deepfake.core.labels import FAKE, REAL, UNDECIDED, Floats, Labels
from deepfake.evaluation.intervals import group_bootstrap
from deepfake.evaluation.metrics import all_metrics, rank_metrics, threshold_metrics
from deepfake.evaluation.predictions import Predictions
from deepfake.params.schema import EvaluateParams

METRICS_WITH_INTERVAL = ("roc_auc", "pr_auc", "accuracy", "balanced_accuracy", "f1")


def evaluate(predictions: Predictions, threshold: float, params: EvaluateParams) -> dict[str, Any]:
    """Frame and video metrics of one split, with group-bootstrap intervals and coverage.

    UNDECIDED videos count in the coverage only.

    Args:
        predictions: of the split.
        threshold: scores from here on are FAKE.
        params: the evaluate section of params.yaml.
    """
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
    """The metrics of `evaluate` for each data set of a split, by name."""
    videos, frames = predictions.videos, predictions.frames
    metrics = {}
    for name, part in videos.groupby("dataset"):
        crops = frames[frames["video_id"].isin(part["video_id"])]
        metrics[str(name)] = evaluate(Predictions(crops, part), threshold, params)
    return metrics


def _metrics_of(table: pd.DataFrame, threshold: float) -> dict[str, float]:
    return all_metrics(table["label"].to_numpy(int), table["score"].to_numpy(float), threshold)


def _intervals(
    table: pd.DataFrame, threshold: float, params: EvaluateParams
) -> dict[str, dict[str, float]]:
    """95 % intervals of `METRICS_WITH_INTERVAL`, from a table with label, score and group."""

    def statistics(labels: Labels, scores: Floats) -> dict[str, float]:
        metrics = rank_metrics(labels, scores) | threshold_metrics(labels, scores, threshold)
        return {name: metrics[name] for name in METRICS_WITH_INTERVAL}

    labels, scores = table["label"].to_numpy(int), table["score"].to_numpy(float)
    groups = table["group"].to_numpy(int)
    bounds = group_bootstrap(statistics, labels, scores, groups, params.bootstrap, params.seed)
    return {name: {"low": low, "high": high} for name, (low, high) in bounds.items()}


def _by_method(videos: pd.DataFrame) -> dict[str, dict[str, float]]:
    """ROC-AUC of the fakes of each method against all REAL videos, and their number."""
    metrics = {}
    for method in sorted(videos.loc[videos["label"] == FAKE, "method"].unique()):
        rows = videos[(videos["method"] == method) | (videos["label"] == REAL)]
        ranks = rank_metrics(rows["label"].to_numpy(int), rows["score"].to_numpy(float))
        fakes = int((rows["label"] == FAKE).sum())
        metrics[method] = {"videos": fakes, "roc_auc": ranks["roc_auc"]}
    return metrics
