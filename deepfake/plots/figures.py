"""What all figures share; the same data gives the same bytes."""

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from deepfake.core.files import write_bytes
from deepfake.core.image import Image

mpl.use("Agg")
DPI = 110
REAL_COLOR, FAKE_COLOR = "#2b7a78", "#d1495b"


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, without the date and version that matplotlib would add."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def image_grid(images: Sequence[Image], captions: Sequence[str], title: str) -> Figure:
    """Pictures with captions, six in a row; the title alone where there are none."""
    columns = 6
    rows = max(1, -(-len(images) // columns))
    figure = Figure(figsize=(2 * columns, 2.5 * rows + 0.5), layout="constrained")
    figure.suptitle(title)
    for axes in np.ravel(figure.subplots(rows, columns)):
        axes.axis("off")
    for axes, image, caption in zip(figure.axes, images, captions, strict=False):
        axes.imshow(image)
        axes.set_title(caption, fontsize=7)
    return figure
