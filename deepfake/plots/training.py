"""Figures of the training."""

import pandas as pd
from matplotlib.figure import Figure


def training_curves(history: pd.DataFrame, best_epoch: int) -> Figure:
    """Loss of train and val, and ROC-AUC of val, per epoch."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, ranks = figure.subplots(1, 2)
    for column in ("train_loss", "val_loss"):
        losses.plot(history["epoch"], history[column], marker="o", label=column)
    for column in ("val_frame_roc_auc", "val_video_roc_auc"):
        ranks.plot(history["epoch"], history[column], marker="o", label=column)
    for axes, title in ((losses, "loss"), (ranks, "ROC-AUC on val")):
        axes.axvline(best_epoch, color="gray", linestyle=":", label=f"published: {best_epoch}")
        axes.set(xlabel="epoch", title=title)
        axes.legend()
    return figure
