"""Harder images for `detectors.py`, made of a frame and the box of its face.

The face reduced to a few pixels, the frame cut to the face, and moved copies of the frame.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image

Box = NDArray[np.float64]  # x0, y0, x1, y1; numbers after them are ignored
WIDTH, HEIGHT = 640, 360  # pixels, of the image with a small face
COPIES, MAX_SCALE_CHANGE, MAX_SHIFT = 12, 0.15, 0.02  # moved copies; shifts in sides of the frame


def with_small_face(image: Image, face: Box, pixels: int) -> tuple[Image, Box]:
    """A grey image with the frame in it, so that its face has this height; and its box."""
    scale = pixels / (face[3] - face[1])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = small[:HEIGHT, :WIDTH]
    canvas = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    start = (np.array(canvas.shape[1::-1]) - small.shape[1::-1]) // 2
    canvas[start[1] : start[1] + small.shape[0], start[0] : start[0] + small.shape[1]] = small
    return canvas, face[:4] * scale + np.tile(start, 2)


def cut_to_face(image: Image, face: Box, ratio: float) -> tuple[Image, Box]:
    """The part of the image that the box of the face covers, scaled by `ratio`; and the box."""
    center, half = (face[:2] + face[2:4]) / 2, (face[2:4] - face[:2]) * ratio / 2
    start = np.maximum(center - half, 0).round().astype(int)
    end = (center + half).round().astype(int)
    part = np.ascontiguousarray(image[start[1] : end[1], start[0] : end[0]])
    return part, np.array([0, 0, part.shape[1], part.shape[0]], np.float64)


def moved_copies(image: Image, seed: int) -> Iterator[tuple[Image, float, NDArray[np.float64]]]:
    """Copies of the image that are scaled, then shifted: each with its scale, and its shift (x, y)."""
    rng = np.random.default_rng(seed)
    size = image.shape[1::-1]
    for _ in range(COPIES):
        scale = rng.uniform(1 - MAX_SCALE_CHANGE, 1 + MAX_SCALE_CHANGE)
        shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2) * size
        move = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        move[:, 2] += (scale - 1) / 2  # boxes start at the edge of a pixel, a warp at its middle
        moved = cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(moved, np.uint8), scale, shift
