"""Points of the evaluation's curves, as tables for `dvc plots`."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from deepfake.core.tables import write_csv

BINS = 20


def write_curves(folder: Path, videos: pd.DataFrame) -> None:
    """Write the curves of one split's videos as `folder`/*.tsv."""
    scored = videos[videos["score"].notna()]
    tables = {
        "roc": roc_points(scored["label"], scored["score"]),
        "pr": pr_points(scored["label"], scored["score"]),
        "confusion": confusion_points(videos),
        "histogram": histogram_points(scored["label"], scored["score"]),
    }
    for name, table in tables.items():
        write_csv(folder / f"{name}.tsv", table)


def roc_points(labels: pd.Series, scores: pd.Series) -> pd.DataFrame:
    """False positive rate against true positive rate; empty where only one label is present."""
    if labels.nunique() < 2:
        return pd.DataFrame(columns=["fpr", "tpr", "threshold"])
    fpr, tpr, threshold = roc_curve(labels, scores)
    threshold[0] = 1.0  # scikit-learn gives infinity, where nothing is called FAKE
    return pd.DataFrame({"fpr": fpr, "tpr": tpr, "threshold": threshold})


def pr_points(labels: pd.Series, scores: pd.Series) -> pd.DataFrame:
    """Recall against precision; empty where only one label is present."""
    if labels.nunique() < 2:
        return pd.DataFrame(columns=["recall", "precision"])
    precision, recall, _ = precision_recall_curve(labels, scores)
    return pd.DataFrame({"recall": recall, "precision": precision})


def confusion_points(videos: pd.DataFrame) -> pd.DataFrame:
    """A row per video with its actual label and its verdict, as DVC's confusion template wants."""
    actual = videos["label"].map({0: "REAL", 1: "FAKE"})
    return pd.DataFrame({"actual": actual, "verdict": videos["verdict"]})


def histogram_points(labels: pd.Series, scores: pd.Series) -> pd.DataFrame:
    """Videos per score bin, for REAL and FAKE."""
    edges = np.linspace(0, 1, BINS + 1)
    real, _ = np.histogram(scores[labels == 0], edges)
    fake, _ = np.histogram(scores[labels == 1], edges)
    middles = np.round((edges[1:] + edges[:-1]) / 2, 3)
    return pd.DataFrame({"score": middles, "real": real, "fake": fake})
