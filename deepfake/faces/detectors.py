"""Face detectors, and the views of an image that they search."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Boxes = NDArray[np.float64]  # faces x 5: left, top, right, bottom in pixels, score 0..1

BRIGHT_LEVEL = 160  # an image whose brightest parts are below it is brightened for the detector
MAX_GAIN = 12  # with more, noise is detected as faces
MAX_IOU = 0.4  # boxes with a larger intersection over union show one face
VIEW_SIDE = 128  # pixels, of the views in which faces are detected and confirmed
YUNET = Path(__file__).parents[2] / "models/face_detector/yunet_n.onnx"
MIN_SCORE, MAX_BOXES = 0.1, 5000  # of YuNet's boxes; those of faces are chosen later


@dataclass(frozen=True)
class View:
    """A part of an image, resampled.

    Attributes:
        pixels: height x width x 3.
        start: (x, y) of its upper left corner, in pixels of the image.
        scale: pixels of the image per pixel of the view, in x and y.
    """

    pixels: Image
    start: tuple[int, int]
    scale: tuple[float, float]

    def to_image(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert points (... x 2) from pixels of the view to pixels of the image."""
        moved: NDArray[np.float64] = points * self.scale + self.start
        return moved


def detect_boxes(image: Image, detector: str) -> Boxes:
    """All boxes, with any score, that `detector` (a key of `DETECTORS`) finds in an RGB image."""
    return DETECTORS[detector].find(np.ascontiguousarray(brightened(image)))


def detect_in_view(view: View, detector: str) -> Boxes:
    """As `detect_boxes`, but in a view; the boxes are in pixels of the image it was cut from."""
    boxes = detect_boxes(view.pixels, detector)
    boxes[:, :4] = view.to_image(boxes[:, :4].reshape(-1, 2, 2)).reshape(-1, 4)
    return boxes


def cut_view(image: Image, box: Box, ratio: float, side: int) -> View:
    """Cut out the square around a box, clipped to the image and resampled.

    The clipped part is not padded: with a border, the detector takes a face that fills the image
    for a larger one, or misses it.

    Args:
        image: height x width x 3, RGB.
        box: in pixels of the image.
        ratio: side of the square over the longer side of the box.
        side: side in pixels that the view of an unclipped square has.
    """
    left, top, right, bottom = box
    width = max(4, round(ratio * max(right - left, bottom - top)))
    corner = np.round([(left + right - width) / 2, (top + bottom - width) / 2]).astype(int)
    bounds = np.array(image.shape[1::-1])
    start = np.clip(corner, 0, bounds - 1)
    end = np.clip(corner + width, start + 1, bounds)
    halvings = 2 ** max(0, math.floor(math.log2(width / side)))
    end -= (end - start) % halvings * ((end - start) > halvings)  # makes `downsampled` fast
    part = image[start[1] : end[1], start[0] : end[0]]
    pixels = resampled(part, side / width)
    scale = (end - start) / pixels.shape[1::-1]
    return View(pixels, (int(start[0]), int(start[1])), (float(scale[0]), float(scale[1])))


def with_border(image: Image, side: int) -> View:
    """The whole image with a border of half its longer side, as a view of side x side pixels."""
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
        return downsampled(image, scale)
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def downsampled(image: Image, scale: float) -> Image:
    """The image at `scale` (at most 1) times its size; it is halved where possible, for speed."""
    size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
    while scale <= 0.5 and image.shape[0] % 2 == image.shape[1] % 2 == 0:
        half = (image.shape[1] // 2, image.shape[0] // 2)
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
        scale *= 2
    if image.shape[1::-1] == tuple(size):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def brightened(image: Image) -> Image:
    """Brighten a dark image, for detectors trained on daylight; return other images unchanged.

    The brightest thousandth of the pixels decides, since a small face may be the only bright part.
    """
    green = image[:: 1 + image.shape[0] // 128, :: 1 + image.shape[1] // 128, 1].ravel()
    rank = round(0.999 * (len(green) - 1))
    bright = float(np.partition(green, rank)[rank])
    gain = min(MAX_GAIN, BRIGHT_LEVEL / max(bright, 1))
    return np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8) if gain > 1 else image


def box_iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Intersection over union of two boxes, 0..1."""
    sides = np.minimum(one[2:4], other[2:4]) - np.maximum(one[:2], other[:2])
    if (sides <= 0).any():
        return 0.0
    common = float(sides.prod())
    return common / float((one[2:4] - one[:2]).prod() + (other[2:4] - other[:2]).prod() - common)


def non_maximum_suppression(boxes: Boxes) -> Boxes:
    """One box per face: of boxes that overlap, the one with the highest score."""
    kept: list[NDArray[np.float64]] = []
    for box in boxes[np.lexsort(np.column_stack([boxes[:, :4], -boxes[:, 4]]).T)]:
        if all(box_iou(box, other) <= MAX_IOU for other in kept):
            kept.append(box)
    return np.array(kept, np.float64).reshape(-1, 5)


def _yunet(image: Image) -> Boxes:
    """YuNet (Wu, Peng and Yu, Machine Intelligence Research, 2023)."""
    network = _yunet_network()
    network.setInputSize(image.shape[1::-1])
    _, found = network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if found is None:
        return np.empty((0, 5))
    rows = np.asarray(found, np.float64)  # x, y, width, height, five landmarks, score
    return np.column_stack([rows[:, :2], rows[:, :2] + rows[:, 2:4], rows[:, 14]])


@cache
def _yunet_network() -> Any:
    """The network of `YUNET`; without OpenCV's warning about targets, of which it needs none."""
    log = cv2.utils.logging
    level = log.setLogLevel(log.LOG_LEVEL_ERROR)
    try:
        return cv2.FaceDetectorYN.create(
            str(YUNET), "", (VIEW_SIDE, VIEW_SIDE), MIN_SCORE, MAX_IOU, MAX_BOXES
        )
    except cv2.error as error:
        raise FileNotFoundError(
            f"{YUNET} cannot be read: restore it with `git checkout`"
        ) from error
    finally:
        log.setLogLevel(level)


def _hog(image: Image) -> Boxes:
    """Histograms of gradients (Dalal and Triggs, 2005), from face_recognition; every score is 1."""
    import face_recognition

    found = face_recognition.face_locations(image, number_of_times_to_upsample=1)
    boxes = [[left, top, right, bottom, 1.0] for top, right, bottom, left in found]
    return np.array(boxes, np.float64).reshape(-1, 5)


@dataclass(frozen=True)
class Detector:
    """A face detector.

    Attributes:
        find: every box, however doubtful, that it sees in an RGB image.
        package: the distribution whose version its boxes depend on.
        model: the file that its boxes depend on, unless it is part of the package.
        center_offset: from the mean of the five landmarks down to the centre of its box, in sides of
            the box (median).
    """

    find: Callable[[Image], Boxes]
    package: str
    model: Path | None
    center_offset: float


DETECTORS: dict[str, Detector] = {  # by their names in `params.schema.CropsParams`
    "yunet": Detector(_yunet, "opencv-python", YUNET, 0.06),
    "hog": Detector(_hog, "face-recognition", None, 0.13),
}
