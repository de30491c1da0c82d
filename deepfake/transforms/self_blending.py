"""Self-blended images: a fake made of one real crop, for training that does not know any method.

After Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images" (CVPR 2022): of two
copies of a crop one is changed in colour and sharpness, the source is moved a little, and blended
into the target through a soft mask of the face. What is left to learn is what every face swap
leaves behind: a border, and two parts that do not quite match. The recipe is theirs, the code is not.

The real crop that belongs to the fake is the target, changed or not. So real and fake are the same
outside of the mask, and neither the colours nor the sharpness of a whole picture tell the label. A
caller does with both what it does later: one flip, crop and compression for the pair.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.core.landmarks import Landmarks

Mask = NDArray[np.float32]  # height x width, 0..1: how much of the source is seen
Points = NDArray[np.float64]  # n x (x, y), in pixels of the crop
Move = NDArray[np.float64]  # 2 x 3, an affine map of pixels

# Landmarks by their number in iBUG 300-W; the halves of a face are in each alike.
JAW, BROWS, EYES = range(17), range(17, 27), range(36, 48)
NOSE, NOSE_BASE, MOUTH = range(27, 36), range(31, 36), range(48, 68)

# What the mask covers, and how often (our choice): mostly the whole face, as in most swaps; the
# others are for swaps of a part of it, and for lips that were synchronised.
KINDS = {"face": 0.4, "no_forehead": 0.15, "inner": 0.15, "lower": 0.1, "upper": 0.1, "parts": 0.1}
FOREHEAD = 0.7  # its height over the way from the brows to the nose's base; hair begins at 1
GROWN = 1.4  # of "parts": nose and mouth with some skin around them

SHIFT_X, SHIFT_Y = 0.03, 0.015  # of the crop's width and height, either way
SCALE = 0.95  # or up to its inverse
WAVES, AMPLITUDE = 5, 0.012  # of the elastic deformation: knots per side; deviation over the side
KERNELS, KERNEL_SIDE = (5, 25), 256  # pixels, of a crop of so many
RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # of the blending

RGB_SHIFT, SHIFTED = 20, 0.5  # levels of 255 either way, each channel by itself; how often
HUE, SATURATION, VALUE = 6.0, 0.1, 0.1  # degrees; the others over 1
BRIGHTNESS, CONTRAST = 0.1, 0.1  # over 1
FACTORS = (2, 4)  # by which the crop is made smaller and large again
SHARPENING = (0.5, 2.0)  # how many times the detail is added again
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)


def self_blended(
    crop: Image, landmarks: Landmarks, rng: np.random.Generator
) -> tuple[Image, Image]:
    """A real crop and the fake that is made of it.

    Args:
        crop: RGB, of a real face.
        landmarks: its landmarks, as `shapes.find_landmarks` gives them.
        rng: all that is random comes from it.

    Returns:
        The real crop, itself changed in half of the cases, and the fake; both of the crop's size.
        They are equal where the mask is 0; so everywhere if the face lies outside of the crop, and
        in a crop so black that the change does not show.
    """
    real, fake, _ = self_blended_with_mask(crop, landmarks, rng)
    return real, fake


def self_blended_with_mask(
    crop: Image, landmarks: Landmarks, rng: np.random.Generator
) -> tuple[Image, Image, Mask]:
    """As `self_blended`, and the mask through which the source was blended in."""
    height, width = crop.shape[:2]
    changed = transformed(crop, rng)
    source, target = (changed, crop) if rng.random() < 0.5 else (crop, changed)
    move = random_move(height, width, rng)
    mask = blend_mask(moved_points(landmarks, move), height, width, rng)
    return target, blended(moved_image(source, move), target, mask), mask


def transformed(image: Image, rng: np.random.Generator) -> Image:
    """Other colours, then either reduced and enlarged again, or sharpened."""
    colored = np.asarray(cv2.transform(image, color_matrix(rng)), np.uint8)
    if rng.random() < 0.5:
        return reduced(colored, int(rng.choice(FACTORS)))
    return sharpened(colored, rng.uniform(*SHARPENING))


def color_matrix(rng: np.random.Generator) -> NDArray[np.float64]:
    """Random shift of RGB, then of hue, saturation and value, then of brightness and contrast.

    They are one matrix, so 8 bits are rounded once. Hue turns colours around the grey axis, and
    saturation moves them from or to it.

    Returns:
        3 x 4, from (red, green, blue, 1) of 0..255 to the same.
    """
    shift = rng.uniform(-RGB_SHIFT, RGB_SHIFT, 3) * (rng.random() < SHIFTED)
    hue = math.radians(rng.uniform(-HUE, HUE))
    saturation = 1 + rng.uniform(-SATURATION, SATURATION)
    value = 1 + rng.uniform(-VALUE, VALUE)
    contrast = 1 + rng.uniform(-CONTRAST, CONTRAST)
    brightness = 255 * rng.uniform(-BRIGHTNESS, BRIGHTNESS)
    matrix = contrast * value * (_saturation(saturation) @ _hue(hue))
    offset = matrix @ shift + 255 / 2 * (1 - contrast) + brightness
    return np.column_stack([matrix, offset])


def _saturation(factor: float) -> NDArray[np.float64]:
    """The matrix that multiplies the distance from the grey of the same luma."""
    return factor * np.eye(3) + (1 - factor) * np.tile(LUMA, (3, 1))


def _hue(angle: float) -> NDArray[np.float64]:
    """The matrix that turns by so many radians around the grey axis (Rodrigues' formula)."""
    matrix, _ = cv2.Rodrigues(np.full(3, angle / math.sqrt(3)))
    return np.asarray(matrix, np.float64)


def reduced(image: Image, factor: int) -> Image:
    """An image without its detail: `factor` times smaller, and enlarged again."""
    height, width = image.shape[:2]
    size = (max(1, width // factor), max(1, height // factor))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def sharpened(image: Image, amount: float) -> Image:
    """An image to which its detail, what a blur of 3 x 3 pixels takes away, is added again."""
    smooth = cv2.GaussianBlur(image, (3, 3), 0)
    return np.asarray(cv2.addWeighted(image, 1 + amount, smooth, -amount, 0), np.uint8)


def random_move(height: int, width: int, rng: np.random.Generator) -> Move:
    """Random scale about the middle of a crop, and shift."""
    scale = rng.uniform(SCALE, 1 / SCALE)
    shift = rng.uniform(-1, 1, 2) * [SHIFT_X * width, SHIFT_Y * height]
    middle = np.array([width - 1, height - 1]) / 2
    return np.column_stack([scale * np.eye(2), (1 - scale) * middle + shift])


def moved_image(image: Image, move: Move) -> Image:
    """What an image becomes; beyond its border it is reflected.

    Black would show through the mask of a face at the border.
    """
    size = image.shape[1::-1]
    return np.asarray(
        cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def moved_points(points: Points | Landmarks, move: Move) -> Points:
    """Where points come to lie."""
    return points @ move[:, :2].T + move[:, 2]


def blend_mask(landmarks: Points, height: int, width: int, rng: np.random.Generator) -> Mask:
    """A random soft mask of a face.

    Args:
        landmarks: its landmarks.
        height, width: of the crop.
        rng: all that is random comes from it.

    Returns:
        0..1, the largest value one of `RATIOS`; 0 everywhere if the face lies outside of the crop.
    """
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    solid = hull_mask(landmarks, kind, height, width)
    solid = deformed(solid, rng)
    soft = softened(solid, *random_kernels(min(height, width), rng))
    return soft * np.float32(rng.choice(RATIOS))


def hull_mask(landmarks: Points, kind: str, height: int, width: int) -> NDArray[np.uint8]:
    """The convex hull of a face, or of some parts of it: 255 inside, 0 outside.

    Args:
        landmarks: 68 landmarks.
        kind: a key of KINDS.
        height, width: of the mask.
    """
    mask = np.zeros((height, width), np.uint8)
    for points in outlines(landmarks, kind):
        hull = cv2.convexHull(np.rint(points).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 255)
    return mask


def outlines(landmarks: Points, kind: str) -> list[Points]:
    """The sets of points whose hulls are a mask of some kind.

    >>> [len(points) for points in outlines(np.zeros((68, 2)), "parts")]
    [22, 9, 20]
    """
    if kind == "parts":
        nose, mouth = _grown(landmarks[list(NOSE)]), _grown(landmarks[list(MOUTH)])
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


def _grown(points: Points) -> Points:
    middle: Points = points.mean(axis=0)
    return middle + GROWN * (points - middle)


def forehead(landmarks: Points) -> Points:
    """An arc of ten points above the brows, which the 68 landmarks end with.

    A face is three equal parts high, the middle one from the brows to the base of the nose.
    """
    brows = landmarks[list(BROWS)]
    up: Points = brows.mean(axis=0) - landmarks[list(NOSE_BASE)].mean(axis=0)
    heights = np.sin(np.linspace(np.pi / 6, np.pi * 5 / 6, len(brows)))
    return brows + FOREHEAD * heights[:, None] * up


def deformed(mask: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A mask whose border is bent at random (elastic deformation, Simard et al., ICDAR 2003).

    The displacements are drawn at a few knots and interpolated, which is as smooth as drawing
    one for every pixel and blurring them, and faster.
    """
    height, width = mask.shape
    knots = rng.standard_normal((WAVES, WAVES, 2)).astype(np.float32)
    knots *= AMPLITUDE * min(height, width)
    field = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    field[..., 0] += np.arange(width, dtype=np.float32)
    field[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(mask, field, None, cv2.INTER_NEAREST), np.uint8)


def random_kernels(side: int, rng: np.random.Generator) -> tuple[int, int]:
    """Two odd kernel sizes in pixels, for a crop of that side."""
    first, second = rng.uniform(*KERNELS, 2) * side / KERNEL_SIDE
    return _odd(first), _odd(second)


def _odd(size: float) -> int:
    """The nearest odd number, at least 1.

    >>> _odd(4.2), _odd(5.9), _odd(6.1), _odd(0)
    (5, 5, 7, 1)
    """
    return 2 * max(0, round((size - 1) / 2)) + 1


def softened(mask: NDArray[np.uint8], erosion: int, blur: int) -> Mask:
    """A mask blurred twice, where after the first time only what is still whole is kept.

    Keeping that is an erosion by the first kernel, and done as one. So the mask becomes smaller
    than the hull if the first kernel is the larger one, and else reaches beyond it.

    Args:
        mask: 0 or 255. One without a place for the first kernel is not eroded.
        erosion, blur: sides of the two kernels in pixels, odd.

    Returns:
        0..1, and 1 at its largest value unless all are 0.
    """
    whole = cv2.erode(mask, np.ones((erosion, erosion), np.uint8))
    start = whole if whole.any() else mask
    soft = cv2.GaussianBlur(start.astype(np.float32), (blur, blur), 0)
    return np.asarray(soft / (soft.max() or 1), np.float32)


def blended(source: Image, target: Image, mask: Mask) -> Image:
    """The target, and where the mask is above 0 that part of the source."""
    base = target.astype(np.float32)
    mixed = base + mask[..., None] * (source - base)
    return np.rint(mixed).astype(np.uint8)
