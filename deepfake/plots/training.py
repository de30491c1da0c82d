"""Figure of the training history."""

import pandas as pd
from matplotlib.figure import Figure

DOMAIN = "val_roc_auc_"  # prefix of the columns of single domains


def training_curves(history: pd.DataFrame, best_epoch: int) -> Figure:
    """Loss on train and val, and ROC-AUC on val, after each epoch.

    Args:
        history: as `training.loop.TrainingResult.history`.
        best_epoch: counted from 1.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, roc_aucs = figure.subplots(1, 2)
    for column, name in (("train_loss", "train"), ("val_loss", "val")):
        losses.plot(history["epoch"], history[column], marker="o", label=name)
    names = {"val_frame_roc_auc": "frames", "val_video_roc_auc": "videos"}
    domains = [column for column in map(str, history) if column.startswith(DOMAIN)]
    names |= {column: column.removeprefix(DOMAIN) for column in domains}
    if domains:
        names["val_domain_roc_auc"] = "mean of domains"
    for column, name in names.items():
        roc_aucs.plot(history["epoch"], history[column], marker="o", label=name)
    for axes, title in ((losses, "Loss"), (roc_aucs, "ROC-AUC on val")):
        axes.axvline(best_epoch, color="gray", linestyle=":", label=f"best epoch ({best_epoch})")
        axes.set(xlabel="Epoch", title=title)
        axes.legend()
    return figure
