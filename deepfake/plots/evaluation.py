"""Figure of the evaluation: curves, verdicts and scores."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepfake.core.labels import FAKE, LABEL_NAMES, REAL
from deepfake.evaluation.curves import SCORE_BINS, VERDICTS, confusion_points, pr_points, roc_points
from deepfake.plots.figures import LABEL_COLORS


def evaluation_overview(videos: Mapping[str, pd.DataFrame], threshold: float) -> Figure:
    """ROC and precision-recall curves of each split; verdicts and scores of the last one.

    Args:
        videos: by the name of the split, as `Predictions.videos`.
        threshold: scores from here on are FAKE.
    """
    figure = Figure(figsize=(10, 9), layout="constrained")
    (roc, pr), (confusion, histogram) = figure.subplots(2, 2)
    for name, table in videos.items():
        scored = table[table["score"].notna()]
        curve = roc_points(scored["label"], scored["score"])
        roc.plot(curve["fpr"], curve["tpr"], label=f"{name} ({len(scored)} videos)")
        curve = pr_points(scored["label"], scored["score"])
        pr.plot(curve["recall"], curve["precision"], label=name)
    roc.plot([0, 1], [0, 1], color="gray", linestyle=":")
    roc.set(xlabel="False positive rate", ylabel="True positive rate", title="ROC of videos")
    pr.set(xlabel="Recall", ylabel="Precision", title="Precision-recall of videos")
    pr.set(ylim=(0, 1.05))
    for axes in (roc, pr):
        axes.legend()
    last, table = list(videos.items())[-1]
    _draw_confusion(confusion, table, last)
    _draw_histogram(histogram, table, threshold, last)
    return figure


def _draw_confusion(axes: Axes, videos: pd.DataFrame, split: str) -> None:
    counts = confusion_points(videos)["videos"].to_numpy().reshape(-1, len(VERDICTS))
    axes.imshow(counts, cmap="Blues", vmin=0, vmax=max(1, counts.max()), aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=14)
    axes.set_xticks(range(len(VERDICTS)), VERDICTS)
    axes.set_yticks((REAL, FAKE), list(LABEL_NAMES.values()))
    axes.set(xlabel="Verdict", ylabel="Label", title=f"Verdicts on {split} videos")


def _draw_histogram(axes: Axes, videos: pd.DataFrame, threshold: float, split: str) -> None:
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    for label, name in LABEL_NAMES.items():
        scores = videos.loc[videos["label"] == label, "score"].dropna()
        axes.hist(scores, edges.tolist(), color=LABEL_COLORS[label], alpha=0.65, label=name)
    axes.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.2f}")
    axes.set(xlabel="Score", ylabel="Videos", title=f"Scores of {split} videos")
    axes.legend()
