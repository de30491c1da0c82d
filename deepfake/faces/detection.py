"""Faces in one image: found, confirmed at one scale, with landmarks from face_recognition.

A detector's box depends on how large the face is in the pixels it is shown, and wanders by a
percent or two of the face when the picture moves by half a pixel. So whatever proposes a face,
a pass over the whole image or a look around its last place, the proposal is confirmed in a view in
which the face always has the same size; and the place of the box is corrected by landmarks, which
wander by a fifth of a percent (docs/detectors.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.faces.detectors import (
    Box,
    Boxes,
    brightened,
    cut_view,
    detect,
    detect_in,
    distinct,
    reduced,
    with_border,
)
from deepfake.faces.dlib_models import five_point_model

SURVEY_FACE = 20  # pixels of the smallest wanted face in a pass over the image: 19 of 20 are found
PROPOSED = 0.25  # scores from here on are looked at again; small faces score low
FOLLOWED = 0.85  # as in trackers that keep low scores (ByteTrack, Zhang et al., ECCV 2022)
VIEW = 128  # pixels: side of the views in which faces are looked for and confirmed
NEAR = 3.0  # sides of a face in the view around its last place: it may move by its own size
CLOSE = 1.6  # sides of the face in the view that confirms it: it has 80 pixels there
LANDMARK_VIEW, LANDMARK_CLOSE = 256, 1.6  # the model's points are whole pixels, so many are shown
# From the mean of the landmarks down to the middle of the box, in sides of the box (medians).
BELOW = {"libfacedetection": 0.06, "hog": 0.13}
MAX_CORRECTION = 0.15  # of the box's side: further off, the landmarks are not trusted


@dataclass(frozen=True)
class Face:
    """One face in one image.

    Attributes:
        box: left, top, right, bottom in pixels of the image, possibly beyond its border.
        score: certainty of the detector, 0..1.
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
    image: Image, detector: str, detect_size: int, min_score: float, min_face: float
) -> list[Face]:
    """Faces of an RGB image from left to right, by a pass over the whole image.

    Args:
        image: height x width x 3.
        detector: a key of `detection.DETECTORS`.
        detect_size: the image is reduced for the pass until the smallest wanted face has
            `SURVEY_FACE` pixels, and its longer side at most this many.
        min_score: detections below it are ignored.
        min_face: so are faces smaller than this fraction of the image's shorter side.
    """
    height, width = image.shape[:2]
    smallest = min_face * min(height, width)
    scale = min(1.0, detect_size / max(height, width), SURVEY_FACE / max(1.0, smallest))
    small = reduced(image, scale)
    boxes = detect(small, detector)
    boxes[:, [0, 2]] *= width / small.shape[1]
    boxes[:, [1, 3]] *= height / small.shape[0]
    faces = _faces(image, _all_settled(image, boxes, detector), detector, min_score, smallest)
    if faces:
        return faces
    around = detect_in(with_border(image, VIEW), detector)  # a face may fill more than the image
    return _faces(image, _all_settled(image, around, detector), detector, min_score, smallest)


def find_faces_near(
    image: Image, places: Sequence[Face], detector: str, min_score: float, min_face: float
) -> list[Face]:
    """Faces of an RGB image from left to right, looked for only around those of another image.

    A face is found if it moved by at most about its own size. Where one was a moment ago, a
    `FOLLOWED` part of `min_score` is enough. Other arguments as for `find_faces`.
    """
    min_score *= FOLLOWED
    smallest = min_face * min(image.shape[:2])
    found = []
    for place in places:
        boxes = _settled(image, np.array([*place.box, PROPOSED]), detector)
        if not len(boxes) or boxes[0, 4] < min_score:
            wide = detect_in(cut_view(image, place.box, NEAR, VIEW), detector)
            boxes = _all_settled(image, wide, detector)
        found.append(boxes)
    return _faces(image, np.concatenate([np.empty((0, 5)), *found]), detector, min_score, smallest)


def _all_settled(image: Image, proposed: Boxes, detector: str) -> Boxes:
    likely = distinct(proposed[proposed[:, 4] >= PROPOSED])
    return np.concatenate([np.empty((0, 5)), *(_settled(image, b, detector) for b in likely)])


