"""Small pictures that tests of images share."""

import numpy as np
from PIL import Image as Pil

RED, BLUE = (250, 20, 40), (10, 60, 200)


def picture() -> Pil.Image:
    """32 x 24: red to the left, blue to the right."""
    pixels = np.full((24, 32, 3), RED, np.uint8)
    pixels[:, 16:] = BLUE
    return Pil.fromarray(pixels)


def noise(height: int = 96, width: int = 128) -> Pil.Image:
    rng = np.random.default_rng(0)
    return Pil.fromarray(rng.integers(1, 256, (height, width, 3), np.uint8))


def near(found: np.ndarray, expected: object, within: int = 8) -> bool:
    return bool(np.abs(found.astype(int) - np.asarray(expected)).max() <= within)
