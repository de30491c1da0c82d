"""What happens to pictures on their way to a detector, at five strengths each.

The kinds and strengths are those of DeeperForensics-1.0 (Jiang et al., CVPR 2020) as its published
code has them. There "JPEG" makes the picture smaller and larger again; here that is `downscale`, and
`jpeg` is JPEG. All that is random comes from a generator that the caller seeds.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from deepfake.core.image import Image, decode_image, encode_jpeg

BLOCK = 8  # pixels: side of a grey block
GREY = 128
BLOCKS_PER_SIDE = 256  # pixels: strengths of `blocks` are for a picture with this shorter side
CLIP_RATE = 25  # frames per second of the clips that `h264` makes

# Noise is added to luma and chroma as video stores them, in 219 and 224 of 255 steps.
NOISE_GAIN = np.array([255 / 219, 255 / 224, 255 / 224])


def saturation(image: Image, factor: float) -> Image:
    """Colours moved towards grey of the same luma (BT.601): 1 changes nothing, 0 leaves grey."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return _pixels(grey + factor * (image - grey))


def contrast(image: Image, factor: float) -> Image:
    """Every value times `factor`, 0..1. The picture gets darker, as in the published code."""
    return _pixels(image * np.float32(factor))


def blocks(image: Image, count: int, generator: Generator) -> Image:
    """Grey squares at random places: `count` for a shorter side of 256 pixels, else in proportion."""
    changed = image.copy()
    height, width = image.shape[:2]
    places = generator.random((round(count * min(height, width) / BLOCKS_PER_SIDE), 2))
    for down, right in places:
        top, left = int(down * max(1, height - BLOCK)), int(right * max(1, width - BLOCK))
        changed[top : top + BLOCK, left : left + BLOCK] = GREY
    return changed


def noise(image: Image, variance: float, generator: Generator) -> Image:
    """White Gaussian noise on luma and chroma; `variance` is a share of the squared full range."""
    ycrcb = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb)
    drawn = generator.standard_normal(image.shape) * math.sqrt(variance) * NOISE_GAIN
    noisy = (ycrcb + drawn).astype(np.float32)
    return _pixels(cv2.cvtColor(noisy, cv2.COLOR_YCrCb2RGB) * 255)


def blur(image: Image, kernel: int) -> Image:
    """Gaussian blur with a kernel of `kernel` (odd) pixels, its standard deviation a sixth of it."""
    return _pixels(cv2.GaussianBlur(image, (kernel, kernel), kernel / 6))


def downscale(image: Image, factor: int) -> Image:
    """Made `factor` times smaller and larger again, both bilinear."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, width // factor), max(1, height // factor)))
    return _pixels(cv2.resize(small, (width, height)))


def jpeg(image: Image, quality: int) -> Image:
    """Stored as JPEG of `quality` 1..100 and read again, the colours at half the resolution."""
    return decode_image(encode_jpeg(image, quality, "4:2:0"))


def h264(images: Sequence[Image], crf: int) -> list[Image]:
    """Encoded as one clip by libx264 at a constant rate factor (0..51, higher is worse), and decoded.

    Args:
        images: frames of one size, in order. The codec predicts each from others, so a face that
            moves little costs less, as in a video.
        crf: constant rate factor.
    """
    if not images:
        return []
    height, width = images[0].shape[:2]
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    packets = _encode([_even(image) for image in images], crf)
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    decoded = [frame.to_ndarray(format="rgb24")[:height, :width] for frame in frames]
    return [np.ascontiguousarray(image) for image in decoded]


def _encode(images: Sequence[Image], crf: int) -> list[Any]:
    """H.264 packets, the same each time.

    That needs one thread, and no macroblock tree: x264's version of it for AVX-512 reads beyond what it has
    written, and the same frames became 22 different clips in 60 runs.
    """
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = images[0].shape[:2]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, CLIP_RATE)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "x264-params": "mbtree=0"}
    packets = []
    for index, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = index, encoder.time_base
        packets += encoder.encode(frame)
    return packets + list(encoder.encode(None))


def _even(image: Image) -> Image:
    """Its last row and column again where a side is odd: half the colours need an even number."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _pixels(values: NDArray[Any]) -> Image:
    pixels: Image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


Change = Callable[[Sequence[Image], Any, Sequence[Generator]], list[Image]]


@dataclass(frozen=True)
class Degradation:
    """One kind, at five levels.

    Attributes:
        strengths: of level 1, 2, ...; each worse than the one before.
        meaning: what the strength is.
        change: from the crops of one person, a strength and a generator per crop to crops.
    """

    strengths: tuple[float, ...]
    meaning: str
    change: Change


def _each(function: Callable[[Image, Any], Image]) -> Change:
    return lambda images, strength, _: [function(image, strength) for image in images]


def _each_drawn(function: Callable[[Image, Any, Generator], Image]) -> Change:
    return lambda images, strength, generators: [
        function(image, strength, generator)
        for image, generator in zip(images, generators, strict=True)
    ]


DEGRADATIONS: dict[str, Degradation] = {
    "saturation": Degradation((0.4, 0.3, 0.2, 0.1, 0.0), "factor of colour", _each(saturation)),
    "contrast": Degradation((0.85, 0.725, 0.6, 0.475, 0.35), "factor of light", _each(contrast)),
    "blocks": Degradation((16, 32, 48, 64, 80), "grey blocks per 256 px", _each_drawn(blocks)),
    "noise": Degradation(
        (0.001, 0.002, 0.005, 0.01, 0.05), "variance of noise", _each_drawn(noise)
    ),
    "blur": Degradation((7, 9, 13, 17, 21), "pixels of blur kernel", _each(blur)),
    "downscale": Degradation((2, 3, 4, 5, 6), "times smaller", _each(downscale)),
    "jpeg": Degradation((90, 70, 50, 30, 10), "JPEG quality", _each(jpeg)),
    "h264": Degradation(
        (30, 32, 35, 38, 40), "H.264 CRF", lambda images, crf, _: h264(images, crf)
    ),
}


def strength_of(name: str, level: int) -> float:
    """The strength of a degradation at level 1 to 5.

    >>> strength_of("h264", 3)
    35

    Raises:
        ValueError: there is no such level.
    """
    strengths = DEGRADATIONS[name].strengths
    if not 1 <= level <= len(strengths):
        raise ValueError(f"{name} has levels 1 to {len(strengths)}, not {level}")
    return strengths[level - 1]


def degrade(
    name: str, level: int, images: Sequence[Image], generators: Sequence[Generator]
) -> list[Image]:
    """The crops of one person at a level of a degradation; their sizes do not change.

    Args:
        name: a key of DEGRADATIONS.
        level: 1 to 5; ValueError for others.
        images: uint8 height x width x 3, RGB, of one size, in the order of their frames.
        generators: one per image.
    """
    return DEGRADATIONS[name].change(images, strength_of(name, level), generators)
