"""Views of an image, boxes, and the memory of the detector's library."""

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake.core.image import Image
from deepfake.faces import detectors
from deepfake.faces.detectors import (
    box_iou,
    brightened,
    cut_view,
    downsampled,
    non_maximum_suppression,
    with_border,
)


def gradient(height: int, width: int) -> Image:
    """An image whose first two channels encode the position of each pixel."""
    y, x = np.mgrid[:height, :width]
    place = [255 * (x + 0.5) / width, 255 * (y + 0.5) / height, np.full((height, width), 200)]
    return np.round(np.stack(place, axis=2)).astype(np.uint8)


@given(
    st.integers(30, 400), st.integers(30, 400), st.floats(0, 1), st.floats(0, 1),
    st.floats(8, 300), st.sampled_from([1.6, 3.0]),
)  # fmt: skip
def test_points_of_a_view_map_to_points_of_the_image(
    height: int, width: int, x: float, y: float, side: float, ratio: float
) -> None:
    x, y = x * width, y * height
    image = gradient(height, width)
    view = cut_view(image, (x - side / 2, y - side / 2, x + side / 2, y + side / 2), ratio, 128)
    rows, columns = view.pixels.shape[:2]
    assert max(rows, columns) <= 129
    middle = np.array([columns // 2, rows // 2])
    shown = view.pixels[middle[1], middle[0], :2] / 255 * [width, height]
    there = view.to_image(middle + 0.5)
    assert np.abs(shown - there).max() < 2 + 0.5 * max(view.scale) + max(width, height) / 255


def test_a_border_is_half_the_longer_side() -> None:
    view = with_border(np.full((50, 100, 3), 90, np.uint8), 128)
    assert view.pixels.shape == (128, 128, 3)
    assert view.to_image(np.array([32.0, 48.0])) == pytest.approx([0, 0], abs=1)
    assert view.to_image(np.array([96.0, 80.0])) == pytest.approx([100, 50], abs=1)


@pytest.mark.parametrize("scale", [1.0, 0.9, 0.5, 0.3, 0.125, 0.01])
@pytest.mark.parametrize("shape", [(64, 96), (61, 97), (1, 1)])
def test_reduced(shape: tuple[int, int], scale: float) -> None:
    small = downsampled(gradient(*shape), scale)
    assert small.shape[:2] == tuple(max(1, round(side * scale)) for side in shape)
    assert np.abs(small.mean(axis=(0, 1)) - gradient(*shape).mean(axis=(0, 1))).max() < 2


def test_only_dark_images_are_brightened() -> None:
    day = gradient(60, 60)
    assert brightened(day) is day
    night = (day / 20).astype(np.uint8)
    assert np.percentile(brightened(night)[..., 1], 99.9) > 120
    assert (brightened(np.zeros((5, 5, 3), np.uint8)) == 0).all()


def test_non_maximum_suppression_keeps_the_best_box_of_a_face() -> None:
    boxes = np.array([[0, 0, 10, 10, 0.7], [1, 0, 11, 10, 0.9], [40, 0, 50, 10, 0.8]])
    assert non_maximum_suppression(boxes).tolist() == [[1, 0, 11, 10, 0.9], [40, 0, 50, 10, 0.8]]
    assert non_maximum_suppression(np.empty((0, 5))).shape == (0, 5)
    assert box_iou(boxes[0], boxes[1]) == pytest.approx(9 / 11)
    assert box_iou(boxes[0], boxes[2]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(128, 128), (97, 61), (1, 1), (3, 200)])
def test_yunet_frees_its_memory(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 99, np.uint8)
    detectors.DETECTORS["yunet"].find(image)
    gc.collect()
    before = resident_kilobytes()
    for _ in range(100):
        detectors.DETECTORS["yunet"].find(image)
    assert resident_kilobytes() - before < 3000


def resident_kilobytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def test_yunet_depends_on_the_shapes_of_no_earlier_image(astronaut: Image) -> None:
    first = detectors.DETECTORS["yunet"].find(astronaut)
    for shape in [(1, 1), (33, 700), (700, 33), (480, 640)]:
        assert not len(detectors.DETECTORS["yunet"].find(np.full((*shape, 3), 127, np.uint8)))
    assert (detectors.DETECTORS["yunet"].find(astronaut) == first).all()


def test_opencv_prints_nothing(repository: Path) -> None:
    code = """if True:
        import cv2, numpy
        from deepfake.faces.detectors import DETECTORS
        level = cv2.utils.logging.getLogLevel()
        DETECTORS["yunet"].find(numpy.zeros((64, 64, 3), numpy.uint8))
        assert cv2.utils.logging.getLogLevel() == level
    """
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    assert run.stdout + run.stderr == ""


def test_a_missing_model_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(detectors, "YUNET", tmp_path / "yunet_n.onnx")
    detectors._yunet_network.cache_clear()
    with pytest.raises(FileNotFoundError, match=r"yunet_n\.onnx.*restore it"):
        detectors.DETECTORS["yunet"].find(np.zeros((64, 64, 3), np.uint8))
