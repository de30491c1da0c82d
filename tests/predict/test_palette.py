"""Colours that can be read, and told apart by everybody."""

from itertools import combinations

import cv2
import numpy as np
import pytest

from deepfake.predict.palette import DARK, LIGHT, Palette, rgb

# Severe deficiencies, on linear RGB: Machado, Oliveira and Fernandes, 2009.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TEXT = 4.5  # contrast that WCAG 2.2 AA asks for
DIFFERENT = 20  # in CIE Lab, where 2.3 is just noticeable

themes = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])


def linear(colour: str) -> np.ndarray:
    value = np.array(rgb(colour)) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    low, high = sorted(linear(one) @ [0.2126, 0.7152, 0.0722] for one in (first, second))
    return float((high + 0.05) / (low + 0.05))


def seen(colour: str, deficiency: str) -> np.ndarray:
    """The colour in CIE Lab, as somebody with a deficiency sees it."""
    value = np.clip(DEFICIENCIES[deficiency] @ linear(colour), 0, 1)
    return cv2.cvtColor(value.astype(np.float32)[None, None], cv2.COLOR_LRGB2Lab)[0, 0]


@themes
@pytest.mark.parametrize("background", ["page", "card"])
def test_contrast(theme: Palette, background: str) -> None:
    behind = getattr(theme, background)
    for name in ("ink", "soft", "accent", "fake", "real", "undecided"):
        assert contrast(getattr(theme, name), behind) >= TEXT, name


@themes
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_verdicts_differ_for_the_colour_blind(theme: Palette, deficiency: str) -> None:
    verdicts = (theme.fake, theme.real, theme.undecided)
    for first, second in combinations(verdicts, 2):
        apart = np.linalg.norm(seen(first, deficiency) - seen(second, deficiency))
        assert apart >= DIFFERENT, (first, second)
