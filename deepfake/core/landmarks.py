"""Landmarks of faces and their file: 68 points, numbered as in iBUG 300-W (Sagonas et al., ICCVW 2013)."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

POINTS = 68  # 17 of the jaw, 10 of the brows, 9 of the nose, 12 of the eyes, 20 of the mouth
Landmarks = NDArray[np.float32]  # 68 x (x, y), in pixels of the crop
LandmarkTable = NDArray[np.float16]  # crops x 68 x (x, y), in pixels, precise to 1/8 pixel
NO_LANDMARKS: LandmarkTable = np.zeros(
    (0, POINTS, 2), np.float16
)  # written where no stage uses them


def landmarks_to_bytes(landmarks: LandmarkTable) -> bytes:
    """The content of data/landmarks.npy, in NumPy's format."""
    buffer = io.BytesIO()
    np.save(buffer, landmarks, allow_pickle=False)
    return buffer.getvalue()


def read_landmarks(path: Path, rows: "pd.Series[int]") -> LandmarkTable:
    """Read the landmarks of some crops.

    Args:
        path: data/landmarks.npy.
        rows: positions of the crops in data/crops.csv.

    Returns:
        rows x 68 x (x, y); NaN where landmarks are unknown, and everywhere if the file is
        `NO_LANDMARKS`.
    """
    stored = np.load(path, mmap_mode="r", allow_pickle=False)
    if not len(stored):  # NO_LANDMARKS
        return np.full((len(rows), POINTS, 2), np.nan, np.float16)
    selected: LandmarkTable = np.asarray(stored[rows])
    return selected
