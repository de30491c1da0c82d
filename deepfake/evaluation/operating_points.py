"""What the operating points of a model measure on test, and how its errors fall with its coverage."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from deepfake.core.files import METRIC_DIGITS, write_json
from deepfake.core.groups import count_groups
from deepfake.core.labels import FAKE, REAL, Floats, Labels
from deepfake.core.tables import write_csv
from deepfake.evaluation.intervals import group_intervals
from deepfake.evaluation.metrics import (
    LOWEST_PROBABILITY,
    Statistics,
    threshold_statistics,
)
from deepfake.model.card import ModelCard
from deepfake.model.operating_points import MEASURED, Measured, Rate, Thresholds

CURVE_POINTS = 100  # at most, of the risk-coverage curve
PLOT = "risk_coverage.tsv"


def write_operating_points(
    card: ModelCard, videos: pd.DataFrame, max_groups: int, models: Path, plots: Path
) -> None:
    """Write what the operating points of a model measure on test, and the risk-coverage curve.

    Args:
        card: of the model.
        videos: of test, as `Predictions.videos`.
        max_groups: as `limit` of `intervals.group_intervals`.
        models: folder of the model, for `MEASURED`.
        plots: folder of the tables of the stage evaluate, for `PLOT`.
    """
    scored = videos[videos["score"].notna()]
    points = {
        name: None if thresholds is None else asdict(measure(thresholds, scored, max_groups))
        for name, thresholds in card.operating_points.items()
    }
    content = {"operating_points": points, "point_problems": card.point_problems}
    write_json(models / MEASURED, content)
    write_csv(plots / PLOT, risk_coverage(scored, card.threshold))


def measure(thresholds: Thresholds, videos: pd.DataFrame, max_groups: int) -> Measured:
    """Error rates of an operating point, with 95 % intervals.

    Args:
        thresholds: of the operating point.
        videos: with label, score and group, no score missing.
        max_groups: as `limit` of `intervals.group_intervals`.
    """
    labels, scores = videos["label"].to_numpy(int), videos["score"].to_numpy(float)
    groups = videos["group"].to_numpy(int)
    statistics = point_statistics(labels, scores, thresholds)
    values = statistics(np.ones((1, len(labels))))
    intervals = group_intervals(statistics, labels, groups, max_groups)
    rates = {name: _rate(float(value[0]), *intervals[name]) for name, value in values.items()}
    real_groups, fake_groups = count_groups(labels, groups)
    return Measured(
        thresholds=thresholds,
        real_videos=int((labels == REAL).sum()),
        fake_videos=int((labels == FAKE).sum()),
        real_groups=real_groups,
        fake_groups=fake_groups,
        **rates,
    )


def _rate(*numbers: float) -> Rate:
    """Value, low and high, rounded as metrics are; None for NaN."""
    return Rate(*(round(one, METRIC_DIGITS) if np.isfinite(one) else None for one in numbers))


def point_statistics(labels: Labels, scores: Floats, thresholds: Thresholds) -> Statistics:
    """The rates of `Measured` as a function of weights; NaN without a video that counts."""
    called_fake = threshold_statistics(labels, scores, thresholds.fake_from)
    not_called_real = threshold_statistics(labels, scores, thresholds.real_below)
    is_undecided = (scores >= thresholds.real_below) & (scores < thresholds.fake_from)

    def statistics(weights: Floats) -> dict[str, Floats]:
        above = called_fake(weights)
        total = weights.sum(axis=1)
        return {
            "false_positive_rate": above["false_positive_rate"],
            "false_negative_rate": 1 - not_called_real(weights)["recall"],
            "recall": above["recall"],
            "undecided": weights @ is_undecided / np.where(total > 0, total, np.nan),
        }

    return statistics


def risk_coverage(videos: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The risk-coverage curve (El-Yaniv and Wiener, JMLR 2010).

    If only the videos whose scores are farthest from the threshold, in logits, get a verdict, the
    coverage is their share, and the risk is the share of wrong verdicts among them.

    Args:
        videos: with label and score, no score missing.
        threshold: scores from here on are FAKE.

    Returns:
        Columns coverage and risk, at most `CURVE_POINTS` rows, by coverage; videos with equal
        distances come together.
    """
    scores = videos["score"].to_numpy(float)
    wrong = (scores >= threshold) != (videos["label"].to_numpy(int) == FAKE)
    distances = np.round(np.abs(_logit(scores) - _logit(np.array([threshold]))), 6)
    order = np.argsort(-distances, kind="stable")
    last = np.flatnonzero(np.append(np.diff(distances[order]) != 0, True)[: len(order)])
    wanted = np.linspace(0, len(last) - 1, min(CURVE_POINTS, len(last))).round().astype(int)
    counts = last[wanted] + 1
    risk = np.cumsum(wrong[order])[last[wanted]] / counts
    return pd.DataFrame({"coverage": counts / max(1, len(order)), "risk": risk})


def _logit(scores: Floats) -> Floats:
    """The logits of scores, finite at 0 and 1 too."""
    clipped = np.clip(scores, LOWEST_PROBABILITY, 1 - LOWEST_PROBABILITY)
    logits: Floats = np.log(clipped) - np.log1p(-clipped)
    return logits
