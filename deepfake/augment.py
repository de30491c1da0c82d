"""What happens to a crop before the network sees it. Inference uses `evaluation` too."""

import torch
from torch import nn
from torchvision.transforms import v2

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, as in torchvision's weights
STD = (0.229, 0.224, 0.225)


def evaluation(size: int) -> nn.Module:
    """The preset for val, test and every prediction: uint8 RGB, 3 x h x w, to normalised floats."""
    return _chain([v2.Resize((size, size), antialias=True), *_normalised()])


def training(preset: str, size: int) -> nn.Module:
    """A preset for training, by name; it draws from torch's global generator."""
    return _chain([*PRESETS[preset](size), *_normalised()])


def _chain(steps: list[nn.Module]) -> nn.Module:
    chain: nn.Module = v2.Compose(steps)
    return chain


def _normalised() -> list[nn.Module]:
    return [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]


def _none(size: int) -> list[nn.Module]:
    return [v2.Resize((size, size), antialias=True)]


def _light(size: int) -> list[nn.Module]:
    """Mirrored, shifted a little, other light and compression."""
    return [
        v2.RandomResizedCrop((size, size), scale=(0.8, 1.0), ratio=(0.95, 1.05), antialias=True),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),  # hue would take 2 ms more
        v2.RandomApply([v2.JPEG((40, 100))], p=0.3),
    ]


def _strong(size: int) -> list[nn.Module]:
    """As light, and turned, blurred and partly covered."""
    return [
        v2.RandomRotation(10, interpolation=v2.InterpolationMode.BILINEAR),
        *_light(size),
        v2.RandomApply([v2.GaussianBlur(5, (0.1, 2.0))], p=0.2),
        v2.RandomGrayscale(0.1),
        v2.RandomErasing(p=0.2, scale=(0.02, 0.1)),
    ]


PRESETS = {"none": _none, "light": _light, "strong": _strong}
