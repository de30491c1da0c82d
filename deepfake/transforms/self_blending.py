"""Self-blended images: fakes made from one real crop, for training without any forgery method.

The method follows Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images" (CVPR
2022); the code is our own. One of two copies of a crop is changed in colour and sharpness. The
source copy is moved a little and blended into the target copy through a soft mask of the face. The
network learns what every face swap leaves: a border, and a slight mismatch between two parts.

The real crop of the pair is the target, changed or not. Both crops are then equal outside the mask,
so neither the colours nor the sharpness of the whole image reveal the label. The caller applies the
same flip, crop and compression to both.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.core.landmarks import Landmarks

Mask = NDArray[np.float32]  # height x width, 0..1: weight of the source
Points = NDArray[np.float64]  # n x (x, y), in pixels of the crop
Move = NDArray[np.float64]  # 2 x 3, an affine map of pixels

# Landmarks by their number in iBUG 300-W; each range covers both halves of the face.
JAW, BROWS, EYES = range(17), range(17, 27), range(36, 48)
NOSE, NOSE_BASE, MOUTH = range(27, 36), range(31, 36), range(48, 68)

# What the mask covers, with probabilities (our choice): mostly the whole face, as in most swaps.
# The other kinds represent swaps of a part of the face, and lip synchronisation.
MASK_KINDS = {
    "face": 0.4,
    "no_forehead": 0.15,
    "inner": 0.15,
    "lower": 0.1,
    "upper": 0.1,
    "parts": 0.1,
}
# Height over the distance from the brows to the base of the nose; hair begins at 1.
FOREHEAD_HEIGHT = 0.7
GROWTH = 1.4  # factor for nose and mouth in "parts", to include some skin around them

SHIFT_X, SHIFT_Y = 0.03, 0.015  # fractions of the crop's width and height, in both directions
MIN_SCALE = 0.95  # the largest scale is its inverse
DEFORMATION_KNOTS = 5  # per side
DEFORMATION_SIGMA = 0.012  # fraction of the crop's shorter side
KERNEL_RANGE, KERNEL_CROP_SIDE = (5, 25), 256  # pixels, for a crop with a side of 256
BLEND_RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # factors of the mask

RGB_SHIFT = 20  # levels of 255 per channel, in both directions
RGB_SHIFT_PROBABILITY = 0.5
HUE = 6.0  # degrees, in both directions
SATURATION, VALUE = 0.1, 0.1  # fractions of 1, in both directions
BRIGHTNESS, CONTRAST = 0.1, 0.1  # fractions of 1, in both directions
DOWNSCALE_FACTORS = (2, 4)  # by which a crop is reduced and enlarged again
SHARPENING_RANGE = (0.5, 2.0)  # how many times the detail is added
LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601)


def self_blended(
    crop: Image, landmarks: Landmarks, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Make a pair of a real and a fake crop from one real crop.

    Args:
        crop: RGB image of a real face, height x width x 3.
        landmarks: 68 x (x, y) in pixels of the crop.
        rng: source of all random values.

    Returns:
        The real crop, which is itself changed in half of the cases, and the fake, both of the size
        of the crop. They are equal where the mask is 0, and therefore everywhere if the face lies
        outside the crop. They are also equal in a crop so dark that the change has no effect.
    """
    real, fake, _ = self_blended_with_mask(crop, landmarks, rng)
    return real, fake


def self_blended_with_mask(
    crop: Image, landmarks: Landmarks, rng: np.random.Generator
) -> tuple[Image, Image, Mask]:
    """As `self_blended`, but also return the mask."""
    height, width = crop.shape[:2]
    changed = transformed(crop, rng)
    source, target = (changed, crop) if rng.random() < 0.5 else (crop, changed)
    move = random_move(height, width, rng)
    mask = blend_mask(moved_points(landmarks, move), height, width, rng)
    return target, blended(moved_image(source, move), target, mask), mask


def transformed(image: Image, rng: np.random.Generator) -> Image:
    """Change the colours of an image, then either downscale or sharpen it."""
    colored = np.asarray(cv2.transform(image, color_matrix(rng)), np.uint8)
    if rng.random() < 0.5:
        return downscaled(colored, int(rng.choice(DOWNSCALE_FACTORS)))
    return sharpened(colored, rng.uniform(*SHARPENING_RANGE))


