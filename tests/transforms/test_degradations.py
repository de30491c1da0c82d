"""Degradations: each is worse at a higher level, keeps the size, and is reproducible."""

from fractions import Fraction

import cv2
import numpy as np
import pytest

from deepfake.core.image import Image
from deepfake.transforms.degradations import (
    DEGRADATIONS,
    GREY,
    TINTS,
    _encode,
    blocks,
    blur,
    contrast,
    degrade,
    downscale,
    h264,
    jpeg,
    noise,
    saturation,
    strength_of,
    tint,
)

NAMES = list(DEGRADATIONS)
LEVELS = (1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def face(astronaut: Image) -> Image:
    """A face of 160 x 160 pixels, like a crop."""
    return np.ascontiguousarray(astronaut[40:200, 144:304])


def clip(face: Image, count: int) -> list[Image]:
    """The face moving to the right by a pixel a frame."""
    return [np.roll(face, shift, axis=1) for shift in range(count)]


def generators(count: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, i]) for i in range(count)]


def distance(one: Image, other: Image) -> float:
    """Root of the mean squared difference, in grey levels."""
    return float(np.sqrt(np.mean((one.astype(float) - other) ** 2)))


@pytest.mark.parametrize("name", NAMES)
def test_each_level_is_worse(name: str, face: Image) -> None:
    images = clip(face, 3)
    costs = [
        np.mean([distance(*pair) for pair in zip(images, found, strict=True)])
        for found in (degrade(name, level, images, generators(3)) for level in LEVELS)
    ]
    assert costs == sorted(costs)
    assert 1 < costs[0] < costs[-1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(160, 160), (31, 17), (2, 2)])
def test_size_is_kept_and_input_not_modified(name: str, shape: tuple[int, int]) -> None:
    height, width = shape
    images = [np.full((height, width, 3), value, np.uint8) for value in (30, 200)]
    found = degrade(name, 5, images, generators(2))
    assert [image.shape for image in found] == [(height, width, 3)] * 2
    assert {image.dtype for image in found} == {np.dtype(np.uint8)}
    assert all(image.flags["C_CONTIGUOUS"] for image in found)
    assert [int(image[0, 0, 0]) for image in images] == [30, 200]
    assert all((image == image[0, 0]).all() for image in images)


