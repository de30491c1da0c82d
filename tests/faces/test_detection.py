"""Faces of one image: their boxes and landmarks."""

from importlib.metadata import version
from typing import get_args

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.faces.detection import Face, eye_angle, find_faces, find_faces_near
from deepfake.faces.detectors import DETECTORS
from deepfake.params.schema import CropsParams

# The head in the photo, measured by hand: left, top, right, bottom in pixels.
HEAD = (170, 45, 275, 190)
Box = tuple[float, float, float, float]


@pytest.fixture(scope="session")
def portrait(astronaut: Image) -> Image:
    """The upper part of the photo, in which nothing else resembles a face."""
    return np.ascontiguousarray(astronaut[:260, 90:350])


def box_iou(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return common / (sum(areas) - common)


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_a_face_and_its_landmarks(portrait: Image, detector: str) -> None:
    (face,) = find_faces(portrait, detector, 480, 0.8, 0.05)
    left, top, right, bottom = face.box
    head = (HEAD[0] - 90, HEAD[1], HEAD[2] - 90, HEAD[3])
    assert box_iou(face.box, head) > (0.45 if detector == "hog" else 0.5)  # its boxes are tighter
    assert 0.8 <= face.score <= 1
    assert face.size == max(right - left, bottom - top)
    assert all(left <= x <= right and top <= y <= bottom for x, y in face.landmarks)
    outer_right, inner_right, outer_left, inner_left, nose = face.landmarks
    assert outer_left[0] < inner_left[0] < nose[0] < inner_right[0] < outer_right[0]
    assert nose[1] > max(y for _, y in face.landmarks[:4]) + 10
    assert inner_right[0] - inner_left[0] > 10


def test_detectors_agree(portrait: Image) -> None:
    (one,), (other,) = (find_faces(portrait, name, 480, 0.8, 0.05) for name in sorted(DETECTORS))
    assert box_iou(one.box, other.box) > 0.5
    assert np.abs(np.subtract(one.landmarks, other.landmarks)).max() < 5


@pytest.mark.parametrize("detect_size", [120, 260, 1000])
def test_boxes_are_in_pixels_of_the_original_image(portrait: Image, detect_size: int) -> None:
    (reference,) = find_faces(portrait, "yunet", 260, 0.8, 0.05)
    (found,) = find_faces(portrait, "yunet", detect_size, 0.8, 0.05)
    assert box_iou(found.box, reference.box) > 0.7


@pytest.mark.parametrize("detector", sorted(DETECTORS))
@pytest.mark.parametrize("shape", [(120, 160, 3), (1, 1, 3), (3, 200, 3)])
def test_image_without_a_face(detector: str, shape: tuple[int, int, int]) -> None:
    assert find_faces(np.full(shape, 127, np.uint8), detector, 100, 0.0, 0.0) == []


def test_min_score(portrait: Image) -> None:
    (face,) = find_faces(portrait, "yunet", 260, 0.5, 0.05)
    assert find_faces(portrait, "yunet", 260, face.score, 0.05) == [face]
    assert find_faces(portrait, "yunet", 260, 1.0, 0.05) == []


def test_min_face_is_a_fraction_of_the_shorter_side(portrait: Image) -> None:
    (face,) = find_faces(portrait, "yunet", 260, 0.8, 0.05)
    fraction = face.size / 260
    assert len(find_faces(portrait, "yunet", 260, 0.8, 0.9 * fraction)) == 1
    assert find_faces(portrait, "yunet", 260, 0.8, 1.1 * fraction) == []
    wide = np.concatenate([portrait, np.zeros((260, 200, 3), np.uint8)], axis=1)
    assert len(find_faces(wide, "yunet", 460, 0.8, fraction - 0.03)) == 1


def test_min_face_pixels_is_a_size_in_the_image(portrait: Image) -> None:
    (face,) = find_faces(portrait, "yunet", 260, 0.8, 0.05)
    for image, size in [(portrait, face.size), (cv2.pyrDown(portrait), face.size / 2)]:
        assert len(find_faces(image, "yunet", 260, 0.8, 0.05, 0.9 * size)) == 1
        assert find_faces(image, "yunet", 260, 0.8, 0.05, 1.1 * size) == []
        assert find_faces_near(image, [face], "yunet", 0.8, 0.05, 1.1 * size) == []


def test_two_faces_from_left_to_right(portrait: Image) -> None:
    found = find_faces(np.hstack([portrait, portrait]), "yunet", 520, 0.8, 0.05)
    (face,) = find_faces(portrait, "yunet", 260, 0.8, 0.05)
    assert len(found) == 2
    moved: Box = (face.box[0] + 260, face.box[1], face.box[2] + 260, face.box[3])
    assert box_iou(found[0].box, face.box) > 0.8
    assert box_iou(found[1].box, moved) > 0.8


def on_canvas(
    portrait: Image, width: float, shape: tuple[int, int]
) -> tuple[Image, NDArray[np.float64]]:
    """A grey image of `shape` with the portrait, the face `width` pixels wide; and its centre."""
    scale = width / 80
    small = cv2.resize(portrait, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((*shape, 3), 110, np.uint8)
    canvas[50 : 50 + small.shape[0], 70 : 70 + small.shape[1]] = small
    return canvas, np.array([70, 50]) + np.array([134, 116]) * scale


@pytest.mark.parametrize("shape", [(720, 1280), (1280, 720), (1080, 1920)])
def test_a_face_of_a_twentieth_of_the_shorter_side(portrait: Image, shape: tuple[int, int]) -> None:
    image, center = on_canvas(portrait, 0.05 * min(shape), shape)
    (face,) = find_faces(image, "yunet", 640, 0.8, 0.05)
    assert np.hypot(*(middle(face) - center)) < 0.2 * face.size


def middle(face: Face) -> NDArray[np.float64]:
    left, top, right, bottom = face.box
    return np.array([(left + right) / 2, (top + bottom) / 2])


def test_the_box_moves_with_the_face(portrait: Image) -> None:
    """Under changes of scale and position, its centre varies by less than 1 % of its size."""
    rng = np.random.default_rng(0)
    centers, sizes = [], []
    for _ in range(12):
        scale, (x, y) = rng.uniform(0.85, 1.15), rng.uniform(-9, 9, 2)
        move = np.array([[scale, 0, x], [0, scale, y]])
        moved = cv2.warpAffine(portrait, move, (300, 300), borderMode=cv2.BORDER_REPLICATE)
        moved = np.clip(moved + rng.normal(0, 3, moved.shape), 0, 255).astype(np.uint8)
        (face,) = find_faces(moved, "yunet", 480, 0.8, 0.05)
        centers.append((middle(face) - (x, y)) / scale)
        sizes.append(face.size / scale)
    assert np.std(centers, axis=0).max() < 0.01 * np.mean(sizes)
    assert np.std(sizes) < 0.04 * np.mean(sizes)


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_a_face_near_a_known_one_is_the_same_as_in_the_whole_image(
    portrait: Image, detector: str
) -> None:
    (face,) = find_faces(portrait, detector, 480, 0.8, 0.05)
    shifted = np.roll(portrait, (8, 20), axis=(0, 1))
    (followed,) = find_faces_near(shifted, [face], detector, 0.8, 0.05)
    assert np.hypot(*(middle(followed) - middle(face) - (20, 8))) < 0.03 * face.size
    far = Face((200.0, 200.0, 230.0, 230.0), 0.9, face.landmarks)
    assert find_faces_near(portrait, [far], detector, 0.8, 0.05) == []
    assert find_faces_near(portrait, [], detector, 0.8, 0.05) == []


def test_a_tight_and_a_dark_crop(portrait: Image) -> None:
    tight = portrait[58:178, 86:186]
    for image in (tight, (tight / 12).astype(np.uint8)):
        (face,) = find_faces(np.ascontiguousarray(image), "yunet", 480, 0.8, 0.05)
        assert face.size > 80


def test_angle_of_the_eyes() -> None:
    eyes = [(80.0, 56.0), (70.0, 54.0), (20.0, 44.0), (30.0, 46.0), (50.0, 70.0)]
    assert eye_angle(eyes) == pytest.approx(11.3, abs=0.1)


def test_the_image_is_not_modified(portrait: Image) -> None:
    before = portrait.copy()
    find_faces(portrait, "yunet", 480, 0.8, 0.05)
    assert (portrait == before).all()


def test_params_and_code_know_the_same_detectors() -> None:
    names = CropsParams.model_fields["detector"].annotation
    assert {*get_args(names)} == {*DETECTORS}
    assert all(version(detector.package) for detector in DETECTORS.values())


def test_size_is_the_longer_side() -> None:
    assert Face((10, 20, 40, 90), 1.0, ()).size == 70
