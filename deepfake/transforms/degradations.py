"""Degradations of crops for the robustness test, each at five levels.

Kinds and strengths follow the published code of DeeperForensics-1.0 (Jiang et al., CVPR 2020). Its
"JPEG" reduces and enlarges the image, which is `downscale` here; `jpeg` is real JPEG, and coloured
light is our own. All random values come from a generator that the caller seeds.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import av
import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from deepfake.core.image import Image, decode_image, encode_jpeg

BLOCK_SIDE = 8  # pixels: side of a grey block
GREY = 128
BLOCK_COUNT_SIDE = 256  # pixels: shorter side of the image to which a count of blocks refers
CLIP_FRAME_RATE = 25  # frames per second of the clips that `h264` encodes

# Coloured light: by how many of the stops each channel (red, green, blue) is brighter.
TINTS = {
    "warm": (1.0, 0.0, -1.0),
    "cool": (-1.0, 0.0, 1.0),
    "red": (1.0, -1.0, -1.0),
    "blue": (-1.0, -1.0, 1.0),
}
GAMMA = 2.2  # of sRGB, approximately

# Noise is added to luma and chroma in the range that video stores, 219 and 224 of 255 steps.
NOISE_GAIN = np.array([255 / 219, 255 / 224, 255 / 224])


def saturation(image: Image, factor: float) -> Image:
    """Move colours towards grey of the same luma (BT.601): factor 1 keeps them, 0 gives grey."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return _to_uint8(grey + factor * (image - grey))


def tint(image: Image, stops: float, name: str) -> Image:
    """Change the light to `name` of `TINTS`, by `stops` in linear light, where 1 doubles it."""
    gains = 2 ** (stops * np.array(TINTS[name]) / GAMMA)
    return _to_uint8(image * gains)


def contrast(image: Image, factor: float) -> Image:
    """Multiply all values by `factor`, 0..1. The image becomes darker, as in the published code."""
    return _to_uint8(image * np.float32(factor))


def blocks(image: Image, count: int, generator: Generator) -> Image:
    """Add grey squares at random positions: `count` per 256 pixels of the shorter side."""
    changed = image.copy()
    height, width = image.shape[:2]
    places = generator.random((round(count * min(height, width) / BLOCK_COUNT_SIDE), 2))
    for down, right in places:
        top, left = int(down * max(1, height - BLOCK_SIDE)), int(right * max(1, width - BLOCK_SIDE))
        changed[top : top + BLOCK_SIDE, left : left + BLOCK_SIDE] = GREY
    return changed


def noise(image: Image, variance: float, generator: Generator) -> Image:
    """Add white Gaussian noise of `variance` to luma and chroma; their full range is 1."""
    ycrcb = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2YCrCb)
    values = generator.standard_normal(image.shape) * math.sqrt(variance) * NOISE_GAIN
    noisy = (ycrcb + values).astype(np.float32)
    return _to_uint8(cv2.cvtColor(noisy, cv2.COLOR_YCrCb2RGB) * 255)


def blur(image: Image, kernel: int) -> Image:
    """Blur with a Gaussian kernel of `kernel` (odd) pixels; its standard deviation is a sixth."""
    return _to_uint8(cv2.GaussianBlur(image, (kernel, kernel), kernel / 6))


def downscale(image: Image, factor: int) -> Image:
    """Reduce an image by `factor` and enlarge it again, both bilinear."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, width // factor), max(1, height // factor)))
    return _to_uint8(cv2.resize(small, (width, height)))


def jpeg(image: Image, quality: int) -> Image:
    """Encode as JPEG with `quality` 1..100 and colours at half the resolution, then decode."""
    return decode_image(encode_jpeg(image, quality, "yuv420"))


def h264(images: Sequence[Image], crf: int) -> list[Image]:
    """Encode images as one H.264 clip with libx264, then decode it.

    Args:
        images: frames of one size, in order. As in a video, the codec predicts frames from each
            other.
        crf: constant rate factor, 0..51; higher is worse.
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
    """H.264 packets, identical in every run.

    This requires one thread and no macroblock tree: x264's AVX-512 version of the tree reads memory
    that it has not written, and encoded the same frames as 22 different clips in 60 runs.
    """
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = images[0].shape[:2]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, CLIP_FRAME_RATE)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "x264-params": "mbtree=0"}
    packets = []
    for index, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = index, encoder.time_base
        packets += encoder.encode(frame)
    return packets + list(encoder.encode(None))


