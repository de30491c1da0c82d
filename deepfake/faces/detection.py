"""Faces of one image: detected, confirmed at one scale, with landmarks from face_recognition.

A detector's box depends on the size of the face in its input, and moves by one or two percent of
the face when the image moves by half a pixel. Therefore each proposed face, from a search of the
whole image or near its last position, is confirmed in a view in which every face has the same size.
Its landmarks, which move by only a fifth of a percent, then correct the position of the box
(docs/detectors.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.faces.detectors import (
    DETECTORS,
    VIEW_SIDE,
    Box,
    Boxes,
    brightened,
    cut_view,
    detect_boxes,
    detect_in_view,
    downsampled,
    non_maximum_suppression,
    with_border,
)
from deepfake.faces.dlib_models import five_point_model

MIN_FACE_PIXELS = 20  # side of the smallest face in a search of the image: 19 of 20 are found
MIN_PROPOSAL_SCORE = 0.25  # proposals from here on are confirmed; small faces score low
# Fraction of `min_score` that suffices for a known face, as in trackers that keep low scores
# (ByteTrack, Zhang et al., ECCV 2022).
KNOWN_FACE_SCORE = 0.85
# Side of a view over the side of the face, as `ratio` of `cut_view`.
SEARCH_RATIO = 3.0  # around the last position: the face may move by its own size
CONFIRM_RATIO = 1.6  # the face has 80 pixels in this view
LANDMARK_RATIO = 1.6
LANDMARK_VIEW_SIDE = 256  # pixels; large, because the model's points are whole pixels
MAX_CORRECTION = 0.15  # sides of the box; landmarks that are further off are not trusted


@dataclass(frozen=True)
class Face:
    """One face in one image.

    Attributes:
        box: left, top, right, bottom in pixels of the image, possibly beyond its border.
        score: score of the detector, 0..1.
        landmarks: five (x, y) in pixels: outer and inner corner of the eye at the image's right,
            outer and inner corner of the eye at its left, base of the nose.
    """

    box: Box
    score: float
    landmarks: tuple[tuple[float, float], ...]

    @property
    def size(self) -> float:
        """Longer side of the box in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])


def find_faces(
    image: Image,
    detector: str,
    detect_size: int,
    min_score: float,
    min_face: float,
    min_face_pixels: float = 0,
) -> list[Face]:
    """Find the faces of an RGB image, from left to right, by a search of the whole image.

    Args:
        image: height x width x 3.
        detector: a key of `detectors.DETECTORS`.
        detect_size: largest longer side in pixels of the image that is searched. The image is
            reduced to it, or further, until the smallest accepted face has `MIN_FACE_PIXELS`
            pixels.
        min_score: faces with a lower score are ignored, 0..1.
        min_face: smaller faces are ignored; a fraction of the image's shorter side.
        min_face_pixels: as `min_face`, in pixels.
    """
    height, width = image.shape[:2]
    smallest = smallest_face(image, min_face, min_face_pixels)
    scale = min(1.0, detect_size / max(height, width), MIN_FACE_PIXELS / max(1.0, smallest))
    small = downsampled(image, scale)
    boxes = detect_boxes(small, detector)
    boxes[:, [0, 2]] *= width / small.shape[1]
    boxes[:, [1, 3]] *= height / small.shape[0]
    faces = _accepted_faces(
        image, _confirm_all(image, boxes, detector), detector, min_score, smallest
    )
    if faces:
        return faces
    # A face that is larger than the image is detected only with a border.
    bordered = detect_in_view(with_border(image, VIEW_SIDE), detector)
    return _accepted_faces(
        image, _confirm_all(image, bordered, detector), detector, min_score, smallest
    )


def find_faces_near(
    image: Image,
    known: Sequence[Face],
    detector: str,
    min_score: float,
    min_face: float,
    min_face_pixels: float = 0,
) -> list[Face]:
    """Find the faces of an RGB image, from left to right, near those of another image.

    A face is found if it moved by at most about its own size. `KNOWN_FACE_SCORE` times `min_score`
    suffices, because a face is expected there. The arguments are those of `find_faces`, and
    `known`, the faces of the other image.
    """
    min_score *= KNOWN_FACE_SCORE
    smallest = smallest_face(image, min_face, min_face_pixels)
    confirmed = []
    for face in known:
        boxes = _confirm(image, np.array([*face.box, MIN_PROPOSAL_SCORE]), detector)
        if not len(boxes) or boxes[0, 4] < min_score:
            wide = detect_in_view(cut_view(image, face.box, SEARCH_RATIO, VIEW_SIDE), detector)
            boxes = _confirm_all(image, wide, detector)
        confirmed.append(boxes)
    return _accepted_faces(
        image, np.concatenate([np.empty((0, 5)), *confirmed]), detector, min_score, smallest
    )


