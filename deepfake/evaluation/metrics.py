"""Metrics of binary classification; FAKE (1) is the positive class. docs/metrics.md defines them.

Each group of metrics has two forms: a function of labels and scores that returns numbers, and one
that returns a function of weights, which `intervals` calls with groups of rows left out.
"""

from collections.abc import Callable

import numpy as np

from deepfake.core.labels import FAKE, Floats, Integers, Labels

NAN = float("nan")
TPR_AT_FPR = {"tpr_at_1_percent_fpr": 0.01, "tpr_at_5_percent_fpr": 0.05}
PARTIAL_ROC_AUC, PARTIAL_FPR = "roc_auc_to_10_percent_fpr", 0.1
PRECISION_AT_PREVALENCE = {
    "precision_at_1_in_2": 1 / 2,
    "precision_at_1_in_100": 1 / 100,
    "precision_at_1_in_1000": 1 / 1000,
}
CALIBRATION_BINS = 10  # of equal width, from 0 to 1
LOWEST_PROBABILITY = 1e-7  # of the log-loss, which is infinite for a certain error

# From weights (sets of weights x rows) to the value of each metric, one per set. A weight says how
# often a row counts.
Statistics = Callable[[Floats], dict[str, Floats]]


def rank_metrics(labels: Labels, scores: Floats) -> dict[str, float]:
    """Metrics that need no threshold; NaN if a label is missing.

    Returns:
        roc_auc: the share of (REAL, FAKE) pairs in which the FAKE has the higher score; ties count
            half (Hanley and McNeil, 1982).
        pr_auc: average precision, the sum over thresholds of (R_k - R_(k-1)) P_k with recall R and
            precision P.
        eer: equal error rate, the mean of the false negative and the false positive rate at the
            threshold where they are nearest.
        tpr_at_1_percent_fpr, tpr_at_5_percent_fpr: the true positive rate where the ROC curve, with
            straight lines between its points, has that false positive rate x. NaN with fewer than
            1 / x REAL rows, where a single one is more than x.
        roc_auc_to_10_percent_fpr: with A the area under the curve to x = 0.1, (1 + (A - m) / (x - m))
            / 2 with m = x^2 / 2, so that chance is 0.5 and the best value 1 (McClish, 1989).

    Example:
        >>> rank_metrics(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]))["roc_auc"]
        0.75
    """
    return _with_equal_weights(rank_statistics(labels, scores), len(labels))


def rank_statistics(labels: Labels, scores: Floats) -> Statistics:
    """`rank_metrics` as a function of weights; the scores are sorted once."""
    order = np.argsort(-scores, kind="stable")
    is_fake = labels[order] == FAKE
    last_of_score = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True)[: len(order)])
    reals = int((~is_fake).sum())
    names = ("roc_auc", "pr_auc", "eer", *TPR_AT_FPR, PARTIAL_ROC_AUC)

    def statistics(weights: Floats) -> dict[str, Floats]:
        if not 0 < reals < len(order):
            return {name: np.full(len(weights), NAN) for name in names}
        ranked = weights[:, order]
        true_fake = _cumulated(ranked * is_fake, last_of_score)
        called_fake = _cumulated(ranked, last_of_score)
        tpr = _divided(true_fake, true_fake[:, -1:])
        fpr = _divided(called_fake - true_fake, called_fake[:, -1:] - true_fake[:, -1:])
        start = slice((fpr <= PARTIAL_FPR).any(axis=0).sum() + 1)  # of the curves, to that rate
        return {
            "roc_auc": _areas(fpr, tpr),
            "pr_auc": _average_precision(true_fake, called_fake),
            "eer": _equal_error_rate(fpr, tpr),
            **{
                name: _tpr_at(fpr[:, start], tpr[:, start], limit)
                if reals * limit >= 1
                else np.full(len(fpr), NAN)
                for name, limit in TPR_AT_FPR.items()
            },
            PARTIAL_ROC_AUC: _partial_roc_auc(fpr[:, start], tpr[:, start], PARTIAL_FPR),
        }

    return statistics


