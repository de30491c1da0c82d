"""What happens to every crop before the network sees it, in evaluation and prediction."""

import torch
from torch import nn
from torchvision.transforms import v2

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, as in torchvision's weights
STD = (0.229, 0.224, 0.225)


def evaluation(size: int) -> nn.Module:
    """The preset for val, test and every prediction: uint8 RGB, 3 x h x w, to normalised floats."""
    return compose([v2.Resize((size, size), antialias=True), normalisation()])


def normalisation() -> nn.Module:
    """From uint8, ... x 3 x h x w, to the floats that the network wants."""
    return compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])


def compose(steps: list[nn.Module]) -> nn.Module:
    """The steps one after the other."""
    chain: nn.Module = v2.Compose(steps)
    return chain
