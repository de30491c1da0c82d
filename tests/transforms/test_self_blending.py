"""Self-blended images: a soft mask on the face, and no change where the mask is 0."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake.core.image import Image
from deepfake.core.landmarks import Landmarks
from deepfake.faces.cropping import crop_face
from deepfake.faces.detection import find_faces
from deepfake.faces.landmarks import find_landmarks
from deepfake.transforms import self_blending

SIDE = 160
SEEDS = st.integers(0, 2**32 - 1)
MIRRORED = [  # number of each landmark in a mirrored face
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
]


def ellipse(center: tuple[float, float], radii: tuple[float, float], count: int) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.array(center) + np.array(radii) * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def symmetrical_face() -> np.ndarray:
    """68 landmarks of a symmetrical face in a square of side 1."""
    around = np.linspace(np.pi, 0, 17)
    jaw = np.stack([0.5 + 0.35 * np.cos(around), 0.4 + 0.5 * np.sin(around)], axis=1)
    brows = [[x, 0.33] for x in (*np.linspace(0.2, 0.42, 5), *np.linspace(0.58, 0.8, 5))]
    bridge = [[0.5, y] for y in np.linspace(0.4, 0.57, 4)]
    base = [[x, 0.62] for x in np.linspace(0.43, 0.57, 5)]
    eyes = [ellipse((x, 0.42), (0.07, 0.03), 6) for x in (0.33, 0.67)]
    mouth = [ellipse((0.5, 0.75), (0.13, 0.05), 12), ellipse((0.5, 0.75), (0.1, 0.02), 8)]
    return np.concatenate([jaw, brows, bridge, base, *eyes, *mouth])


def landmarks_in(height: int, width: int) -> Landmarks:
    return (symmetrical_face() * [width - 1, height - 1]).astype(np.float32)


def noise(height: int, width: int, seed: int = 0) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def smooth(height: int, width: int) -> Image:
    """An image with slow changes of colour, in the middle of the range."""
    small = np.random.default_rng(1).integers(60, 190, (4, 4, 3), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def blended(
    crop: Image, landmarks: np.ndarray, seed: int
) -> tuple[Image, Image, self_blending.Mask]:
    return self_blending.self_blended_with_mask(crop, landmarks, np.random.default_rng(seed))


@given(SEEDS, st.integers(16, 230), st.integers(16, 230))
def test_nothing_changes_where_the_mask_is_zero(seed: int, height: int, width: int) -> None:
    crop = noise(height, width)
    real, fake, mask = blended(crop, landmarks_in(height, width), seed)
    for image in (real, fake):
        assert image.shape == crop.shape
        assert image.dtype == np.uint8
    assert mask.shape == crop.shape[:2]
    assert mask.dtype == np.float32
    assert mask.min() == 0
    assert any(mask.max() == pytest.approx(ratio) for ratio in (0.25, 0.5, 0.75, 1))
    np.testing.assert_array_equal(fake[mask == 0], real[mask == 0])
    assert (fake[mask > 0.2] != real[mask > 0.2]).any(axis=-1).mean() > 0.8
    np.testing.assert_array_equal(crop, noise(height, width))


@given(SEEDS)
def test_result_depends_on_the_seed_only(seed: int) -> None:
    crop, landmarks = noise(SIDE, SIDE), landmarks_in(SIDE, SIDE)
    real, fake = self_blending.self_blended(crop, landmarks, np.random.default_rng(seed))
    real_again, fake_again, _ = blended(crop, landmarks, seed)
    np.testing.assert_array_equal(real, real_again)
    np.testing.assert_array_equal(fake, fake_again)
    assert (fake != blended(crop, landmarks, seed + 1)[1]).any()


def test_source_or_target_is_changed_half_of_the_time() -> None:
    crop, landmarks = smooth(64, 64), landmarks_in(64, 64)
    kept = [np.array_equal(blended(crop, landmarks, seed)[0], crop) for seed in range(200)]
    assert 80 <= sum(kept) <= 120


def test_one_of_the_two_is_the_crop_itself() -> None:
    crop, landmarks = np.full((SIDE, SIDE, 3), (180, 140, 120), np.uint8), landmarks_in(SIDE, SIDE)
    for seed in range(60):
        real, fake, mask = blended(crop, landmarks, seed)
        if (real != crop).any():
            np.testing.assert_array_equal(fake[mask == 1], crop[mask == 1])


@pytest.mark.parametrize("level", [0, 128, 255])
def test_plain_crops(level: int) -> None:
    crop = np.full((SIDE, SIDE, 3), level, np.uint8)
    landmarks = landmarks_in(SIDE, SIDE)
    differs = 0
    for seed in range(20):
        real, fake, mask = blended(crop, landmarks, seed)
        np.testing.assert_array_equal(fake[mask == 0], real[mask == 0])
        assert np.abs(fake.astype(int) - level).max() < 110
        differs += (fake != real).any()
    assert differs >= 8  # black stays black if the change makes it darker


@given(SEEDS, st.floats(-1.2, 1.2), st.floats(-1.2, 1.2), st.floats(0.3, 3))
def test_faces_beyond_the_border(seed: int, x: float, y: float, scale: float) -> None:
    crop = noise(90, 81)
    landmarks = landmarks_in(90, 81) * scale + np.float32([x * 81, y * 90])
    real, fake, mask = blended(crop, landmarks, seed)
    assert mask.min() >= 0
    assert mask.max() <= 1
    np.testing.assert_array_equal(fake[mask == 0], real[mask == 0])


def test_a_face_outside_of_the_crop_leaves_it_real() -> None:
    real, fake, mask = blended(noise(90, 90), landmarks_in(90, 90) + 500, 0)
    assert not mask.any()
    np.testing.assert_array_equal(fake, real)


def test_no_black_border_shows_through_the_mask() -> None:
    """In a white crop that the face fills, the moved source stays white."""
    crop = np.full((SIDE, SIDE, 3), 255, np.uint8)
    landmarks = landmarks_in(SIDE, SIDE) * 3 - SIDE
    assert min(blended(crop, landmarks, seed)[1].min() for seed in range(40)) > 120


@pytest.mark.parametrize("kind", sorted(self_blending.MASK_KINDS))
@pytest.mark.parametrize("degenerate", ["point", "level", "upright", "slanted"])
def test_degenerate_landmarks(kind: str, degenerate: str) -> None:
    along = np.linspace(0.2, 0.8, 68) * SIDE
    flat = np.full(68, SIDE / 2)
    x, y = {
        "point": (flat, flat),
        "level": (along, flat),
        "upright": (flat, along),
        "slanted": (along, along),
    }[degenerate]
    landmarks = np.stack([x, y], axis=1).astype(np.float32)
    mask = self_blending.hull_mask(landmarks, kind, SIDE, SIDE)
    assert 0 < np.count_nonzero(mask) < 0.2 * SIDE**2
    for seed in range(10):
        real, fake, soft = blended(noise(SIDE, SIDE), landmarks, seed)
        assert soft.max() <= 1
        np.testing.assert_array_equal(fake[soft == 0], real[soft == 0])


@pytest.mark.parametrize("kind", sorted(self_blending.MASK_KINDS))
def test_masks_of_a_mirrored_face_are_mirrored(kind: str) -> None:
    landmarks = landmarks_in(120, 101)
    landmarks[:, 0] += np.linspace(0, 9, 68)  # not symmetrical any more
    other = landmarks[MIRRORED] * [-1, 1] + [100, 0]
    mask = self_blending.hull_mask(np.rint(landmarks), kind, 120, 101)
    mirrored = self_blending.hull_mask(np.rint(other), kind, 120, 101)
    assert (mask[:, ::-1] != mirrored).mean() < 0.01
    assert mask.any()


@pytest.mark.parametrize(
    ("kind", "eyes", "nose", "mouth", "chin", "forehead"),
    [
        ("face", True, True, True, True, True),
        ("no_forehead", True, True, True, True, False),
        ("inner", True, True, True, False, False),
        ("lower", False, True, True, True, False),
        ("upper", True, True, False, False, True),
        ("parts", True, True, True, False, False),
    ],
)
def test_what_each_kind_of_mask_covers(
    kind: str, eyes: bool, nose: bool, mouth: bool, chin: bool, forehead: bool
) -> None:
    landmarks = landmarks_in(200, 200)
    mask = self_blending.hull_mask(landmarks, kind, 200, 200)
    points = {
        "left eye": landmarks[36:42].mean(axis=0),
        "right eye": landmarks[42:48].mean(axis=0),
        "nose": landmarks[30],
        "mouth": landmarks[48:].mean(axis=0),
        "chin": landmarks[8] - [0, 3],
        "forehead": landmarks[17:27].mean(axis=0) - [0, 20],
    }
    found = {name: bool(mask[round(y), round(x)]) for name, (x, y) in points.items()}
    expected = [eyes, eyes, nose, mouth, chin, forehead]
    assert found == dict(zip(points, expected, strict=True))


def test_kinds_of_mask_have_their_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[str] = []
    hull_mask = self_blending.hull_mask

    def recorded(landmarks: np.ndarray, kind: str, height: int, width: int) -> np.ndarray:
        kinds.append(kind)
        return hull_mask(landmarks, kind, height, width)

    monkeypatch.setattr(self_blending, "hull_mask", recorded)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        self_blending.blend_mask(landmarks_in(32, 32), 32, 32, rng)
    assert sum(self_blending.MASK_KINDS.values()) == pytest.approx(1)
    for kind, share in self_blending.MASK_KINDS.items():
        assert kinds.count(kind) / 1000 == pytest.approx(share, abs=0.05)


def test_ratios_have_the_probabilities_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    tops = [self_blending.blend_mask(landmarks_in(32, 32), 32, 32, rng).max() for _ in range(1200)]
    for ratio, share in [(0.25, 1 / 6), (0.5, 1 / 6), (0.75, 1 / 6), (1, 1 / 2)]:
        assert np.isclose(tops, ratio).mean() == pytest.approx(share, abs=0.05)


def test_forehead_is_above_the_brows_and_rotates_with_the_face() -> None:
    landmarks = landmarks_in(200, 200).astype(np.float64)
    found = self_blending.forehead(landmarks)
    rise = landmarks[17:27, 1] - found[:, 1]
    third = landmarks[31:36, 1].mean() - landmarks[17:27, 1].mean()
    assert rise.max() == pytest.approx(self_blending.FOREHEAD_HEIGHT * third, rel=0.05)
    assert rise[[0, -1]] == pytest.approx(rise.max() / 2, rel=0.05)
    rotation = np.array([[0.0, -1], [1, 0]])
    np.testing.assert_allclose(
        self_blending.forehead(landmarks @ rotation), found @ rotation, atol=1e-9
    )


def square(inner: int, side: int = 101) -> np.ndarray:
    mask = np.zeros((side, side), np.uint8)
    start = (side - inner) // 2
    mask[start : start + inner, start : start + inner] = 255
    return mask


@pytest.mark.parametrize(("erosion", "blur"), [(5, 5), (15, 5), (5, 15), (1, 1)])
def test_softened_equals_two_blurs_with_a_threshold_in_between(erosion: int, blur: int) -> None:
    mask = square(41)
    once = cv2.GaussianBlur(mask.astype(np.float64) / 255, (erosion, erosion), 0)
    whole = np.where(once > 1 - 1e-9, 1.0, 0.0)
    expected = cv2.GaussianBlur(whole, (blur, blur), 0)
    np.testing.assert_allclose(self_blending.softened(mask, erosion, blur), expected, atol=1e-5)


def test_softened_keeps_a_mask_that_is_too_narrow_to_erode() -> None:
    found = self_blending.softened(square(3), 9, 9)
    assert found.max() == 1
    assert np.count_nonzero(found) == (3 + 8) ** 2
    assert not self_blending.softened(square(0), 9, 9).any()


def test_kernels_grow_with_the_crop() -> None:
    def range_of(side: int) -> tuple[int, int]:
        rng = np.random.default_rng(0)
        sizes = np.array([self_blending.random_kernels(side, rng) for _ in range(2000)])
        assert (sizes % 2 == 1).all()
        assert side < 20 or (sizes[:, 0] != sizes[:, 1]).any()
        return int(sizes.min()), int(sizes.max())

    assert range_of(256) == (5, 25)
    assert range_of(512) == (11, 49)
    assert range_of(16) == (1, 1)


def test_deformed_bends_the_border_a_little() -> None:
    mask = square(61)
    found = self_blending.deformed(mask, np.random.default_rng(0))
    assert set(np.unique(found)) == {0, 255}
    assert 0.005 < (found != mask).mean() < 0.08
    assert (found[25:76, 25:76] == 255).all()
    assert not found[:10].any()


def test_moves_are_within_the_bounds_and_keep_the_middle() -> None:
    rng = np.random.default_rng(0)
    moves = np.array([self_blending.random_move(101, 201, rng) for _ in range(2000)])
    scales = moves[:, 0, 0]
    np.testing.assert_array_equal(scales, moves[:, 1, 1])
    assert (moves[:, 0, 1] == 0).all()
    assert (scales.min(), scales.max()) == pytest.approx((0.95, 1 / 0.95), abs=0.002)
    shifts = moves[:, :, :2] @ [100, 50] + moves[:, :, 2] - [100, 50]
    assert np.abs(shifts).max(axis=0) == pytest.approx([0.03 * 201, 0.015 * 101], rel=0.01)
    assert np.abs(shifts.mean(axis=0)).max() < 0.2


def test_source_and_mask_move_together(monkeypatch: pytest.MonkeyPatch) -> None:
    crop, landmarks = noise(SIDE, SIDE), landmarks_in(SIDE, SIDE)
    monkeypatch.setattr(self_blending, "transformed", lambda image, _: image)

    def moved(shift: tuple[float, float]) -> tuple[Image, self_blending.Mask]:
        move = np.column_stack([np.eye(2), shift])
        monkeypatch.setattr(self_blending, "random_move", lambda *_: move)
        return blended(crop, landmarks, 30)[1:]

    _, mask = moved((0, 0))
    fake, moved_mask = moved((10, -6))
    inside = moved_mask == 1
    assert inside.sum() > 1000
    np.testing.assert_array_equal(fake[inside], np.roll(crop, (-6, 10), (0, 1))[inside])
    middles = [np.mean(one.nonzero(), axis=1) for one in (mask, moved_mask)]
    assert middles[1] - middles[0] == pytest.approx([-6, 10], abs=1.5)


def test_border_of_the_mask_is_bent(monkeypatch: pytest.MonkeyPatch) -> None:
    def random_mask() -> self_blending.Mask:
        return self_blending.blend_mask(
            landmarks_in(SIDE, SIDE), SIDE, SIDE, np.random.default_rng(0)
        )

    bent = random_mask()
    monkeypatch.setattr(self_blending, "DEFORMATION_SIGMA", 0)
    assert (random_mask() != bent).mean() > 0.01


def test_blended_is_rounded() -> None:
    target, source = np.full((1, 3, 3), 10, np.uint8), np.full((1, 3, 3), 20, np.uint8)
    mask = np.array([[0, 0.68, 1]], np.float32)
    assert self_blending.blended(source, target, mask)[0, :, 0].tolist() == [10, 17, 20]
    assert self_blending.blended(target, source, mask)[0, :, 0].tolist() == [20, 13, 10]


def test_each_change_of_colour_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all ranges at 0 nothing changes; each range alone has the effect of its name."""
    knobs = ("RGB_SHIFT", "HUE", "SATURATION", "VALUE", "BRIGHTNESS", "CONTRAST")
    before = {knob: getattr(self_blending, knob) for knob in knobs}

    def results(knob: str, color: tuple[int, int, int]) -> np.ndarray:
        for name in knobs:
            monkeypatch.setattr(self_blending, name, before[name] if name == knob else 0)
        rng = np.random.default_rng(0)
        matrices = np.array([self_blending.color_matrix(rng) for _ in range(500)])
        found: np.ndarray = matrices @ [*color, 1]
        return found

    skin = (200, 150, 120)
    np.testing.assert_allclose(results("", skin), np.tile(skin, (500, 1)), atol=1e-9)
    shifts = results("RGB_SHIFT", skin) - skin
    assert np.abs(shifts).max() == pytest.approx(20, abs=0.2)
    assert (shifts == 0).all(axis=1).mean() == pytest.approx(0.5, abs=0.06)
    assert np.abs(np.corrcoef(shifts.T) - np.eye(3)).max() < 0.2
    for knob in ("HUE", "SATURATION"):
        np.testing.assert_allclose(results(knob, (90, 90, 90)), 90, atol=1e-9)
        assert np.ptp(results(knob, skin), axis=0).min() > 1
    np.testing.assert_allclose(results("HUE", skin).sum(axis=1), sum(skin))
    chroma = results("HUE", (200, 100, 100)) - 400 / 3
    rotated = np.degrees(np.arccos(chroma @ [2, -1, -1] / 6**0.5 / np.linalg.norm(chroma, axis=1)))
    assert rotated.max() == pytest.approx(self_blending.HUE, abs=0.1)
    np.testing.assert_allclose(
        results("SATURATION", skin) @ self_blending.LUMA, np.dot(skin, self_blending.LUMA)
    )
    value = results("VALUE", skin) / skin
    np.testing.assert_allclose(value, np.tile(value[:, :1], 3))
    assert (value.min(), value.max()) == pytest.approx((0.9, 1.1), abs=0.001)
    assert np.abs(results("BRIGHTNESS", skin) - skin).max() == pytest.approx(25.5, abs=0.2)
    np.testing.assert_allclose(results("CONTRAST", (127, 127, 128)), 127.5, atol=0.6)
    assert np.abs(results("CONTRAST", (255, 255, 255)) - 255).max() == pytest.approx(12.75, abs=0.1)


