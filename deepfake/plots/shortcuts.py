"""Figure of the shortcuts: classifiers that see no face."""

import pandas as pd
from matplotlib.figure import Figure

from deepfake.core.labels import FAKE, REAL
from deepfake.evaluation.shortcuts import WARNING_ROC_AUC
from deepfake.plots.figures import LABEL_COLORS


def shortcut_bars(table: pd.DataFrame) -> Figure:
    """ROC-AUC of each shortcut on test with its interval, and the warning threshold.

    Args:
        table: as `evaluation.shortcuts.audit_shortcuts` returns it.
    """
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    known = table[table["roc_auc"].notna()].reset_index(drop=True)
    colors = [LABEL_COLORS[FAKE if warning else REAL] for warning in known["warning"]]
    axes.barh(known.index, known["roc_auc"], color=colors)
    axes.hlines(known.index, known["low"], known["high"], color="black", linewidth=2)
    axes.axvline(0.5, color="gray", linestyle=":", label="chance level")
    axes.axvline(WARNING_ROC_AUC, color="black", linestyle="--", label="warning threshold")
    axes.set_yticks(known.index, known["shortcut"])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="ROC-AUC on test, with 95 % interval")
    axes.set(title="FAKE recognised without a face")
    axes.legend(loc="lower right", fontsize=7)
    return figure