def color_matrix(rng: np.random.Generator) -> NDArray[np.float64]:
    """Random changes of RGB, then of hue, saturation and value, then of brightness and contrast.

    They are combined in one matrix, so 8-bit values are rounded once. Hue rotates colours around
    the grey axis; saturation moves them away from it or towards it.

    Returns:
        3 x 4, from (red, green, blue, 1) of 0..255 to the same.
    """
    shift = rng.uniform(-RGB_SHIFT, RGB_SHIFT, 3) * (rng.random() < RGB_SHIFT_PROBABILITY)
    hue = math.radians(rng.uniform(-HUE, HUE))
    saturation = 1 + rng.uniform(-SATURATION, SATURATION)
    value = 1 + rng.uniform(-VALUE, VALUE)
    contrast = 1 + rng.uniform(-CONTRAST, CONTRAST)
    brightness = 255 * rng.uniform(-BRIGHTNESS, BRIGHTNESS)
    matrix = contrast * value * (_saturation_matrix(saturation) @ _hue_matrix(hue))
    offset = matrix @ shift + 255 / 2 * (1 - contrast) + brightness
    return np.column_stack([matrix, offset])


def _saturation_matrix(factor: float) -> NDArray[np.float64]:
    """Matrix that multiplies the distance of a colour from the grey of the same luma."""
    return factor * np.eye(3) + (1 - factor) * np.tile(LUMA, (3, 1))


def _hue_matrix(angle: float) -> NDArray[np.float64]:
    """Matrix that rotates by `angle` radians around the grey axis (Rodrigues' formula)."""
    matrix, _ = cv2.Rodrigues(np.full(3, angle / math.sqrt(3)))
    return np.asarray(matrix, np.float64)