@pytest.mark.parametrize("factor", [2, 4])
def test_downscaled_loses_detail_and_keeps_colors(factor: int) -> None:
    crop = noise(65, 81)
    found = self_blending.downscaled(crop, factor)
    assert found.shape == crop.shape
    assert found.mean() == pytest.approx(crop.mean(), abs=2)
    assert found.std() < crop.std() / factor + 5
    assert self_blending.downscaled(crop[:1, :1], factor).shape == (1, 1, 3)
    plain = np.full((9, 7, 3), 77, np.uint8)
    np.testing.assert_array_equal(self_blending.downscaled(plain, factor), plain)


def test_sharpened_adds_contrast_at_edges_only() -> None:
    crop = np.full((20, 20, 3), 100, np.uint8)
    crop[:, 10:] = 150
    found = self_blending.sharpened(crop, 1.0)
    np.testing.assert_array_equal(found[:, :9], crop[:, :9])
    np.testing.assert_array_equal(found[:, 11:], crop[:, 11:])
    assert found[0, 9, 0] < 95
    assert found[0, 10, 0] > 155


def test_transformed_is_downscaled_or_sharpened() -> None:
    crop = noise(64, 64) // 2 + 64
    deviations = [
        self_blending.transformed(crop, np.random.default_rng(seed)).std() / crop.std()
        for seed in range(200)
    ]
    sharper, halved, quartered = (
        sum(low < value < high for value in deviations)
        for low, high in [(1.05, 9), (0.3, 0.6), (0.1, 0.3)]
    )
    assert sharper + halved + quartered == 200
    assert 80 <= sharper <= 120
    assert 30 <= halved <= 70


def test_mask_sits_on_a_real_face(astronaut: Image) -> None:
    (face,) = find_faces(astronaut, "yunet", 480, 0.8, 0.05)
    crop = crop_face(astronaut, face, 1.3, SIDE)
    landmarks = find_landmarks(crop, 1.3)
    masks = [blended(crop, landmarks, seed)[2] for seed in range(100)]
    covered = np.mean([mask > 0 for mask in masks], axis=0)
    nose = landmarks[30].astype(int)
    assert covered[nose[1], nose[0]] > 0.85
    assert covered[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0  # the corners
    middle = [(mask.nonzero()[1].mean(), mask.nonzero()[0].mean()) for mask in masks]
    assert np.mean(middle, axis=0) == pytest.approx(landmarks.mean(axis=0), abs=0.1 * SIDE)
