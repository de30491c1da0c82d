"""Metrics of a two-class problem; FAKE (1) is the positive class."""

import numpy as np
from sklearn import metrics as sk

from deepfake.core.labels import Floats, Labels

NAN = float("nan")


def rank_metrics(labels: Labels, scores: Floats) -> dict[str, float]:
    """Metrics that need no threshold; NaN where only one label is present.

    Returns:
        roc_auc; pr_auc (average precision); eer: the error rate at which as many FAKE are missed
        as REAL are accused.
    """
    if len(np.unique(labels)) < 2:
        return {"roc_auc": NAN, "pr_auc": NAN, "eer": NAN}
    false_alarms, found, _ = sk.roc_curve(labels, scores)
    nearest = np.abs(1 - found - false_alarms).argmin()
    return {
        "roc_auc": float(sk.roc_auc_score(labels, scores)),
        "pr_auc": float(sk.average_precision_score(labels, scores)),
        "eer": float((1 - found[nearest] + false_alarms[nearest]) / 2),
    }


def threshold_metrics(labels: Labels, scores: Floats, threshold: float) -> dict[str, float]:
    """Metrics of the decision `score >= threshold` is FAKE; what has no samples is NaN."""
    called = scores >= threshold
    fake = labels == 1
    hits, alarms = int((called & fake).sum()), int((called & ~fake).sum())
    misses, passes = int((~called & fake).sum()), int((~called & ~fake).sum())
    recall, specificity = _ratio(hits, hits + misses), _ratio(passes, passes + alarms)
    return {
        "accuracy": _ratio(hits + passes, len(labels)),
        "balanced_accuracy": (recall + specificity) / 2,
        "precision": _ratio(hits, hits + alarms),
        "recall": recall,
        "f1": _ratio(2 * hits, 2 * hits + alarms + misses),
        "true_fake": hits,
        "false_fake": alarms,
        "true_real": passes,
        "false_real": misses,
    }


def probability_metrics(labels: Labels, scores: Floats) -> dict[str, float]:
    """How far the scores can be read as probabilities: Brier score and log-loss, lower is better."""
    if not len(labels):
        return {"brier": NAN, "log_loss": NAN}
    clipped = np.clip(scores, 1e-7, 1 - 1e-7)
    return {
        "brier": float(np.mean((scores - labels) ** 2)),
        "log_loss": float(sk.log_loss(labels, clipped, labels=[0, 1])),
    }


def all_metrics(labels: Labels, scores: Floats, threshold: float) -> dict[str, float]:
    """Rank, threshold and probability metrics together.

    >>> found = all_metrics(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]), 0.5)
    >>> found["roc_auc"], found["accuracy"]
    (0.75, 0.5)
    """
    return {
        **rank_metrics(labels, scores),
        **threshold_metrics(labels, scores, threshold),
        **probability_metrics(labels, scores),
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else NAN
