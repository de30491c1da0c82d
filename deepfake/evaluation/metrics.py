"""Metrics of binary classification; FAKE (1) is the positive class."""

import numpy as np
from sklearn import metrics as sk

from deepfake.core.labels import FAKE, REAL, Floats, Labels
from deepfake.core.roc import roc_auc

NAN = float("nan")


def rank_metrics(labels: Labels, scores: Floats) -> dict[str, float]:
    """Metrics that need no threshold; NaN if a label is missing.

    Returns:
        roc_auc; pr_auc (average precision); eer (equal error rate: the mean of the false negative
        and false positive rate at the threshold where they are nearest).
    """
    if len(np.unique(labels)) < 2:
        return {"roc_auc": NAN, "pr_auc": NAN, "eer": NAN}
    # All thresholds: by default, scikit-learn leaves out those that do not change the curve.
    false_positive_rate, true_positive_rate, _ = sk.roc_curve(
        labels, scores, drop_intermediate=False
    )
    nearest = np.abs(1 - true_positive_rate - false_positive_rate).argmin()
    errors = 1 - true_positive_rate[nearest] + false_positive_rate[nearest]
    return {
        "roc_auc": roc_auc(labels, scores),
        "pr_auc": float(sk.average_precision_score(labels, scores)),
        "eer": float(errors / 2),
    }


def threshold_metrics(labels: Labels, scores: Floats, threshold: float) -> dict[str, float]:
    """Metrics of the prediction FAKE where `score >= threshold`; NaN where the denominator is 0.

    Returns:
        accuracy, balanced_accuracy, precision, recall and f1 (0 to 1); the counts true_fake,
        false_fake (REAL predicted as FAKE), true_real and false_real (FAKE predicted as REAL).
    """
    predicted_fake, fake = scores >= threshold, labels == FAKE
    true_fake = int((predicted_fake & fake).sum())
    false_fake = int((predicted_fake & ~fake).sum())
    true_real = int((~predicted_fake & ~fake).sum())
    false_real = int((~predicted_fake & fake).sum())
    recall = _ratio(true_fake, true_fake + false_real)
    specificity = _ratio(true_real, true_real + false_fake)
    return {
        "accuracy": _ratio(true_fake + true_real, len(labels)),
        "balanced_accuracy": (recall + specificity) / 2,
        "precision": _ratio(true_fake, true_fake + false_fake),
        "recall": recall,
        "f1": _ratio(2 * true_fake, 2 * true_fake + false_fake + false_real),
        "true_fake": true_fake,
        "false_fake": false_fake,
        "true_real": true_real,
        "false_real": false_real,
    }


def probability_metrics(labels: Labels, scores: Floats) -> dict[str, float]:
    """Brier score and log loss of the scores as probabilities, lower is better; NaN without rows."""
    if not len(labels):
        return {"brier": NAN, "log_loss": NAN}
    clipped = np.clip(scores, 1e-7, 1 - 1e-7)
    return {
        "brier": float(np.mean((scores - labels) ** 2)),
        "log_loss": float(sk.log_loss(labels, clipped, labels=[REAL, FAKE])),
    }


def all_metrics(labels: Labels, scores: Floats, threshold: float) -> dict[str, float]:
    """Rank, threshold and probability metrics together.

    Example:
        >>> metrics = all_metrics(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]), 0.5)
        >>> metrics["roc_auc"], metrics["accuracy"]
        (0.75, 0.5)
    """
    return {
        **rank_metrics(labels, scores),
        **threshold_metrics(labels, scores, threshold),
        **probability_metrics(labels, scores),
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else NAN
