"""Figures of what tells FAKE from REAL without a face."""

import pandas as pd
from matplotlib.figure import Figure

from deepfake.evaluation.shortcuts import WARN_AT
from deepfake.plots.figures import FAKE_COLOR, REAL_COLOR


def shortcut_bars(found: pd.DataFrame) -> Figure:
    """ROC-AUC on test of each shortcut with its interval, and where the warning begins.

    Args:
        found: as `shortcuts.audit_shortcuts` gives it.
    """
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    known = found[found["roc_auc"].notna()].reset_index(drop=True)
    colors = [FAKE_COLOR if warning else REAL_COLOR for warning in known["warning"]]
    axes.barh(known.index, known["roc_auc"], color=colors)
    axes.hlines(known.index, known["low"], known["high"], color="black", linewidth=2)
    axes.axvline(0.5, color="gray", linestyle=":", label="no better than chance")
    axes.axvline(WARN_AT, color="black", linestyle="--", label="warning")
    axes.set_yticks(known.index, known["shortcut"])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="ROC-AUC on test, 95 % interval", title="FAKE told without a face")
    axes.legend(loc="lower right", fontsize=7)
    return figure
