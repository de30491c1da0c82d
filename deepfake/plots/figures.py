"""Shared by all figures: colours, PNG files and grids of images. The same data gives the same bytes."""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from deepfake.core.files import write_bytes
from deepfake.core.image import Image
from deepfake.core.labels import FAKE, REAL

mpl.use("Agg")
DPI = 110
LABEL_COLORS = {REAL: "#2b7a78", FAKE: "#d1495b"}
GRID_COLUMNS = 6


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG file, without the version that matplotlib adds by default."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def image_grid(images: Sequence[Image], captions: Sequence[str], title: str) -> Figure:
    """Images with captions, `GRID_COLUMNS` in a row; the title alone if there are no images."""
    rows = max(1, -(-len(images) // GRID_COLUMNS))
    figure = Figure(figsize=(2 * GRID_COLUMNS, 2.5 * rows + 0.5), layout="constrained")
    figure.suptitle(title)
    for axes in np.ravel(figure.subplots(rows, GRID_COLUMNS)):
        axes.axis("off")
    for axes, image, caption in zip(figure.axes, images, captions, strict=False):
        axes.imshow(image)
        axes.set_title(caption, fontsize=7)
    return figure