def _faces(
    image: Image, boxes: Boxes, detector: str, min_score: float, smallest: float
) -> list[Face]:
    """The faces in settled boxes that are certain and large enough (in pixels)."""
    sides = (boxes[:, 2:4] - boxes[:, :2]).max(axis=1, initial=0)
    boxes = distinct(boxes[(boxes[:, 4] >= min_score) & (sides >= smallest)])
    boxes = boxes[np.lexsort(boxes.T[::-1])]
    return [_face(image, box, detector) for box in boxes]


def _settled(image: Image, box: NDArray[np.float64], detector: str) -> Boxes:
    """The proposed box as seen in a view where its face has the canonical size; none if unseen.

    A view that turns out to be badly centred or scaled is followed by a better one. The score is
    the best of all looks: a tightly cut or strongly lit face may be clearer in one of them.
    """
    best, seen = box[4], False
    for _ in range(3):
        view = cut_view(image, _corners(box), CLOSE, VIEW)
        found = detect_in(view, detector)
        found = found[found[:, 4] >= PROPOSED]
        if not len(found):
            break
        side = max(box[2:4] - box[:2])
        away = np.abs((found[:, :2] + found[:, 2:4] - box[:2] - box[2:4]) / 2).max(axis=1) / side
        growth = (found[:, 2:4] - found[:, :2]).max(axis=1) / side
        nearest = int(np.argmin(away - 0.5 * found[:, 4]))
        box = found[nearest]
        best, seen = max(best, box[4]), True
        if away[nearest] < 0.2 and 0.75 < growth[nearest] < 1.33:
            break
    return np.array([[*box[:4], best]] * seen).reshape(-1, 5)


def _face(image: Image, box: NDArray[np.float64], detector: str) -> Face:
    """The face in a settled box, its place corrected by its landmarks."""
    points = _landmarks(image, box)
    size = float(max(box[2:4] - box[:2]))
    middle = (box[:2] + box[2:4]) / 2
    angle = np.radians(eye_angle(points))
    down = np.array([-np.sin(angle), np.cos(angle)])
    correction = points.mean(axis=0) + BELOW[detector] * size * down - middle
    length = float(np.hypot(*correction))
    correction *= min(1.0, MAX_CORRECTION * size / max(length, 1e-9))
    moved = box[:4] + np.tile(correction, 2)
    return Face(_corners(moved), float(box[4]), tuple((float(x), float(y)) for x, y in points))


def _corners(box: NDArray[np.float64]) -> Box:
    left, top, right, bottom = box[:4].tolist()
    return left, top, right, bottom


def eye_angle(landmarks: Sequence[Sequence[float]] | NDArray[np.float64]) -> float:
    """Degrees by which the line through the eyes falls, counted clockwise in the image."""
    points = np.asarray(landmarks)
    one, other = points[:2].mean(axis=0), points[2:4].mean(axis=0)
    left, right = sorted([one, other], key=lambda eye: float(eye[0]))
    return float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))


def _landmarks(image: Image, box: NDArray[np.float64]) -> NDArray[np.float64]:
    """Five points (5 x 2) by an ensemble of regression trees (Kazemi and Sullivan, CVPR 2014)."""
    import dlib

    view = cut_view(image, _corners(box), LANDMARK_CLOSE, LANDMARK_VIEW)
    pixels = np.ascontiguousarray(brightened(view.pixels))
    left, top, right, bottom = (box[:4] - np.tile(view.start, 2)) / np.tile(view.scale, 2)
    # The predictor was trained on square boxes from the brows to the chin.
    side = (right - left + bottom - top) / 2
    middle, bottom = (left + right) / 2, bottom - 0.02 * (bottom - top)
    corners = (middle - side / 2, bottom - side, middle + side / 2, bottom)
    shape = five_point_model()(pixels, dlib.rectangle(*map(round, corners)))
    points = np.array([(point.x, point.y) for point in shape.parts()], np.float64)
    return view.to_image(points)
