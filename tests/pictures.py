"""Small pictures for tests of images."""

import numpy as np
from PIL import Image as Pil

RED, BLUE = (250, 20, 40), (10, 60, 200)


def picture() -> Pil.Image:
    """32 x 24 pixels, red on the left and blue on the right."""
    pixels = np.full((24, 32, 3), RED, np.uint8)
    pixels[:, 16:] = BLUE
    return Pil.fromarray(pixels)


def noise(height: int = 96, width: int = 128) -> Pil.Image:
    """Random pixels, the same in every call."""
    rng = np.random.default_rng(0)
    return Pil.fromarray(rng.integers(1, 256, (height, width, 3), np.uint8))


def near(image: np.ndarray, expected: object, tolerance: int = 8) -> bool:
    """Whether all pixels differ from the expected ones by at most `tolerance` grey levels."""
    return bool(np.abs(image.astype(int) - np.asarray(expected)).max() <= tolerance)
