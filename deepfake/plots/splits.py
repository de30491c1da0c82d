"""Figures of the splits."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deepfake.core.labels import SPLITS
from deepfake.plots.figures import FAKE_COLOR, REAL_COLOR


def split_overview(balance: pd.DataFrame, groups: pd.DataFrame) -> Figure:
    """Labels, methods and groups of the splits, beside what was asked for.

    Args:
        balance: as `split_report.balance` gives it.
        groups: as `split_report.group_table` gives it.
    """
    figure = Figure(figsize=(12, 4), layout="constrained")
    sizes, methods, parts = figure.subplots(1, 3)
    places = np.arange(len(SPLITS))
    bottom = np.zeros(len(SPLITS))
    for label, title, color in ((0, "REAL", REAL_COLOR), (1, "FAKE", FAKE_COLOR)):
        heights = _sums(balance[balance["label"] == label])
        sizes.bar(places, heights, bottom=bottom, color=color, label=title)
        bottom += heights
    wanted = balance.groupby("split")["wanted"].first().reindex(SPLITS)
    if wanted.notna().any():
        ends = {"xmin": places - 0.45, "xmax": places + 0.45}
        sizes.hlines(wanted, **ends, color="black", linestyle="--", label="asked for")
    sizes.set(title="videos", ylabel="videos")
    bottom = np.zeros(len(SPLITS))
    for method in sorted(balance.loc[balance["label"] == 1, "method"].unique()):
        shares = _sums(balance[balance["method"] == method]) / np.maximum(
            1, _sums(balance[balance["label"] == 1])
        )
        methods.bar(places, shares, bottom=bottom, label=method)
        bottom += shares
    methods.set(title="methods of the fakes", ylabel="share of the split's fakes")
    bottom = np.zeros(len(SPLITS))
    for rank in range(int(groups["split"].value_counts().max())):
        of_rank = groups.groupby("split")["videos"].nth(rank)
        sized = groups.loc[of_rank.index].set_index("split")["videos"].reindex(SPLITS).fillna(0)
        parts.bar(places, sized, bottom=bottom, edgecolor="white", linewidth=0.3)
        bottom = bottom + sized.to_numpy(np.float64)
    parts.set(title="groups, the largest at the bottom", ylabel="videos")
    for axes in (sizes, methods, parts):
        axes.set_xticks(places, SPLITS)
    sizes.legend()
    if methods.containers:
        methods.legend(fontsize=7)
    return figure


def _sums(balance: pd.DataFrame) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    videos = balance.groupby("split")["videos"].sum().reindex(SPLITS)
    return videos.fillna(0).to_numpy(np.float64)
