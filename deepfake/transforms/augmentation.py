"""Random augmentation of crops for training; `evaluation` is for val, test and prediction."""

import math

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms import v2

from deepfake.core.image import Chroma, Image, decode_image, encode_jpeg
from deepfake.transforms.degradations import h264

LARGEST_NOISE = 0.1  # standard deviation; the range of values is 1


def training_transform(preset: str, size: int, region: float, margin: float) -> nn.Module:
    """A training preset, from uint8 RGB to uint8 RGB, 3 x h x w.

    It uses torch's global random generator. The training loop applies `evaluation.Normalise` to
    whole batches, which is faster.

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


def compose(steps: list[nn.Module]) -> nn.Module:
    """A transform that applies the steps in order."""
    chain: nn.Module = v2.Compose(steps)
    return chain


def random_degradations(
    colour: float, noise: float, resampling: float, recompression: float
) -> list[nn.Module]:
    """Steps after a preset, for what happens to images on their way to a user; [] if all are 0.

    Args:
        colour: probability of `ColourChange`.
        noise: probability of `Noise` of a standard deviation up to `LARGEST_NOISE`.
        resampling, recompression: as in `QualityChain`.
    """
    steps: list[nn.Module] = []
    if colour > 0:
        steps.append(v2.RandomApply([ColourChange()], p=colour))
    if noise > 0:
        steps.append(v2.RandomApply([Noise(LARGEST_NOISE)], p=noise))
    if max(resampling, recompression) > 0:
        steps.append(QualityChain(resampling, recompression))
    return steps


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
        v2.RandomApply([v2.GaussianBlur(11, (0.1, 2.5))], p=0.2),
        v2.RandomApply([Noise(LARGEST_NOISE)], p=0.2),
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


class Noise(nn.Module):
    """Adds white Gaussian noise to each channel, as a sensor does in the dark.

    Args:
        largest: the standard deviation is random between 0 and this; the range of values is 1.
    """

    def __init__(self, largest: float) -> None:
        super().__init__()
        self.largest = largest

    def forward(self, crop: Tensor) -> Tensor:
        """Add noise to a uint8 crop, 3 x h x w."""
        sigma = 255 * float(torch.empty(()).uniform_(0, self.largest))
        return (crop + sigma * torch.randn(crop.shape)).round_().clamp_(0, 255).to(torch.uint8)


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
        crf = _random_integer(self.min_crf, self.max_crf)
        return _to_crop(h264([_to_image(crop)], crf)[0])


GREY_SHARE = 0.1  # of the changed crops: black and white, possibly toned by the gains
HUE = 15.0  # degrees, in both directions
STOPS = 0.8  # of each channel's gain, in both directions: 1 doubles the light
GAMMA_OCTAVES = 0.5  # of the exponent, in both directions: 1 doubles it
LUMA = np.array([0.299, 0.587, 0.114])  # weights of red, green and blue (ITU-R BT.601)
LINEAR_EXPONENT = 2.2  # of sRGB, approximately


class ColourChange(nn.Module):
    """Changes hue, white balance and gamma, or removes the colour, as cameras, lights and filters do.

    White balance is a gain of each channel in linear light, which keeps the brightness of grey.
    """

    def forward(self, crop: Tensor) -> Tensor:
        """Change the colours of a uint8 crop, 3 x h x w."""
        grey, hue, gamma = torch.rand(3).tolist()
        stops = STOPS * (2 * torch.rand(3).double().numpy() - 1)
        angle = math.radians(HUE * (2 * hue - 1))
        # Rodrigues' formula: a rotation around the grey axis.
        matrix = cv2.Rodrigues(np.full(3, angle / math.sqrt(3)))[0]
        if grey < GREY_SHARE:
            matrix = np.tile(LUMA, (3, 1))
        gains = 2**stops / (LUMA @ 2**stops)
        exponent = 2 ** (GAMMA_OCTAVES * (2 * gamma - 1))
        light = np.linspace(0, 1, 256)[:, None] ** LINEAR_EXPONENT * gains
        curves = 255 * np.clip(light, 0, 1) ** (exponent / LINEAR_EXPONENT)
        changed = cv2.transform(_to_image(crop), matrix)
        return _to_crop(cv2.LUT(changed, np.rint(curves)[None].astype(np.uint8)))


MAX_ROUNDS = 3  # of saving an image again
SMALLEST = 0.3  # side to which a round reduces a crop, over its side
REDUCTIONS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
ENLARGEMENTS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
QUALITIES = (30, 95)  # of JPEG, both included
CHROMAS: tuple[Chroma, ...] = ("yuv420", "yuv444")


class QualityChain(nn.Module):
    """Saves a crop one to three times, each time possibly at another size and as JPEG.

    Args:
        resampling: probability per round of reducing the crop and enlarging it again, by two random
            kernels.
        recompression: probability per round of JPEG of random quality and chroma resolution.
    """

    def __init__(self, resampling: float, recompression: float) -> None:
        super().__init__()
        self.resampling, self.recompression = resampling, recompression

    def forward(self, crop: Tensor) -> Tensor:
        """Reduce the quality of a uint8 crop, 3 x h x w; its size stays the same."""
        image = _to_image(crop)
        for _ in range(_random_integer(1, MAX_ROUNDS)):
            resample, compress = torch.rand(2).tolist()
            if resample < self.resampling:
                image = _resampled(image)
            if compress < self.recompression:
                chroma = CHROMAS[_random_integer(0, len(CHROMAS) - 1)]
                image = decode_image(encode_jpeg(image, _random_integer(*QUALITIES), chroma))
        return _to_crop(image)


def _resampled(image: Image) -> Image:
    height, width = image.shape[:2]
    factor = float(torch.empty(()).uniform_(SMALLEST, 1))
    reduction = REDUCTIONS[_random_integer(0, len(REDUCTIONS) - 1)]
    enlargement = ENLARGEMENTS[_random_integer(0, len(ENLARGEMENTS) - 1)]
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(image, size, interpolation=reduction)
    return np.asarray(cv2.resize(small, (width, height), interpolation=enlargement), np.uint8)


def _random_integer(lowest: int, highest: int) -> int:
    """A random integer, both bounds included."""
    return int(torch.randint(lowest, highest + 1, ()))


def _to_image(crop: Tensor) -> Image:
    """A uint8 crop, 3 x h x w, as h x w x 3."""
    image: Image = crop.permute(1, 2, 0).contiguous().numpy()
    return image


def _to_crop(image: Image) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)


PRESETS = {"none": _none, "light": _light, "strong": _strong}
