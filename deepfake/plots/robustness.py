"""Figure of the ROC-AUC under degradations."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepfake.core.labels import FAKE
from deepfake.plots.figures import LABEL_COLORS
from deepfake.transforms.degradations import DEGRADATIONS

PANELS_PER_ROW = 4
COLOR = LABEL_COLORS[FAKE]


def robustness_curves(table: pd.DataFrame) -> Figure:
    """ROC-AUC at each strength, one panel per degradation; without degradation as a dashed line.

    Args:
        table: as `evaluation.robustness.measure` returns it.
    """
    names = list(dict.fromkeys(table["degradation"]))
    rows = max(1, -(-len(names) // PANELS_PER_ROW))
    figure = Figure(figsize=(3 * PANELS_PER_ROW, 2.6 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, PANELS_PER_ROW, sharey=True, squeeze=False)
    figure.suptitle("ROC-AUC of test videos under degradations, with 95 % intervals")
    for axes in panels.flat[len(names) :]:
        axes.axis("off")
    for axes, name in zip(panels.flat, names, strict=False):
        _draw_curve(axes, table[table["degradation"] == name])
        axes.set(title=name, xlabel=DEGRADATIONS[name].strength_label)
    for axes in panels[:, 0]:
        axes.set(ylabel="ROC-AUC")
    return figure


def _draw_curve(axes: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))
    undegraded = float(rows["roc_auc"].iloc[0])
    axes.axhline(undegraded, color="black", linestyle="--", linewidth=1)
    axes.axhline(0.5, color="gray", linestyle=":", linewidth=1)
    axes.fill_between(places, rows["low"], rows["high"], color=COLOR, alpha=0.2, linewidth=0)
    axes.plot(places, rows["roc_auc"], color=COLOR, marker="o")
    axes.set_xticks(places, ["none", *(f"{value:g}" for value in rows["strength"].iloc[1:])])
    axes.set(ylim=(0, 1.02))
