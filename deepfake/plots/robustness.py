"""Picture of what degradations do to the detection."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepfake.plots.figures import FAKE_COLOR
from deepfake.transforms.degradations import DEGRADATIONS

PER_ROW = 4


def robustness_curves(found: pd.DataFrame) -> Figure:
    """ROC-AUC by strength, a panel per degradation, the undegraded one dashed.

    Args:
        found: as `robustness.compare` gives it.
    """
    names = list(dict.fromkeys(found["degradation"]))
    rows = max(1, -(-len(names) // PER_ROW))
    figure = Figure(figsize=(3 * PER_ROW, 2.6 * rows + 0.6), layout="constrained")
    panels = figure.subplots(rows, PER_ROW, sharey=True, squeeze=False)
    figure.suptitle("test videos under degradations, with 95 % intervals")
    for axes in panels.flat[len(names) :]:
        axes.axis("off")
    for axes, name in zip(panels.flat, names, strict=False):
        _draw_curve(axes, found[found["degradation"] == name])
        axes.set(title=name, xlabel=DEGRADATIONS[name].meaning)
    for axes in panels[:, 0]:
        axes.set(ylabel="ROC-AUC")
    return figure


def _draw_curve(axes: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))
    undegraded = float(rows["roc_auc"].iloc[0])
    axes.axhline(undegraded, color="black", linestyle="--", linewidth=1)
    axes.axhline(0.5, color="gray", linestyle=":", linewidth=1)
    axes.fill_between(places, rows["low"], rows["high"], color=FAKE_COLOR, alpha=0.2, linewidth=0)
    axes.plot(places, rows["roc_auc"], color=FAKE_COLOR, marker="o")
    axes.set_xticks(places, ["none", *(f"{value:g}" for value in rows["strength"].iloc[1:])])
    axes.set(ylim=(0, 1.02))
