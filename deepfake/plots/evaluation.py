"""Figures of the evaluation: curves, verdicts and scores."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepfake.evaluation.curves import BINS, pr_points, roc_points
from deepfake.plots.figures import FAKE_COLOR, REAL_COLOR

VERDICTS = ["REAL", "FAKE", "UNDECIDED"]


def evaluation_overview(videos: Mapping[str, pd.DataFrame], threshold: float) -> Figure:
    """ROC and precision-recall of each split, verdicts and scores of the last one given.

    Args:
        videos: tables of `evaluation.Predictions.videos` by the name of the split.
        threshold: scores from here on are called FAKE.
    """
    figure = Figure(figsize=(10, 9), layout="constrained")
    (roc, pr), (confusion, histogram) = figure.subplots(2, 2)
    for name, table in videos.items():
        scored = table[table["score"].notna()]
        curve = roc_points(scored["label"], scored["score"])
        roc.plot(curve["fpr"], curve["tpr"], label=f"{name}, {len(scored)} videos")
        curve = pr_points(scored["label"], scored["score"])
        pr.plot(curve["recall"], curve["precision"], label=name)
    roc.plot([0, 1], [0, 1], color="gray", linestyle=":")
    roc.set(xlabel="REAL called FAKE", ylabel="FAKE found", title="ROC, videos")
    pr.set(xlabel="recall", ylabel="precision", title="precision-recall, videos", ylim=(0, 1.05))
    for axes in (roc, pr):
        axes.legend()
    last, table = list(videos.items())[-1]
    _draw_confusion(confusion, table, last)
    _draw_histogram(histogram, table, threshold, last)
    return figure


def _draw_confusion(axes: Axes, videos: pd.DataFrame, split: str) -> None:
    actual = [videos["label"] == 0, videos["label"] == 1]
    counts = np.array(
        [
            [int((rows & (videos["verdict"] == verdict)).sum()) for verdict in VERDICTS]
            for rows in actual
        ]
    )
    axes.imshow(counts, cmap="Blues", vmin=0, vmax=max(1, counts.max()), aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=14)
    axes.set_xticks(range(len(VERDICTS)), VERDICTS)
    axes.set_yticks(range(2), VERDICTS[:2])
    axes.set(xlabel="verdict", ylabel="actual", title=f"verdicts on {split}, videos")


def _draw_histogram(axes: Axes, videos: pd.DataFrame, threshold: float, split: str) -> None:
    edges = np.linspace(0, 1, BINS + 1)
    for label, name, color in ((0, "REAL", REAL_COLOR), (1, "FAKE", FAKE_COLOR)):
        scores = videos.loc[videos["label"] == label, "score"].dropna()
        axes.hist(scores, edges.tolist(), color=color, alpha=0.65, label=name)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.2f}")
    axes.set(xlabel="score", ylabel="videos", title=f"scores on {split}")
    axes.legend()
