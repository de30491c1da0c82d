"""Faces in one image: where they are, and where their eyes and nose are."""

import numpy as np
import pytest

from deepfake.faces import DETECTORS, PACKAGES, Face, find_faces
from deepfake.image import Image

# The head in the photo, by eye: left, top, right, bottom in pixels.
HEAD = (170, 45, 275, 190)
Box = tuple[float, float, float, float]


@pytest.fixture(scope="session")
def portrait(astronaut: Image) -> Image:
    """The upper part of the photo, in which nothing else can be taken for a face."""
    return np.ascontiguousarray(astronaut[:260, 90:350])


def overlap(one: Box, other: Box) -> float:
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
    assert overlap(face.box, head) > 0.5
    assert 0.8 <= face.score <= 1
    assert face.size == max(right - left, bottom - top)
    assert all(left <= x <= right and top <= y <= bottom for x, y in face.landmarks)
    outer_right, inner_right, outer_left, inner_left, nose = face.landmarks
    assert outer_left[0] < inner_left[0] < nose[0] < inner_right[0] < outer_right[0]
    assert nose[1] > max(y for _, y in face.landmarks[:4]) + 10
    assert inner_right[0] - inner_left[0] > 10


def test_detectors_agree(portrait: Image) -> None:
    (one,), (other,) = (find_faces(portrait, name, 480, 0.8, 0.05) for name in sorted(DETECTORS))
    assert overlap(one.box, other.box) > 0.5
    assert np.abs(np.subtract(one.landmarks, other.landmarks)).max() < 5


@pytest.mark.parametrize("detect_size", [120, 260, 1000])
def test_boxes_are_pixels_of_the_image_given(portrait: Image, detect_size: int) -> None:
    (reference,) = find_faces(portrait, "libfacedetection", 260, 0.8, 0.05)
    (found,) = find_faces(portrait, "libfacedetection", detect_size, 0.8, 0.05)
    assert overlap(found.box, reference.box) > 0.7


@pytest.mark.parametrize("detector", sorted(DETECTORS))
@pytest.mark.parametrize("shape", [(120, 160, 3), (1, 1, 3), (3, 200, 3)])
def test_image_without_a_face(detector: str, shape: tuple[int, int, int]) -> None:
    assert find_faces(np.full(shape, 127, np.uint8), detector, 100, 0.0, 0.0) == []


def test_min_score(portrait: Image) -> None:
    (face,) = find_faces(portrait, "libfacedetection", 260, 0.5, 0.05)
    assert find_faces(portrait, "libfacedetection", 260, face.score, 0.05) == [face]
    assert find_faces(portrait, "libfacedetection", 260, face.score + 0.001, 0.05) == []


def test_min_face_is_a_fraction_of_the_shorter_side(portrait: Image) -> None:
    (face,) = find_faces(portrait, "libfacedetection", 260, 0.8, 0.05)
    fraction = face.size / 260
    assert find_faces(portrait, "libfacedetection", 260, 0.8, fraction - 0.001) == [face]
    assert find_faces(portrait, "libfacedetection", 260, 0.8, fraction + 0.001) == []
    wide = np.concatenate([portrait, np.zeros((260, 200, 3), np.uint8)], axis=1)
    assert len(find_faces(wide, "libfacedetection", 460, 0.8, fraction - 0.03)) == 1


def test_two_faces_from_left_to_right(portrait: Image) -> None:
    found = find_faces(np.hstack([portrait, portrait]), "libfacedetection", 520, 0.8, 0.05)
    (face,) = find_faces(portrait, "libfacedetection", 260, 0.8, 0.05)
    assert len(found) == 2
    moved: Box = (face.box[0] + 260, face.box[1], face.box[2] + 260, face.box[3])
    assert overlap(found[0].box, face.box) > 0.8
    assert overlap(found[1].box, moved) > 0.8


def test_the_image_is_left_as_it_is(portrait: Image) -> None:
    before = portrait.copy()
    find_faces(portrait, "libfacedetection", 480, 0.8, 0.05)
    assert (portrait == before).all()


def test_every_detector_names_its_package() -> None:
    assert PACKAGES.keys() == DETECTORS.keys()


def test_size_is_the_longer_side() -> None:
    assert Face((10, 20, 40, 90), 1.0, ()).size == 70