def downscaled(image: Image, factor: int) -> Image:
    """Remove the detail of an image: reduce it by `factor` and enlarge it again."""
    height, width = image.shape[:2]
    size = (max(1, width // factor), max(1, height // factor))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def sharpened(image: Image, amount: float) -> Image:
    """Add the detail of an image, which a blur of 3 x 3 pixels removes, `amount` times."""
    smooth = cv2.GaussianBlur(image, (3, 3), 0)
    return np.asarray(cv2.addWeighted(image, 1 + amount, smooth, -amount, 0), np.uint8)


def random_move(height: int, width: int, rng: np.random.Generator) -> Move:
    """Random scale about the centre of a crop, and random shift."""
    scale = rng.uniform(MIN_SCALE, 1 / MIN_SCALE)
    shift = rng.uniform(-1, 1, 2) * [SHIFT_X * width, SHIFT_Y * height]
    middle = np.array([width - 1, height - 1]) / 2
    return np.column_stack([scale * np.eye(2), (1 - scale) * middle + shift])


def moved_image(image: Image, move: Move) -> Image:
    """Move an image; beyond its border it is reflected.

    A black border would be visible through the mask of a face at the border.
    """
    size = image.shape[1::-1]
    return np.asarray(
        cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def moved_points(points: Points | Landmarks, move: Move) -> Points:
    """Move points, n x (x, y)."""
    return points @ move[:, :2].T + move[:, 2]


def blend_mask(landmarks: Points, height: int, width: int, rng: np.random.Generator) -> Mask:
    """Make a random soft mask of a face.

    Args:
        landmarks: 68 x (x, y) in pixels of the crop.
        height, width: of the crop in pixels.
        rng: source of all random values.

    Returns:
        0..1, with one of `BLEND_RATIOS` as largest value; 0 everywhere if the face lies outside the
        crop.
    """
    kind = str(rng.choice(list(MASK_KINDS), p=list(MASK_KINDS.values())))
    solid = hull_mask(landmarks, kind, height, width)
    solid = deformed(solid, rng)
    soft = softened(solid, *random_kernels(min(height, width), rng))
    return soft * np.float32(rng.choice(BLEND_RATIOS))


def hull_mask(landmarks: Points, kind: str, height: int, width: int) -> NDArray[np.uint8]:
    """Convex hull of a face, or of parts of it: 255 inside, 0 outside.

    Args:
        landmarks: 68 x (x, y) in pixels of the mask.
        kind: a key of `MASK_KINDS`.
        height, width: of the mask in pixels.
    """
    mask = np.zeros((height, width), np.uint8)
    for points in outlines(landmarks, kind):
        hull = cv2.convexHull(np.rint(points).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 255)
    return mask


def outlines(landmarks: Points, kind: str) -> list[Points]:
    """The sets of points whose convex hulls make up a kind of mask.

    >>> [len(points) for points in outlines(np.zeros((68, 2)), "parts")]
    [22, 9, 20]
    """
    if kind == "parts":
        nose, mouth = _enlarged(landmarks[list(NOSE)]), _enlarged(landmarks[list(MOUTH)])
        return [landmarks[[*BROWS, *EYES]], nose, mouth]
    numbers = {
        "face": range(68),
        "no_forehead": range(68),
        "inner": range(17, 68),
        "lower": [*JAW[2:15], *NOSE[2:]],
        "upper": [*JAW[:3], *JAW[14:], *BROWS, *EYES, *NOSE],
    }[kind]
    points = landmarks[list(numbers)]
    return [np.vstack([points, forehead(landmarks)]) if kind in ("face", "upper") else points]


def _enlarged(points: Points) -> Points:
    middle: Points = points.mean(axis=0)
    return middle + GROWTH * (points - middle)


def forehead(landmarks: Points) -> Points:
    """Ten points on an arc above the brows; the 68 landmarks do not cover the forehead.

    A face has three parts of equal height; the middle one reaches from the brows to the base of the
    nose.
    """
    brows = landmarks[list(BROWS)]
    up: Points = brows.mean(axis=0) - landmarks[list(NOSE_BASE)].mean(axis=0)
    heights = np.sin(np.linspace(np.pi / 6, np.pi * 5 / 6, len(brows)))
    return brows + FOREHEAD_HEIGHT * heights[:, None] * up


def deformed(mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Bend the border of a mask at random (elastic deformation, Simard et al., ICDAR 2003).

    Random displacements at a few knots are interpolated. This is as smooth as blurred displacements
    of all pixels, and faster.
    """
    height, width = mask.shape
    knots = rng.standard_normal((DEFORMATION_KNOTS, DEFORMATION_KNOTS, 2)).astype(np.float32)
    knots *= DEFORMATION_SIGMA * min(height, width)
    field = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    field[..., 0] += np.arange(width, dtype=np.float32)
    field[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(mask, field, None, cv2.INTER_NEAREST), np.uint8)


def random_kernels(side: int, rng: np.random.Generator) -> tuple[int, int]:
    """Two random odd kernel sizes in pixels, for a crop whose shorter side is `side`."""
    first, second = rng.uniform(*KERNEL_RANGE, 2) * side / KERNEL_CROP_SIDE
    return _odd(first), _odd(second)


def _odd(size: float) -> int:
    """The nearest odd number, at least 1.

    >>> _odd(4.2), _odd(5.9), _odd(6.1), _odd(0)
    (5, 5, 7, 1)
    """
    return 2 * max(0, round((size - 1) / 2)) + 1


def softened(mask: NDArray[np.uint8], erosion: int, blur: int) -> Mask:
    """Soften a mask: blur it, keep only the pixels that are still 1, and blur again.

    The first two steps equal an erosion by the first kernel, which is used instead. The mask
    becomes smaller than the hull if the first kernel is the larger one, and otherwise extends
    beyond it.

    Args:
        mask: 0 or 255. A mask that the first kernel would erase is not eroded.
        erosion, blur: sides of the two kernels in pixels, odd.

    Returns:
        0..1; the largest value is 1, unless the mask is empty.
    """
    eroded = cv2.erode(mask, np.ones((erosion, erosion), np.uint8))
    kept = eroded if eroded.any() else mask
    soft = cv2.GaussianBlur(kept.astype(np.float32), (blur, blur), 0)
    return np.asarray(soft / (soft.max() or 1), np.float32)


def blended(source: Image, target: Image, mask: Mask) -> Image:
    """Blend the source into the target: target + mask * (source - target)."""
    base = target.astype(np.float32)
    mixed = base + mask[..., None] * (source - base)
    return np.rint(mixed).astype(np.uint8)