def smallest_face(image: Image, min_face: float, min_face_pixels: float) -> float:
    """Size in pixels of the smallest face that `find_faces` accepts in an image."""
    return max(min_face * float(min(image.shape[:2])), min_face_pixels)


def _confirm_all(image: Image, proposed: Boxes, detector: str) -> Boxes:
    """The confirmed boxes of the distinct proposals with a sufficient score."""
    likely = non_maximum_suppression(proposed[proposed[:, 4] >= MIN_PROPOSAL_SCORE])
    return np.concatenate([np.empty((0, 5)), *(_confirm(image, b, detector) for b in likely)])


def _accepted_faces(
    image: Image, boxes: Boxes, detector: str, min_score: float, smallest: float
) -> list[Face]:
    """The faces of confirmed boxes with at least `min_score` and a side of `smallest` pixels."""
    sides = (boxes[:, 2:4] - boxes[:, :2]).max(axis=1, initial=0)
    boxes = non_maximum_suppression(boxes[(boxes[:, 4] >= min_score) & (sides >= smallest)])
    boxes = boxes[np.lexsort(boxes.T[::-1])]
    return [_to_face(image, box, detector) for box in boxes]


def _confirm(image: Image, box: NDArray[np.float64], detector: str) -> Boxes:
    """Detect a proposed face again in a view where it has the standard size.

    A badly centred or badly scaled view is followed by a better one. The score is the highest of
    all
    views: a tightly cut or strongly lit face may be clearer in one of them.

    Returns:
        One box, or none if the face is not detected again.
    """
    best, confirmed = box[4], False
    for _ in range(3):
        view = cut_view(image, _to_tuple(box), CONFIRM_RATIO, VIEW_SIDE)
        found = detect_in_view(view, detector)
        found = found[found[:, 4] >= MIN_PROPOSAL_SCORE]
        if not len(found):
            break
        side = max(box[2:4] - box[:2])
        distance = (
            np.abs((found[:, :2] + found[:, 2:4] - box[:2] - box[2:4]) / 2).max(axis=1) / side
        )
        growth = (found[:, 2:4] - found[:, :2]).max(axis=1) / side
        nearest = int(np.argmin(distance - 0.5 * found[:, 4]))
        box = found[nearest]
        best, confirmed = max(best, box[4]), True
        if distance[nearest] < 0.2 and 0.75 < growth[nearest] < 1.33:
            break
    return np.array([[*box[:4], best]] * confirmed).reshape(-1, 5)


def _to_face(image: Image, box: NDArray[np.float64], detector: str) -> Face:
    """The face in a confirmed box; its landmarks correct the position of the box."""
    points = _landmarks(image, box)
    size = float(max(box[2:4] - box[:2]))
    middle = (box[:2] + box[2:4]) / 2
    angle = np.radians(eye_angle(points))
    down = np.array([-np.sin(angle), np.cos(angle)])
    correction = points.mean(axis=0) + DETECTORS[detector].center_offset * size * down - middle
    length = float(np.hypot(*correction))
    correction *= min(1.0, MAX_CORRECTION * size / max(length, 1e-9))
    moved = box[:4] + np.tile(correction, 2)
    return Face(_to_tuple(moved), float(box[4]), tuple((float(x), float(y)) for x, y in points))


def _to_tuple(box: NDArray[np.float64]) -> Box:
    left, top, right, bottom = box[:4].tolist()
    return left, top, right, bottom


def eye_angle(landmarks: Sequence[Sequence[float]] | NDArray[np.float64]) -> float:
    """Angle of the line through the eyes in degrees, clockwise in the image; 0 if it is level."""
    points = np.asarray(landmarks)
    one, other = points[:2].mean(axis=0), points[2:4].mean(axis=0)
    left, right = sorted([one, other], key=lambda eye: float(eye[0]))
    return float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))


def _landmarks(image: Image, box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Five landmarks (5 x 2, in pixels of the image) of the face in a box.

    The method is an ensemble of regression trees (Kazemi and Sullivan, CVPR 2014).
    """
    import dlib

    view = cut_view(image, _to_tuple(box), LANDMARK_RATIO, LANDMARK_VIEW_SIDE)
    pixels = np.ascontiguousarray(brightened(view.pixels))
    left, top, right, bottom = (box[:4] - np.tile(view.start, 2)) / np.tile(view.scale, 2)
    # The predictor was trained on square boxes from the brows to the chin.
    side = (right - left + bottom - top) / 2
    middle, bottom = (left + right) / 2, bottom - 0.02 * (bottom - top)
    corners = (middle - side / 2, bottom - side, middle + side / 2, bottom)
    detected = five_point_model()(pixels, dlib.rectangle(*map(round, corners)))
    points = np.array([(point.x, point.y) for point in detected.parts()], np.float64)
    return view.to_image(points)
