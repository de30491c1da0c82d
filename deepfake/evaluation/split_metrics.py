"""Frame and video metrics of one split, with intervals and coverage; of its methods and data sets."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from deepfake.core.groups import count_groups
from deepfake.core.labels import FAKE, REAL, UNDECIDED
from deepfake.evaluation.intervals import Interval, group_intervals
from deepfake.evaluation.metrics import (
    PARTIAL_ROC_AUC,
    PRECISION_AT_PREVALENCE,
    all_metrics,
    all_statistics,
    precision_at,
)
from deepfake.evaluation.predictions import Predictions
from deepfake.params.schema import EvaluateParams

# Metrics of a part of the videos, such as those of one method.
MAIN_METRICS = (
    *("roc_auc", "pr_auc", PARTIAL_ROC_AUC, "eer", "tpr_at_5_percent_fpr"),
    *("balanced_accuracy", "f1", "recall", "false_positive_rate"),
)
# Metrics that change with how UNDECIDED videos are counted.
VERDICT_METRICS = ("accuracy", "balanced_accuracy", "f1", "recall", "false_positive_rate")
# Few rows in a bin make the calibration error too high, so its interval would not cover
# (docs/metrics.md).
WITHOUT_INTERVAL = frozenset(["calibration_error"])

BELOW, ABOVE = -1.0, 2.0  # every threshold, in place of the missing score of an UNDECIDED video


def evaluate(predictions: Predictions, threshold: float, params: EvaluateParams) -> dict[str, Any]:
    """Frame and video metrics of one split, with intervals and coverage.

    Args:
        predictions: of the split.
        threshold: scores from here on are FAKE.
        params: the evaluate section of params.yaml.

    Returns:
        frame, video and coverage, as docs/metrics.md describes them. UNDECIDED videos count in the
        coverage only.
    """
    videos = predictions.videos
    frames = predictions.frames.merge(videos[["video_id", "group"]], on="video_id")
    scored = videos[videos["verdict"] != UNDECIDED]
    return {
        "frame": {"frames": len(frames), **measure_rows(frames, threshold, params)},
        "video": {
            **measure_rows(scored, threshold, params),
            "methods": _by_method(scored, threshold, params),
        },
        "coverage": {
            "videos": len(videos),
            "undecided": len(videos) - len(scored),
            "fraction": len(scored) / len(videos) if len(videos) else float("nan"),
            **_undecided_counted(videos, threshold, params),
        },
    }


def evaluate_datasets(
    predictions: Predictions, threshold: float, params: EvaluateParams
) -> dict[str, Any]:
    """The metrics of `evaluate` for each data set of a split, by name; empty if there is only one."""
    videos, frames = predictions.videos, predictions.frames
    if videos["dataset"].nunique() < 2:
        return {}
    metrics = {}
    for name, part in videos.groupby("dataset"):
        crops = frames[frames["video_id"].isin(part["video_id"])]
        metrics[str(name)] = evaluate(Predictions(crops, part), threshold, params)
    return metrics


def measure_rows(
    table: pd.DataFrame,
    threshold: float,
    params: EvaluateParams,
    names: Collection[str] | None = None,
) -> dict[str, Any]:
    """Metrics of videos or frames with their number of people and their 95 % intervals.

    Args:
        table: with video_id, label, score and group (the person).
        threshold: scores from here on are FAKE.
        params: the evaluate section of params.yaml.
        names: of the metrics; None for all.

    Returns:
        videos; groups, the number of people; real_groups and fake_groups, of those with a REAL and a
        FAKE; the metrics; and interval_95 with low and high by metric, empty if there are too few.
    """
    labels, scores = table["label"].to_numpy(int), table["score"].to_numpy(float)
    groups = table["group"].to_numpy(int)
    metrics = all_metrics(labels, scores, threshold)
    statistics = all_statistics(labels, scores, threshold)
    intervals = group_intervals(statistics, labels, groups, params.max_groups)
    intervals |= _precision_without_false_alarms(metrics, intervals)
    real_groups, fake_groups = count_groups(labels, groups)
    return {
        "videos": table["video_id"].nunique(),
        "groups": len(np.unique(groups)),
        "real_groups": real_groups,
        "fake_groups": fake_groups,
        **{name: value for name, value in metrics.items() if names is None or name in names},
        "interval_95": {
            name: {"low": low, "high": high}
            for name, (low, high) in intervals.items()
            if (names is None or name in names) and not np.isnan([low, high]).any()
            if name not in WITHOUT_INTERVAL
        },
    }


def _precision_without_false_alarms(
    metrics: dict[str, float], intervals: dict[str, Interval]
) -> dict[str, Interval]:
    """Intervals of the precision at each prevalence, if no REAL is called FAKE.

    The precision is then 1 however rare fakes are. The bounds of recall and false positive rate say
    how much lower it may be.
    """
    if metrics["false_positive_rate"] != 0 or np.isnan(intervals["recall"]).any():
        return {}
    recall, fpr = (
        np.array([intervals["recall"][0]]),
        np.array([intervals["false_positive_rate"][1]]),
    )
    return {
        name: (float(precision_at(recall, fpr, prevalence)[0]), 1.0)
        for name, prevalence in PRECISION_AT_PREVALENCE.items()
    }


def _by_method(
    videos: pd.DataFrame, threshold: float, params: EvaluateParams
) -> dict[str, dict[str, Any]]:
    """The main metrics of the fakes of each method against all REAL videos, and their number."""
    metrics = {}
    for method in sorted(videos.loc[videos["label"] == FAKE, "method"].unique()):
        rows = videos[(videos["method"] == method) | (videos["label"] == REAL)]
        fakes = int((rows["label"] == FAKE).sum())
        measured = measure_rows(rows, threshold, params, MAIN_METRICS)
        metrics[method] = {**measured, "videos": fakes}
    return metrics


def _undecided_counted(
    videos: pd.DataFrame, threshold: float, params: EvaluateParams
) -> dict[str, dict[str, Any]]:
    """Metrics of the verdicts with UNDECIDED videos left out, as wrong verdicts, and as REAL."""
    wrong = pd.Series(np.where(videos["label"] == FAKE, BELOW, ABOVE), videos.index)
    ways = {
        "left_out": videos[videos["score"].notna()],
        "as_wrong": videos.assign(score=videos["score"].fillna(wrong)),
        "as_real": videos.assign(score=videos["score"].fillna(BELOW)),
    }
    return {
        name: measure_rows(rows, threshold, params, VERDICT_METRICS) for name, rows in ways.items()
    }
