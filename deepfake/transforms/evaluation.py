"""From a crop to the network's input, for val, test and prediction."""

import torch
from torch import nn
from torchvision.transforms import v2

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, as in torchvision's weights
STD = (0.229, 0.224, 0.225)


def evaluation_transform(size: int) -> nn.Module:
    """The preset without augmentation, for val, test and prediction.

    It converts uint8 RGB, 3 x h x w, to normalised floats, 3 x size x size.
    """
    return compose([v2.Resize((size, size), antialias=True), normalisation()])


def normalisation() -> nn.Module:
    """Converts uint8 RGB, ... x 3 x h x w, to the normalised floats that the network expects."""
    return compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])


def compose(steps: list[nn.Module]) -> nn.Module:
    """A transform that applies the steps in order."""
    chain: nn.Module = v2.Compose(steps)
    return chain
