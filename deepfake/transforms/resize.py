"""Resizing without torch, for ONNX Runtime: the same pixels as the evaluation preset."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image

WEIGHT_LIMIT = 2**15  # torch rounds weights to 16-bit integers
MAX_PRECISION = 22  # binary digits of a weight after the point


def resize(image: Image, size: int) -> Image:
    """Resize an RGB image to size x size pixels, bilinear with antialiasing.

    Every pixel is that of `torch.nn.functional.interpolate`, which for uint8 works as Pillow does:
    first the rows, then the columns, each with integer weights and rounded to uint8.
    """
    narrow = _resize_columns(image.transpose(1, 0, 2), size).transpose(1, 0, 2)
    return np.ascontiguousarray(_resize_columns(narrow, size))


def _resize_columns(image: Image, size: int) -> Image:
    """The image, height x width x 3, with another height."""
    height, width, channels = image.shape
    if height == size:
        return image
    weights, precision = _weights(height, size)
    sums = weights @ image.reshape(height, -1).astype(np.float64)  # exact, as all are integers
    rounded = np.floor(sums / 2**precision + 0.5)
    resized: Image = np.clip(rounded, 0, 255).astype(np.uint8).reshape(size, width, channels)
    return resized


@cache
def _weights(old: int, new: int) -> tuple[NDArray[np.float64], int]:
    """The weight of each old pixel in each new one, new x old: integers, over 2 ** precision."""
    scale = old / new
    support = max(scale, 1.0)
    weights = np.zeros((new, old))
    for row, center in zip(weights, scale * (np.arange(new) + 0.5), strict=True):
        first, last = max(int(center - support + 0.5), 0), min(int(center + support + 0.5), old)
        distances = np.abs(np.arange(first, last) + 0.5 - center)
        triangle = np.maximum(1 - distances / support, 0)
        row[first:last] = triangle / triangle.sum()
    largest, precision = weights.max(), 0
    while precision < MAX_PRECISION and largest * 2 ** (precision + 1) + 0.5 < WEIGHT_LIMIT:
        precision += 1
    return np.floor(weights * 2**precision + 0.5), precision
