"""What happens to a crop before the network sees it. Inference uses `evaluation` too."""

import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from deepfake.transforms.degradations import h264
from deepfake.transforms.evaluation import compose


def training(preset: str, size: int, region: float, margin: float) -> nn.Module:
    """A preset for training, by name, from uint8 to uint8; it draws from torch's global generator.

    `normalisation` is left to the loop, which does it faster for a whole batch.

    Args:
        preset: a key of PRESETS.
        size: side of a whole crop as the network sees it in tests, in pixels.
        region: side of the random part that it sees in training, over that of the crop. Less than 1 is
            faster at the same detail (Touvron et al., NeurIPS 2019: train smaller than you test).
        margin: side of the crops over the longer side of the face's box.
    """
    return compose(PRESETS[preset](size, region, margin))


def _part(size: int, region: float, smallest: float, ratio: tuple[float, float]) -> nn.Module:
    """A random part, whose area is at least `smallest` of the region's, as the network's input."""
    side = round(size * region)
    areas = (smallest * region**2, region**2)
    part: nn.Module = v2.RandomResizedCrop((side, side), scale=areas, ratio=ratio, antialias=True)
    return part


def _none(size: int, region: float, _: float) -> list[nn.Module]:
    return [v2.Resize((size, size), antialias=True), v2.RandomCrop(round(size * region))]


def _light(size: int, region: float, _: float) -> list[nn.Module]:
    """Mirrored, shifted a little, other light and compression."""
    return [
        _part(size, region, 0.8, (0.95, 1.05)),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),  # hue would take 2 ms more
        v2.RandomApply([v2.JPEG((40, 100))], p=0.3),
    ]


def _strong(size: int, region: float, margin: float) -> list[nn.Module]:
    """What videos go through: partly covered, turned, other light, size, noise and compression."""
    return [
        v2.RandomApply([FaceCutout(margin)], p=0.2),
        v2.RandomApply([v2.RandomRotation(10, v2.InterpolationMode.BILINEAR)], p=0.3),
        _part(size, region, 0.7, (0.9, 1.1)),
        v2.RandomHorizontalFlip(),
        v2.ColorJitter(brightness=0.3, contrast=0.3, saturation=0.3),
        v2.RandomGrayscale(0.05),
        v2.RandomApply([Downscale(0.4)], p=0.2),
        v2.RandomApply([v2.GaussianBlur(5, (0.1, 1.5))], p=0.15),
        v2.RandomApply([v2.GaussianNoise(sigma=0.03)], p=0.15),
        v2.RandomApply([VideoCodec(23, 35)], p=0.1),  # ten times slower than JPEG
        v2.RandomApply([v2.JPEG((40, 100))], p=0.4),
    ]


# Left, top, right and bottom in the face's box, over its longer side. Crops are upright, so that the
# parts are at these places within .03 (200 crops of 200 people).
PARTS = {
    "eyes": (0.16, 0.27, 0.84, 0.47),
    "nose": (0.37, 0.34, 0.63, 0.70),
    "mouth": (0.27, 0.70, 0.73, 0.96),
}


class FaceCutout(nn.Module):
    """Eyes, nose or mouth of a crop made black (as selimsef's winning entry to DFDC did).

    Args:
        margin: side of the crops over the longer side of the face's box.
    """

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, crop: Tensor) -> Tensor:
        """A uint8 crop, 3 x side x side, without one part."""
        part = list(PARTS.values())[int(torch.randint(len(PARTS), ()))]
        side = crop.shape[-1]
        left, top, right, bottom = (
            round(side * (0.5 + (place - 0.5) / self.margin)) for place in part
        )
        covered = crop.clone()
        covered[..., top:bottom, left:right] = 0
        return covered


class Downscale(nn.Module):
    """A smaller crop, enlarged again: a face that was far from the camera.

    Args:
        smallest: factor of its side, which is drawn between this and 1.
    """

    def __init__(self, smallest: float) -> None:
        super().__init__()
        self.smallest = smallest

    def forward(self, crop: Tensor) -> Tensor:
        """A crop of the same size, with less detail."""
        size = list(crop.shape[-2:])
        factor = float(torch.empty(()).uniform_(self.smallest, 1))
        small = [max(1, round(side * factor)) for side in size]
        reduced = v2.functional.resize(crop, small, antialias=True)
        enlarged: Tensor = v2.functional.resize(reduced, size, antialias=True)
        return enlarged


class VideoCodec(nn.Module):
    """A crop encoded as one frame of H.264 and decoded.

    Args:
        best, worst: the constant rate factor is drawn between them (0..51).
    """

    def __init__(self, best: int, worst: int) -> None:
        super().__init__()
        self.best, self.worst = best, worst

    def forward(self, crop: Tensor) -> Tensor:
        """A uint8 crop, 3 x h x w, of the same size."""
        crf = int(torch.randint(self.best, self.worst + 1, ()))
        image = crop.permute(1, 2, 0).contiguous().numpy()
        return torch.from_numpy(h264([image], crf)[0]).permute(2, 0, 1)


PRESETS = {"none": _none, "light": _light, "strong": _strong}