def threshold_metrics(labels: Labels, scores: Floats, threshold: float) -> dict[str, float]:
    """Metrics of the prediction FAKE where `score >= threshold`; NaN where the denominator is 0.

    Returns:
        accuracy; balanced_accuracy, the mean of recall and 1 - false_positive_rate; precision; recall
        (true positive rate); false_positive_rate; f1, 2 TP / (2 TP + FP + FN);
        precision_at_1_in_2, precision_at_1_in_100 and precision_at_1_in_1000, as `precision_at`
        defines them; and the counts true_fake, false_fake (REAL predicted as FAKE), true_real and
        false_real (FAKE predicted as REAL).
    """
    rates = _with_equal_weights(threshold_statistics(labels, scores, threshold), len(labels))
    is_fake, predicted_fake = labels == FAKE, scores >= threshold
    return {
        **rates,
        "true_fake": int((predicted_fake & is_fake).sum()),
        "false_fake": int((predicted_fake & ~is_fake).sum()),
        "true_real": int((~predicted_fake & ~is_fake).sum()),
        "false_real": int((~predicted_fake & is_fake).sum()),
    }


def threshold_statistics(labels: Labels, scores: Floats, threshold: float) -> Statistics:
    """`threshold_metrics` as a function of weights, without the counts."""
    is_fake, predicted_fake = labels == FAKE, scores >= threshold
    kinds = [predicted_fake & is_fake, predicted_fake & ~is_fake, ~is_fake, is_fake]
    indicators = np.stack(kinds, axis=1).astype(float)

    def statistics(weights: Floats) -> dict[str, Floats]:
        true_fake, false_fake, reals, fakes = (weights @ indicators).T
        recall, fpr = _divided(true_fake, fakes), _divided(false_fake, reals)
        return {
            "accuracy": _divided(true_fake + reals - false_fake, reals + fakes),
            "balanced_accuracy": (recall + 1 - fpr) / 2,
            "precision": _divided(true_fake, true_fake + false_fake),
            "recall": recall,
            "false_positive_rate": fpr,
            "f1": _divided(2 * true_fake, true_fake + false_fake + fakes),
            **{
                name: precision_at(recall, fpr, prevalence)
                for name, prevalence in PRECISION_AT_PREVALENCE.items()
            },
        }

    return statistics


def precision_at(recall: Floats, fpr: Floats, prevalence: float) -> Floats:
    """The share of FAKE among what is called FAKE, where a share `prevalence` of all videos is FAKE.

    By Bayes' theorem, p TPR / (p TPR + (1 - p) FPR). NaN if nothing is called FAKE.

    >>> precision_at(np.array([0.8]), np.array([0.1]), 0.5).round(3)
    array([0.889])
    """
    found, false_alarms = prevalence * recall, (1 - prevalence) * fpr
    return _divided(found, found + false_alarms)


def probability_metrics(labels: Labels, scores: Floats) -> dict[str, float]:
    """Errors of the scores as probabilities, lower is better; NaN without rows.

    Returns:
        brier: the mean of (score - label)^2 (Brier, 1950).
        log_loss: the mean of -log of the score, or of 1 - score for a REAL.
        calibration_error: the expected calibration error (Naeini et al., 2015; Guo et al., 2017). In
            `CALIBRATION_BINS` bins of equal width, the difference between the share of FAKE and the
            mean score, averaged over the rows. Few rows in a bin make it too high.
    """
    return _with_equal_weights(probability_statistics(labels, scores), len(labels))


def probability_statistics(labels: Labels, scores: Floats) -> Statistics:
    """`probability_metrics` as a function of weights."""
    clipped = np.clip(scores, LOWEST_PROBABILITY, 1 - LOWEST_PROBABILITY)
    losses = -np.log(np.where(labels == FAKE, clipped, 1 - clipped))
    in_bin = calibration_bin(scores)[:, None] == np.arange(CALIBRATION_BINS)
    errors = in_bin * (labels - scores)[:, None]
    per_row = np.column_stack([np.ones(len(labels)), (scores - labels) ** 2, losses, errors])

    def statistics(weights: Floats) -> dict[str, Floats]:
        rows, squares, logarithms, *differences = (weights @ per_row).T
        return {
            "brier": _divided(squares, rows),
            "log_loss": _divided(logarithms, rows),
            "calibration_error": _divided(np.abs(differences).sum(axis=0), rows),
        }

    return statistics


