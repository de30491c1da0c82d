"""From a crop to the network's input, for val, test and prediction."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, as in torchvision's weights
STD = (0.229, 0.224, 0.225)


class Resize(nn.Module):
    """Resizes uint8 RGB, 3 x h x w, to 3 x size x size, bilinear with antialiasing.

    `transforms.resize.resize` does the same without torch.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.shape = (size, size)

    def forward(self, crop: Tensor) -> Tensor:
        """The resized crop."""
        if crop.shape[-2:] == self.shape:
            return crop
        return interpolate(crop[None], self.shape, mode="bilinear", antialias=True)[0]


class Normalise(nn.Module):
    """Converts uint8 RGB, ... x 3 x h x w, to the normalised floats that the network expects."""

    def forward(self, crops: Tensor) -> Tensor:
        """Values of the same shape, float32."""
        floats = crops.to(torch.float32).mul_(1 / 255)
        mean, std = (floats.new_tensor(values).view(-1, 1, 1) for values in (MEAN, STD))
        return floats.sub(mean).div_(std)


def evaluation_transform(size: int) -> nn.Module:
    """The preset without augmentation, for val, test and prediction.

    It converts uint8 RGB, 3 x h x w, to normalised floats, 3 x size x size.
    """
    return nn.Sequential(Resize(size), Normalise())
