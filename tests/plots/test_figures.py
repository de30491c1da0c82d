"""Figures: they show what the tables hold, and the same data gives the same bytes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from deepfake.core.image import decode_image
from deepfake.core.labels import FAKE, REAL
from deepfake.evaluation.robustness import UNDEGRADED, measure
from deepfake.plots import figures
from deepfake.plots.evaluation import evaluation_overview
from deepfake.plots.robustness import robustness_curves
from deepfake.plots.shortcuts import shortcut_bars
from deepfake.plots.splits import split_overview
from deepfake.plots.training import training_curves
from deepfake.transforms.degradations import DEGRADATIONS

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2],
        "train_loss": [0.7, 0.5],
        "val_loss": [0.6, 0.55],
        "val_frame_roc_auc": [0.6, 0.7],
        "val_video_roc_auc": [0.65, 0.8],
    }
)
VIDEOS = pd.DataFrame(
    {
        "label": [0, 0, 1, 1, 1],
        "score": [0.1, 0.6, 0.4, 0.97, float("nan")],
        "verdict": ["REAL", "FAKE", "REAL", "FAKE", "UNDECIDED"],
    }
)
SCORES = {
    UNDEGRADED: np.array([0.1, 0.6, 0.4, 0.97]),
    **{(name, level): np.full(4, 0.5) for name in DEGRADATIONS for level in (1, 5)},
}
ROBUSTNESS = measure(SCORES, VIDEOS[:4].assign(group=range(4)), 0.5, 1000)
SHORTCUTS = pd.DataFrame(
    [("metadata", 40, 20, 0.7, 0.6, 0.8, 1), ("border", 40, 20, 0.5, 0.4, 0.6, 0)],
    columns=["shortcut", "videos", "groups", "roc_auc", "low", "high", "warning"],
)
BALANCE = pd.DataFrame(
    [
        ("train", 0, "real", 6, 12.0),
        ("train", 1, "swap", 5, 12.0),
        ("val", 0, "real", 2, 4.0),
        ("val", 1, "swap", 2, 4.0),
        ("test", 0, "real", 2, 4.0),
        ("test", 1, "drive", 3, 4.0),
    ],
    columns=["split", "label", "method", "videos", "wanted"],
)
GROUPS = pd.DataFrame(
    [("test", 3, 5), ("train", 0, 8), ("train", 1, 3), ("val", 2, 4)],
    columns=["split", "group", "videos"],
)
GRID = [np.full((8, 8, 3), value, np.uint8) for value in range(0, 210, 30)]

MakeFigure = Callable[[], Figure]
FIGURES: dict[str, MakeFigure] = {
    "training": lambda: training_curves(HISTORY, 2),
    "training, domains": lambda: training_curves(
        HISTORY.assign(val_domain_roc_auc=0.7, val_roc_auc_video=0.8, val_roc_auc_photo=0.6), 2
    ),
    "training, empty": lambda: training_curves(HISTORY[:0], 1),
    "evaluation": lambda: evaluation_overview({"val": VIDEOS[:2], "test": VIDEOS}, 0.5),
    "evaluation, empty": lambda: evaluation_overview({"test": VIDEOS[:0]}, 0.5),
    "evaluation, undecided": lambda: evaluation_overview({"test": VIDEOS[4:]}, 0.5),
    "robustness": lambda: robustness_curves(ROBUSTNESS),
    "robustness, all UNDECIDED": lambda: robustness_curves(ROBUSTNESS.assign(roc_auc=np.nan)),
    "shortcuts": lambda: shortcut_bars(SHORTCUTS),
    "shortcuts, unknown": lambda: shortcut_bars(SHORTCUTS.assign(roc_auc=np.nan)),
    "splits": lambda: split_overview(BALANCE, GROUPS),
    "grid": lambda: figures.image_grid(GRID, list("abcdefg"), "title"),
    "grid, empty": lambda: figures.image_grid([], [], "nothing"),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES.keys())
def test_same_data_gives_the_same_png(tmp_path: Path, make: MakeFigure) -> None:
    for name in ("one.png", "other.png"):
        figures.save_figure(make(), tmp_path / name)
    data = (tmp_path / "one.png").read_bytes()
    assert data == (tmp_path / "other.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert b"matplotlib" not in data.lower()  # its version would change the bytes
    assert decode_image(data).std() > 1


def test_overview_shows_the_last_split() -> None:
    figure = evaluation_overview({"val": VIDEOS[:2], "test": VIDEOS}, 0.37)
    roc, _, confusion, histogram = figure.axes
    assert [text.get_text() for text in confusion.texts] == ["1", "1", "0", "1", "1", "1"]
    assert confusion.get_title() == "Verdicts on test videos"
    legend = [text.get_text() for text in roc.get_legend().get_texts()]
    assert legend == ["val (2 videos)", "test (4 videos)"]
    legend = [text.get_text() for text in histogram.get_legend().get_texts()]
    assert "threshold 0.37" in legend


def test_training_curves_show_the_best_epoch() -> None:
    losses, roc_aucs = training_curves(HISTORY, 2).axes
    legends = [
        [text.get_text() for text in axes.get_legend().get_texts()] for axes in (losses, roc_aucs)
    ]
    assert legends == [["train", "val", "best epoch (2)"], ["frames", "videos", "best epoch (2)"]]
    assert [list(line.get_ydata()) for line in losses.lines[:2]] == [[0.7, 0.5], [0.6, 0.55]]


def test_robustness_has_a_panel_per_degradation() -> None:
    axes = robustness_curves(ROBUSTNESS).axes
    assert [panel.get_title() for panel in axes] == list(DEGRADATIONS)
    assert [text.get_text() for text in axes[-1].get_xticklabels()] == ["none", "30", "40"]


def test_shortcuts_with_a_warning_have_the_colour_of_fake() -> None:
    [axes] = shortcut_bars(SHORTCUTS).axes
    assert [bar.get_width() for bar in axes.patches] == [0.7, 0.5]
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [
        figures.LABEL_COLORS[FAKE],
        figures.LABEL_COLORS[REAL],
    ]


def test_split_overview_stacks_labels_methods_and_groups() -> None:
    labels, methods, groups = split_overview(BALANCE, GROUPS).axes
    assert [bar.get_height() for bar in labels.patches] == [6, 2, 2, 5, 2, 3]
    assert [bar.get_height() for bar in methods.patches] == [0, 0, 1, 1, 1, 0]
    assert [bar.get_height() for bar in groups.patches] == [8, 4, 5, 3, 0, 0]
    assert [text.get_text() for text in labels.get_xticklabels()] == ["train", "val", "test"]


@pytest.mark.parametrize(("count", "places"), [(0, 6), (1, 6), (6, 6), (7, 12)])
def test_grid_has_six_in_a_row(count: int, places: int) -> None:
    figure = figures.image_grid([GRID[0]] * count, [f"c{i}" for i in range(count)], "title")
    assert len(figure.axes) == places
    assert [len(axes.images) for axes in figure.axes] == [1] * count + [0] * (places - count)
    assert [axes.get_title() for axes in figure.axes[:count]] == [f"c{i}" for i in range(count)]