def _even(image: Image) -> Image:
    """Repeat the last row or column of an image if a side is odd: 4:2:0 needs even sides."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _to_uint8(values: NDArray[Any]) -> Image:
    pixels: Image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


DegradeFunction = Callable[[Sequence[Image], Any, Sequence[Generator]], list[Image]]


@dataclass(frozen=True)
class Degradation:
    """One kind of degradation, at five levels.

    Attributes:
        strengths: of level 1, 2, ...; each level is worse than the one before.
        strength_label: name of the strength, for figures and printed results.
        function: takes the crops of one person, a strength and one generator per crop; returns the
            degraded crops.
    """

    strengths: tuple[float, ...]
    strength_label: str
    function: DegradeFunction


def _per_image(function: Callable[[Image, Any], Image]) -> DegradeFunction:
    return lambda images, strength, _: [function(image, strength) for image in images]


def _per_image_random(function: Callable[[Image, Any, Generator], Image]) -> DegradeFunction:
    return lambda images, strength, generators: [
        function(image, strength, generator)
        for image, generator in zip(images, generators, strict=True)
    ]


DEGRADATIONS: dict[str, Degradation] = {
    "saturation": Degradation(
        (0.4, 0.3, 0.2, 0.1, 0.0), "saturation factor", _per_image(saturation)
    ),
    **{
        name: Degradation(
            (0.25, 0.5, 0.75, 1.0, 1.5), "stops", _per_image(partial(tint, name=name))
        )
        for name in TINTS
    },
    "contrast": Degradation(
        (0.85, 0.725, 0.6, 0.475, 0.35), "contrast factor", _per_image(contrast)
    ),
    "blocks": Degradation(
        (16, 32, 48, 64, 80), "grey blocks per 256 pixels", _per_image_random(blocks)
    ),
    "noise": Degradation(
        (0.001, 0.002, 0.005, 0.01, 0.05), "noise variance", _per_image_random(noise)
    ),
    "blur": Degradation((7, 9, 13, 17, 21), "blur kernel, pixels", _per_image(blur)),
    "downscale": Degradation((2, 3, 4, 5, 6), "downscaling factor", _per_image(downscale)),
    "jpeg": Degradation((90, 70, 50, 30, 10), "JPEG quality", _per_image(jpeg)),
    "h264": Degradation(
        (30, 32, 35, 38, 40), "H.264 CRF", lambda images, crf, _: h264(images, crf)
    ),
}


def strength_of(name: str, level: int) -> float:
    """Strength of a degradation at a level, 1 to 5.

    >>> strength_of("h264", 3)
    35

    Raises:
        ValueError: the degradation has no such level.
    """
    strengths = DEGRADATIONS[name].strengths
    if not 1 <= level <= len(strengths):
        raise ValueError(f"{name} has levels 1 to {len(strengths)}, not {level}")
    return strengths[level - 1]


def degrade(
    name: str, level: int, images: Sequence[Image], generators: Sequence[Generator]
) -> list[Image]:
    """Degrade the crops of one person; their sizes do not change.

    Args:
        name: a key of `DEGRADATIONS`.
        level: 1 to 5.
        images: uint8 height x width x 3, RGB, of one size, in the order of their frames.
        generators: one per image.

    Raises:
        ValueError: the degradation has no such level.
    """
    return DEGRADATIONS[name].function(images, strength_of(name, level), generators)