@pytest.mark.parametrize("name", NAMES)
def test_results_are_reproducible(name: str, face: Image) -> None:
    one, other = (degrade(name, 3, clip(face, 4), generators(4)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", ["blocks", "noise"])
def test_another_seed_gives_another_image(name: str, face: Image) -> None:
    (one,), (other,) = (degrade(name, 3, [face], generators(1, seed)) for seed in (0, 1))
    assert (one != other).any()


@pytest.mark.parametrize("name", NAMES)
def test_no_crops(name: str) -> None:
    assert degrade(name, 1, [], []) == []


@pytest.mark.parametrize("level", [-1, 0, 6])
def test_unknown_level(level: int) -> None:
    with pytest.raises(ValueError, match="jpeg has levels 1 to 5"):
        strength_of("jpeg", level)


def test_strengths_are_the_published_ones() -> None:
    """degradation/add_distortion_to_video.py of DeeperForensics-1.0; jpeg and coloured light are ours."""
    ours = {"jpeg", *TINTS}
    found = {name: DEGRADATIONS[name].strengths for name in NAMES if name not in ours}
    assert found == {
        "saturation": (0.4, 0.3, 0.2, 0.1, 0.0),
        "contrast": (0.85, 0.725, 0.6, 0.475, 0.35),
        "blocks": (16, 32, 48, 64, 80),
        "noise": (0.001, 0.002, 0.005, 0.01, 0.05),
        "blur": (7, 9, 13, 17, 21),
        "downscale": (2, 3, 4, 5, 6),
        "h264": (30, 32, 35, 38, 40),
    }


def test_saturation(face: Image) -> None:
    assert (saturation(face, 1) == face).all()
    grey = saturation(face, 0)
    assert (grey == grey[..., :1]).all()
    half = saturation(face, 0.5).astype(float)
    assert np.abs(half - (face + grey.astype(float)) / 2).max() <= 1


@pytest.mark.parametrize(
    ("name", "brighter", "darker"),
    [("warm", [0], [2]), ("cool", [2], [0]), ("red", [0], [1, 2]), ("blue", [2], [0, 1])],
)
def test_coloured_light(name: str, brighter: list[int], darker: list[int]) -> None:
    """1.1 stops are a factor of 2 ** .5 in sRGB's values, whose gamma is about 2.2."""
    grey = np.full((1, 1, 3), 100, np.uint8)
    changed = tint(grey, 1.1, name)[0, 0]
    assert changed[brighter].tolist() == [141] * len(brighter)
    assert changed[darker].tolist() == [71] * len(darker)
    assert tint(grey, 0, name).tolist() == grey.tolist()
    assert tint(np.full((1, 1, 3), 250, np.uint8), 1.1, name).max() == 255  # not wrapped around


def test_contrast() -> None:
    image = np.array([[[0, 100, 255]]], np.uint8)
    assert contrast(image, 0.6).tolist() == [[[0, 60, 153]]]
    assert contrast(image, 1).tolist() == image.tolist()


@pytest.mark.parametrize(("side", "count"), [(256, 16), (160, 10), (8, 0)])
def test_blocks_cover_in_proportion(side: int, count: int) -> None:
    image = np.zeros((side, side, 3), np.uint8)
    changed = blocks(image, 16, np.random.default_rng(3))
    assert {*np.unique(changed).tolist()} <= {0, GREY}
    covered = (changed[..., 0] == GREY).sum() / 64
    assert 0.6 * count <= covered <= count


def test_a_higher_count_adds_blocks_to_the_same_ones(face: Image) -> None:
    few, many = (blocks(face, count, np.random.default_rng(0)) for count in (16, 48))
    assert (many[few != face] == GREY).all()


def test_noise_has_its_variance() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    noisy = noise(grey, 0.001, np.random.default_rng(0))
    luma = cv2.cvtColor(noisy, cv2.COLOR_RGB2YCrCb)[..., 0].astype(float)
    assert luma.mean() == pytest.approx(128, abs=0.5)
    assert luma.std() == pytest.approx(255 * 0.001**0.5 * 255 / 219, rel=0.05)
    assert (noise(grey, 0, np.random.default_rng(0)) == grey).all()


def test_blur_and_downscale_keep_the_mean(face: Image) -> None:
    for changed in (blur(face, 21), downscale(face, 5)):
        assert changed.mean() == pytest.approx(face.mean(), abs=1.5)
        assert cv2.Laplacian(changed, cv2.CV_32F).var() < cv2.Laplacian(face, cv2.CV_32F).var() / 4
    assert (downscale(face, 1) == face).all()


def test_jpeg(face: Image) -> None:
    assert distance(jpeg(face, 100), face) < 3
    assert distance(jpeg(face, 10), face) > 8


def test_h264_keeps_order_and_colour() -> None:
    """B-frames are stored out of order, but must be decoded in order."""
    colours = [(250, 20, 40), (10, 60, 200), (30, 200, 30), (128, 128, 128), (5, 5, 5)]
    images = [np.full((32, 48, 3), colour, np.uint8) for colour in colours * 3]
    found = h264(images, 10)
    assert len(found) == 15
    for image, colour in zip(found, colours * 3, strict=True):
        assert np.abs(image.mean(axis=(0, 1)) - colour).max() < 4


def test_h264_does_not_depend_on_uninitialised_memory(face: Image) -> None:
    """With x264's defaults, it does on processors with AVX-512."""
    generator = np.random.default_rng(0)
    noisy = [image * (1 - 0.05 * i) for i, image in enumerate(clip(face, 6))]
    noisy = [image + generator.normal(0, 6, image.shape) for image in noisy]
    images = [np.clip(image, 0, 255).astype(np.uint8) for image in noisy]
    found = set()
    for _ in range(40):
        used = [generator.bytes(int(generator.integers(1, 10**6))) for _ in range(20)]
        del used
        found.add(b"".join(image.tobytes() for image in h264(images, 35)))
    assert len(found) == 1


def test_h264_predicts_from_other_frames(face: Image) -> None:
    """Twelve frames of a still face cost less than three, since they are encoded as one clip."""
    one, twelve = (sum(p.size for p in _encode([face] * n, 30)) for n in (1, 12))
    assert twelve < 3 * one
    assert _encode([face], 30)[0].time_base == Fraction(1, 25)
