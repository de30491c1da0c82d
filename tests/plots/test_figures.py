"""Pictures: they say what the tables say, with the same bytes each time."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from deepfake.core.image import decode_image
from deepfake.plots import evaluation, figures, training

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
GRID = [np.full((8, 8, 3), value, np.uint8) for value in range(0, 210, 30)]

Draw = Callable[[], Figure]
FIGURES: dict[str, Draw] = {
    "training": lambda: training.training_curves(HISTORY, 2),
    "training, empty": lambda: training.training_curves(HISTORY[:0], 1),
    "evaluation": lambda: evaluation.evaluation_overview({"val": VIDEOS[:2], "test": VIDEOS}, 0.5),
    "evaluation, empty": lambda: evaluation.evaluation_overview({"test": VIDEOS[:0]}, 0.5),
    "evaluation, undecided": lambda: evaluation.evaluation_overview({"test": VIDEOS[4:]}, 0.5),
    "grid": lambda: figures.image_grid(GRID, list("abcdefg"), "title"),
    "grid, empty": lambda: figures.image_grid([], [], "nothing"),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES.keys())
def test_png_is_written_with_the_same_bytes(tmp_path: Path, draw: Draw) -> None:
    for name in ("one.png", "other.png"):
        figures.save(draw(), tmp_path / name)
    data = (tmp_path / "one.png").read_bytes()
    assert data == (tmp_path / "other.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert b"matplotlib" not in data.lower()  # its version would change the bytes
    assert decode_image(data).std() > 1


def test_overview_shows_the_last_split() -> None:
    figure = evaluation.evaluation_overview({"val": VIDEOS[:2], "test": VIDEOS}, 0.37)
    roc, _, confusion, histogram = figure.axes
    assert [text.get_text() for text in confusion.texts] == ["1", "1", "0", "1", "1", "1"]
    assert confusion.get_title() == "verdicts on test, videos"
    legend = [text.get_text() for text in roc.get_legend().get_texts()]
    assert legend == ["val, 2 videos", "test, 4 videos"]
    legend = [text.get_text() for text in histogram.get_legend().get_texts()]
    assert "threshold 0.37" in legend


@pytest.mark.parametrize(("count", "places"), [(0, 6), (1, 6), (6, 6), (7, 12)])
def test_grid_has_six_in_a_row(count: int, places: int) -> None:
    figure = figures.image_grid([GRID[0]] * count, [f"c{i}" for i in range(count)], "title")
    assert len(figure.axes) == places
    assert [len(axes.images) for axes in figure.axes] == [1] * count + [0] * (places - count)
    assert [axes.get_title() for axes in figure.axes[:count]] == [f"c{i}" for i in range(count)]
