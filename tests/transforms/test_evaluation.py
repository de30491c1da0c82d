"""The evaluation preset: torchvision's values without torchvision, its resizing without torch."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.transforms import v2

from deepfake.transforms.evaluation import MEAN, STD, Resize, evaluation_transform
from deepfake.transforms.resize import resize

SHAPES = [(64, 64), (48, 48), (200, 131), (47, 300), (1, 1), (1, 90)]


def noise(height: int, width: int, levels: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(height)
    drawn = rng.integers(0, levels, (height, width, 3)) * (255 // (levels - 1))
    return drawn.astype(np.uint8)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_preset_gives_the_values_of_torchvision(shape: tuple[int, int]) -> None:
    crop = torch.from_numpy(noise(*shape, 256)).permute(2, 0, 1)
    steps = [v2.Resize((64, 64)), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    expected = crop
    for step in steps:
        expected = step(expected)
    assert torch.equal(evaluation_transform(64)(crop), expected)


@pytest.mark.parametrize("levels", [2, 256])
@pytest.mark.parametrize("size", [1, 31, 64, 199])
@pytest.mark.parametrize("shape", SHAPES)
def test_resizing_without_torch_gives_the_same_pixels(
    shape: tuple[int, int], size: int, levels: int
) -> None:
    image = noise(*shape, levels)
    expected = Resize(size)(torch.from_numpy(image).permute(2, 0, 1)).permute(1, 2, 0)
    found = resize(image, size)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)
