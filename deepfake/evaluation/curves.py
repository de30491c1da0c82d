"""Curves of one split's videos, as tables for `dvc plots`."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from deepfake.core.labels import FAKE, LABEL_NAMES, UNDECIDED
from deepfake.core.tables import write_csv
from deepfake.evaluation.metrics import calibration_bin

SCORE_BINS = 20
VERDICTS = (*LABEL_NAMES.values(), UNDECIDED)


def write_curves(folder: Path, videos: pd.DataFrame) -> None:
    """Write the tables of one split for `dvc plots` as `folder`/*.tsv.

    They are ROC, precision and recall, confusion, histogram of scores, and reliability.

    Args:
        folder: the folder to write to.
        videos: as `Predictions.videos`.
    """
    scored = videos[videos["score"].notna()]
    tables = {
        "roc": roc_points(scored["label"], scored["score"]),
        "pr": pr_points(scored["label"], scored["score"]),
        "confusion": confusion_points(videos),
        "histogram": histogram_points(scored["label"], scored["score"]),
        "reliability": reliability_points(scored["label"], scored["score"]),
    }
    for name, table in tables.items():
        write_csv(folder / f"{name}.tsv", table)


def roc_points(labels: pd.Series, scores: pd.Series) -> pd.DataFrame:
    """False and true positive rate at each threshold; no rows if a label is missing."""
    if labels.nunique() < 2:
        return pd.DataFrame(columns=["fpr", "tpr", "threshold"])
    fpr, tpr, threshold = roc_curve(labels, scores)
    threshold[0] = 1.0  # instead of infinity, at which scikit-learn predicts nothing as FAKE
    return pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": threshold})


def pr_points(labels: pd.Series, scores: pd.Series) -> pd.DataFrame:
    """Recall and precision at each threshold; no rows if a label is missing."""
    if labels.nunique() < 2:
        return pd.DataFrame(columns=["recall", "precision"])
    precision, recall, _ = precision_recall_curve(labels, scores)
    return pd.DataFrame({"recall": recall, "precision": precision})


def confusion_points(videos: pd.DataFrame) -> pd.DataFrame:
    """Number of videos by actual label and verdict, also of those that do not occur."""
    actual = videos["label"].map(LABEL_NAMES)
    rows = [
        (label, verdict, int(((actual == label) & (videos["verdict"] == verdict)).sum()))
        for label in LABEL_NAMES.values()
        for verdict in VERDICTS
    ]
    return pd.DataFrame(rows, columns=["actual", "verdict", "videos"])


def histogram_points(labels: pd.Series, scores: pd.Series) -> pd.DataFrame:
    """Number of videos by label in each of `SCORE_BINS` equal bins of the score, 0 to 1."""
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    middles = np.round((edges[1:] + edges[:-1]) / 2, 3)
    tables = [
        pd.DataFrame(
            {
                "score": middles,
                "label": label,
                "videos": np.histogram(scores[labels == label], edges)[0],
            }
        )
        for label in LABEL_NAMES
    ]
    return pd.concat(tables, ignore_index=True)


def reliability_points(labels: pd.Series, scores: pd.Series) -> pd.DataFrame:
    """Mean score, share of FAKE and number of videos in each bin of the calibration error.

    The bins are those of `metrics.calibration_bin`; empty ones are left out. The scores are calibrated
    where the share equals the mean score.
    """
    fakes = (labels == FAKE).astype(float)
    table = pd.DataFrame({"score": scores, "fake_share": fakes, "videos": scores})
    bins = table.groupby(calibration_bin(scores.to_numpy(float)))
    points = bins.agg({"score": "mean", "fake_share": "mean", "videos": "size"})
    return points.reset_index(drop=True)
