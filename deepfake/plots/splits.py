"""Figure of the splits: sizes, methods and groups."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deepfake.core.labels import FAKE, LABEL_NAMES, SPLITS, Floats
from deepfake.plots.figures import LABEL_COLORS


def split_overview(balance: pd.DataFrame, groups: pd.DataFrame) -> Figure:
    """Labels, methods and groups of each split, with the requested sizes.

    Args:
        balance: as `splits.report.balance_table` returns it.
        groups: as `splits.report.group_table` returns it.
    """
    figure = Figure(figsize=(12, 4), layout="constrained")
    sizes, methods, groups_axes = figure.subplots(1, 3)
    positions = np.arange(len(SPLITS))
    bottom = np.zeros(len(SPLITS))
    for label, name in LABEL_NAMES.items():
        heights = _videos_per_split(balance[balance["label"] == label])
        sizes.bar(positions, heights, bottom=bottom, color=LABEL_COLORS[label], label=name)
        bottom += heights
    requested = balance.groupby("split")["wanted"].first().reindex(SPLITS)
    if requested.notna().any():
        ends = {"xmin": positions - 0.45, "xmax": positions + 0.45}
        sizes.hlines(requested, **ends, color="black", linestyle="--", label="requested")
    sizes.set(title="Videos by label", ylabel="Videos")
    bottom = np.zeros(len(SPLITS))
    fakes = balance[balance["label"] == FAKE]
    for method in sorted(fakes["method"].unique()):
        shares = _videos_per_split(balance[balance["method"] == method]) / np.maximum(
            1, _videos_per_split(fakes)
        )
        methods.bar(positions, shares, bottom=bottom, label=method)
        bottom += shares
    methods.set(title="FAKE videos by method", ylabel="Fraction of FAKE videos")
    bottom = np.zeros(len(SPLITS))
    for rank in range(int(groups["split"].value_counts().max())):
        of_rank = groups.groupby("split")["videos"].nth(rank)
        videos = groups.loc[of_rank.index].set_index("split")["videos"].reindex(SPLITS).fillna(0)
        groups_axes.bar(positions, videos, bottom=bottom, edgecolor="white", linewidth=0.3)
        bottom = bottom + videos.to_numpy(np.float64)
    groups_axes.set(title="Groups, largest at the bottom", ylabel="Videos")
    for axes in (sizes, methods, groups_axes):
        axes.set_xticks(positions, SPLITS)
    sizes.legend()
    if methods.containers:
        methods.legend(fontsize=7)
    return figure


def _videos_per_split(balance: pd.DataFrame) -> Floats:
    videos = balance.groupby("split")["videos"].sum().reindex(SPLITS)
    return videos.fillna(0).to_numpy(np.float64)
