"""Random augmentation of crops for training; `evaluation` is for val, test and prediction."""

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from deepfake.transforms.degradations import h264
from deepfake.transforms.evaluation import compose


def training_transform(preset: str, size: int, region: float, margin: float) -> nn.Module:
    """A training preset, from uint8 RGB to uint8 RGB, 3 x h x w.

    It uses torch's global random generator. The training loop applies `normalisation` to whole
    batches, which is faster.

    Args:
        preset: a key of `PRESETS`.
        size: side in pixels to which evaluation resizes a whole crop.
        region: side of the random region used in training, over the side of the crop. Below 1,
            training is faster at the same level of detail (Touvron et al., NeurIPS 2019: train at a
            lower resolution than in tests).
        margin: side of the crops over the longer side of the face's box.

    Raises:
        KeyError: there is no such preset.
    """
    return compose(PRESETS[preset](size, region, margin))


def _random_region(
    size: int, region: float, smallest: float, ratio: tuple[float, float]
) -> nn.Module:
    """Crops a random region, at least `smallest` times region ** 2 of the area, and resizes it."""
    side = round(size * region)
    areas = (smallest * region**2, region**2)
    crop: nn.Module = v2.RandomResizedCrop((side, side), scale=areas, ratio=ratio, antialias=True)
    return crop


def _none(size: int, region: float, _: float) -> list[nn.Module]:
    return [v2.Resize((size, size), antialias=True), v2.RandomCrop(round(size * region))]


def _light(size: int, region: float, _: float) -> list[nn.Module]:
    """Small shifts, mirroring, and changes of light and compression."""
    return [
        _random_region(size, region, 0.8, (0.95, 1.05)),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),  # hue takes 2 ms more
        v2.RandomApply([v2.JPEG((40, 100))], p=0.3),
    ]


def _strong(size: int, region: float, margin: float) -> list[nn.Module]:
    """Covered parts, rotation, and changes of light, resolution, blur, noise and compression."""
    return [
        v2.RandomApply([FaceCutout(margin)], p=0.2),
        v2.RandomApply([v2.RandomRotation(10, v2.InterpolationMode.BILINEAR)], p=0.3),
        _random_region(size, region, 0.7, (0.9, 1.1)),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3),
        v2.RandomGrayscale(0.05),
        v2.RandomApply([Downscale(0.4)], p=0.2),
        v2.RandomApply([v2.GaussianBlur(5, (0.1, 1.5))], p=0.15),
        v2.RandomApply([v2.GaussianNoise(sigma=0.03)], p=0.15),
        v2.RandomApply([VideoCodec(23, 35)], p=0.1),  # ten times slower than JPEG
        v2.RandomApply([v2.JPEG((40, 100))], p=0.4),
    ]


# Left, top, right and bottom in the face's box, over its longer side. Crops are aligned, so the
# parts deviate from these positions by at most .03 (200 crops of 200 people).
FACE_PARTS = {
    "eyes": (0.16, 0.27, 0.84, 0.47),
    "nose": (0.37, 0.34, 0.63, 0.70),
    "mouth": (0.27, 0.70, 0.73, 0.96),
}


class FaceCutout(nn.Module):
    """Makes the eyes, nose or mouth of a crop black (as selimsef's winning entry to DFDC).

    Args:
        margin: side of the crops over the longer side of the face's box.
    """

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, crop: Tensor) -> Tensor:
        """Cover one part of a uint8 crop, 3 x side x side."""
        part = list(FACE_PARTS.values())[int(torch.randint(len(FACE_PARTS), ()))]
        side = crop.shape[-1]
        left, top, right, bottom = (
            round(side * (0.5 + (edge - 0.5) / self.margin)) for edge in part
        )
        covered = crop.clone()
        covered[..., top:bottom, left:right] = 0
        return covered


class Downscale(nn.Module):
    """Reduces a crop and enlarges it again, as if the face was far from the camera.

    Args:
        smallest: the side is reduced by a random factor between this and 1.
    """

    def __init__(self, smallest: float) -> None:
        super().__init__()
        self.smallest = smallest

    def forward(self, crop: Tensor) -> Tensor:
        """Reduce the detail of a uint8 crop, 3 x h x w; its size stays the same."""
        size = list(crop.shape[-2:])
        factor = float(torch.empty(()).uniform_(self.smallest, 1))
        small = [max(1, round(side * factor)) for side in size]
        reduced = v2.functional.resize(crop, small, antialias=True)
        enlarged: Tensor = v2.functional.resize(reduced, size, antialias=True)
        return enlarged


class VideoCodec(nn.Module):
    """Encodes a crop as one frame of H.264 and decodes it.

    Args:
        min_crf, max_crf: range of the random constant rate factor, both included (0..51).
    """

    def __init__(self, min_crf: int, max_crf: int) -> None:
        super().__init__()
        self.min_crf, self.max_crf = min_crf, max_crf

    def forward(self, crop: Tensor) -> Tensor:
        """Compress a uint8 crop, 3 x h x w; its size stays the same."""
        crf = int(torch.randint(self.min_crf, self.max_crf + 1, ()))
        image = crop.permute(1, 2, 0).contiguous().numpy()
        return torch.from_numpy(h264([image], crf)[0]).permute(2, 0, 1)


PRESETS = {"none": _none, "light": _light, "strong": _strong}