def calibration_bin(scores: Floats) -> Integers:
    """The bin of each score, 0 to `CALIBRATION_BINS` - 1. Bins contain their lower end; the last
    contains 1 too."""
    bins = np.floor(scores * CALIBRATION_BINS).astype(np.int64)
    return np.clip(bins, 0, CALIBRATION_BINS - 1)


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


def all_statistics(labels: Labels, scores: Floats, threshold: float) -> Statistics:
    """`all_metrics` as a function of weights, without the counts."""
    parts = (
        rank_statistics(labels, scores),
        threshold_statistics(labels, scores, threshold),
        probability_statistics(labels, scores),
    )
    return lambda weights: {name: v for part in parts for name, v in part(weights).items()}


def _with_equal_weights(statistics: Statistics, rows: int) -> dict[str, float]:
    return {name: float(value[0]) for name, value in statistics(np.ones((1, rows))).items()}


def _cumulated(weights: Floats, last_of_score: Integers) -> Floats:
    """Weight of the rows above each threshold: of none, then down to each different score."""
    totals = np.zeros((len(weights), len(last_of_score) + 1))
    totals[:, 1:] = np.cumsum(weights, axis=1)[:, last_of_score]
    return totals


def _divided(part: Floats, whole: Floats) -> Floats:
    """`part` / `whole`, NaN where that is 0."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    ratio = np.full(shape, NAN)
    np.divide(part, whole, out=ratio, where=whole != 0)
    return ratio


def _areas(x: Floats, y: Floats) -> Floats:
    """Area under each curve (a row), by trapezoids."""
    areas: Floats = np.einsum("ij,ij->i", np.diff(x, axis=1), y[:, 1:] + y[:, :-1]) / 2
    return areas


def _average_precision(true_fake: Floats, called_fake: Floats) -> Floats:
    """Average precision from counts at each threshold; NaN without a FAKE or a REAL."""
    precision = true_fake[:, 1:] / np.maximum(called_fake[:, 1:], 1)
    total = np.einsum("ij,ij->i", np.diff(true_fake, axis=1), precision)
    fakes, rows = true_fake[:, -1], called_fake[:, -1]
    return _divided(total, np.where(fakes < rows, fakes, 0))


def _equal_error_rate(fpr: Floats, tpr: Floats) -> Floats:
    nearest = np.abs(1 - tpr - fpr).argmin(axis=1)[:, None]
    errors = 1 - np.take_along_axis(tpr, nearest, 1) + np.take_along_axis(fpr, nearest, 1)
    halves: Floats = errors[:, 0] / 2
    return halves


def _tpr_at(fpr: Floats, tpr: Floats, limit: float) -> Floats:
    """True positive rate of each ROC curve (a row) at one false positive rate."""
    last = np.clip((fpr <= limit).sum(axis=1) - 1, 0, fpr.shape[1] - 2)[:, None]
    (x, y), (next_x, next_y) = (
        tuple(np.take_along_axis(rates, place, 1)[:, 0] for rates in (fpr, tpr))
        for place in (last, last + 1)
    )
    return y + _divided(limit - x, next_x - x) * (next_y - y)


def _partial_roc_auc(fpr: Floats, tpr: Floats, limit: float) -> Floats:
    """Standardised area under each ROC curve to one false positive rate."""
    inside = fpr <= limit
    heights = np.where(inside, tpr, _tpr_at(fpr, tpr, limit)[:, None])
    area = _areas(np.minimum(fpr, limit), heights)
    chance = limit**2 / 2
    standardised: Floats = (1 + (area - chance) / (limit - chance)) / 2
    return standardised
