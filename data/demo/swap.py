"""Face swap with the 68 dlib landmarks: two published recipes, written from their descriptions.

`warp` follows the classical graphics pipeline (piecewise-affine warp of the donor onto the target's
landmarks, statistical colour transfer, feathered composite); `poisson` aligns the donor rigidly and
clones the inner face in the gradient domain. All images are uint8 BGR (height, width, 3); all
landmarks are float64 (68, 2) in pixels, x to the right and y down, in the iBUG 300-W order.
"""

import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import Delaunay

with warnings.catch_warnings():
    # It warns about its own use of pkg_resources, once per worker process.
    warnings.simplefilter("ignore")
    import face_recognition_models

Image = NDArray[np.uint8]
Points = NDArray[np.float64]
Matrix = NDArray[np.float64]

# Index ranges of the iBUG 300-W landmarks.
JAW = slice(0, 17)
BROWS = slice(17, 27)
INNER_FACE = slice(17, 68)
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
INNER_MOUTH = slice(60, 68)

FOREHEAD_LIFT = 0.35  # of the eye distance: above the brows, still below most hair lines
INNER_MARGIN = 0.28  # of the eye distance: room around brows, nose and mouth for `poisson`
FEATHER = 0.16  # of the eye distance: width of the soft border of a composite
SEAM = 0.08  # the same for `poisson`, whose border hardly shows
COLOUR_GAIN = (0.6, 1.6)  # limits of the contrast change: a bright spot must not wash out a face
SMOOTHING = 1.0  # standard deviation in frames: removes landmark jitter, keeps talking
MIN_TRACKED = 0.75  # of the frames; a gap of more than that would have to be invented


class NoFaceError(ValueError):
    """No usable face in an image, or in too many frames of a video."""


@dataclass(frozen=True)
class Face:
    """An image with the landmarks of the one face in it."""

    image: Image
    points: Points


@functools.cache
def _models() -> tuple[dlib.fhog_object_detector, dlib.shape_predictor]:
    path = face_recognition_models.pose_predictor_model_location()
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(path)


def find_landmarks(image: Image) -> Points:
    """Landmarks of the largest face (HOG detector, regression-tree aligner of Kazemi 2014).

    Raises:
        NoFaceError: the detector finds no face, also not at twice the size.
    """
    detector, predictor = _models()
    rgb = np.ascontiguousarray(image[:, :, ::-1])
    # Doubling finds faces of 40 to 80 pixels; it is slow, hence only the second attempt.
    boxes = list(detector(rgb, 0)) or list(detector(rgb, 1))
    if not boxes:
        raise NoFaceError(f"no face found in an image of {rgb.shape[1]}x{rgb.shape[0]} pixels")
    largest = max(boxes, key=lambda box: (box.area(), -box.left(), -box.top()))
    shape = predictor(rgb, largest)
    return np.array([(part.x, part.y) for part in shape.parts()], np.float64)


def track_landmarks(frames: Sequence[Image]) -> Points:
    """Landmarks of the face in each frame, (frames, 68, 2), smoothed over time.

    Frames without a detection are interpolated linearly.

    Raises:
        NoFaceError: a face is found in fewer than `MIN_TRACKED` of the frames.
    """
    found: dict[int, Points] = {}
    for index, frame in enumerate(frames):
        try:
            found[index] = find_landmarks(frame)
        except NoFaceError:
            continue
    if not found or len(found) < MIN_TRACKED * len(frames):
        raise NoFaceError(f"a face in {len(found)} of {len(frames)} frames")
    known = np.array(sorted(found))
    values = np.stack([found[index] for index in known]).reshape(len(known), -1)
    every = np.arange(len(frames))
    filled = np.stack([np.interp(every, known, column) for column in values.T], axis=1)
    smooth = gaussian_filter1d(filled, SMOOTHING, axis=0, mode="nearest")
    return np.asarray(smooth.reshape(len(frames), 68, 2), np.float64)


def similarity(source: Points, target: Points) -> Matrix:
    """Least-squares rotation, uniform scale and shift, (2, 3), of points (n, 2) (Umeyama 1991)."""
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred = source - source_mean
    u, strength, vt = np.linalg.svd((target - target_mean).T @ centred)
    flip = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    scale = (strength * flip).sum() / (centred**2).sum()
    linear = scale * (u * flip) @ vt
    return np.column_stack([linear, target_mean - linear @ source_mean])


def pose_distance(source: Points, target: Points) -> float:
    """Root mean square landmark error after `similarity`, in target eye distances (0 is equal)."""
    matrix = similarity(source, target)
    error = source @ matrix[:, :2].T + matrix[:, 2] - target
    return float(np.sqrt((error**2).sum(axis=1).mean()) / eye_distance(target))


def eye_distance(points: Points) -> float:
    """Distance of the eye centres in pixels."""
    return float(np.linalg.norm(points[RIGHT_EYE].mean(axis=0) - points[LEFT_EYE].mean(axis=0)))


def with_forehead(points: Points) -> Points:
    """Landmarks plus ten brow points lifted away from the chin, (78, 2)."""
    brows = points[BROWS]
    up = points[27] - points[8]  # from the chin to the bridge of the nose
    lift = up / np.linalg.norm(up) * FOREHEAD_LIFT * eye_distance(points)
    return np.concatenate([points, brows + lift])


def hull_mask(points: Points, shape: tuple[int, ...]) -> Image:
    """Filled convex hull, 255 inside and 0 outside, of the image's (height, width)."""
    mask = np.zeros(shape[:2], np.uint8)
    hull = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 255)
    return mask


def feathered(mask: Image, radius: int) -> NDArray[np.float32]:
    """Opacity 0..1 falling to 0 inside the mask's border, so that nothing outside is touched."""
    size = 2 * radius + 1
    # A border of zeros makes the opacity fall at the image's edge as well.
    padded = cv2.copyMakeBorder(mask, size, size, size, size, cv2.BORDER_CONSTANT, value=0)
    eroded = cv2.erode(padded, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    # The square kernel reaches further than the ellipse in its corners: hence the product.
    soft = cv2.GaussianBlur(eroded.astype(np.float32) / 255, (size, size), 0) * (padded > 0)
    return np.asarray(soft[size:-size, size:-size], np.float32)


def transfer_colour(source: Image, target: Image, mask: NDArray[np.bool_]) -> Image:
    """Give `source` the mean and deviation of `target` inside a mask, in Lab (Reinhard 2001).

    Only pixels inside the mask are converted; the others stay those of `source`.
    """
    inside, wanted = _to_lab(source[mask]), _to_lab(target[mask])
    # The floor keeps the a and b of grey photos, which vary by rounding only, from being amplified.
    gain = np.clip((wanted.std(axis=0) + 0.5) / (inside.std(axis=0) + 0.5), *COLOUR_GAIN)
    moved = (inside - inside.mean(axis=0)) * gain + wanted.mean(axis=0)
    bgr = cv2.cvtColor(moved[:, None].astype(np.float32), cv2.COLOR_Lab2BGR)[:, 0]
    result = source.copy()
    result[mask] = np.clip(np.rint(bgr * 255), 0, 255)
    return result


def _to_lab(pixels: Image) -> NDArray[np.float32]:
    lab = cv2.cvtColor(pixels[:, None].astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    return np.asarray(lab[:, 0], np.float32)


def composite(target: Image, patch: Image, opacity: NDArray[np.float32]) -> Image:
    """Blend a patch over the target; where the opacity is 0 the target stays bit for bit."""
    touched = opacity > 0
    weight = opacity[touched][:, None]
    result = target.copy()
    result[touched] = np.rint(weight * patch[touched] + (1 - weight) * target[touched])
    return result


def piecewise_affine(donor: Image, source: Points, target: Points, shape: tuple[int, ...]) -> Image:
    """Warp the donor so that each Delaunay triangle of `source` (n, 2) lands on that of `target`.

    Returns:
        An image of the target's (height, width), black outside the triangles.
    """
    # Triangulated on the donor, which is one image, so that the mesh does not flicker in a video.
    triangles = Delaunay(source).simplices
    owner = np.full(shape[:2], -1, np.int32)
    inverse = np.empty((len(triangles), 2, 3), np.float32)
    for index, corners in enumerate(triangles):
        to, back = target[corners].astype(np.float32), source[corners].astype(np.float32)
        cv2.fillConvexPoly(owner, np.round(to).astype(np.int32), index)
        inverse[index] = cv2.getAffineTransform(to, back)
    # Only the face's bounding box is resampled: most of a frame is background.
    left, top, wide, high = cv2.boundingRect((owner >= 0).astype(np.uint8))
    box = np.s_[top : top + high, left : left + wide]
    rows, columns = np.nonzero(owner[box] >= 0)
    matrix = inverse[owner[box][rows, columns]]
    place = np.stack([columns + left, rows + top, np.ones_like(rows)], axis=1).astype(np.float32)
    position = np.zeros((high, wide, 2), np.float32)
    position[rows, columns] = (matrix @ place[:, :, None])[:, :, 0]
    warped = np.zeros((*shape[:2], 3), np.uint8)
    # REFLECT: jaw landmarks of tightly framed photos lie a little outside the donor image.
    warped[box] = cv2.remap(donor, position, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    warped[owner < 0] = 0
    return warped


def swap_warp(target: Face, donor: Face) -> Image:
    """Whole face: piecewise-affine warp, colour transfer, feathered border.

    The target's own open mouth is kept, otherwise the donor's lips would be torn over the teeth.
    """
    source, goal = with_forehead(donor.points), with_forehead(target.points)
    mask = hull_mask(goal, target.image.shape)
    warped = piecewise_affine(donor.image, source, goal, target.image.shape)
    cv2.fillPoly(mask, [np.round(target.points[INNER_MOUTH]).astype(np.int32)], 0)
    mask[~warped.any(axis=2)] = 0
    opacity = feathered(mask, radius=max(1, round(FEATHER * eye_distance(target.points))))
    if not (opacity > 0).any():
        raise NoFaceError("the face is smaller than the soft border of a swap")
    return composite(target.image, transfer_colour(warped, target.image, opacity > 0), opacity)


def swap_poisson(target: Face, donor: Face) -> Image:
    """Inner face: rigid alignment and gradient-domain cloning (Perez 2003)."""
    matrix = similarity(donor.points[INNER_FACE], target.points[INNER_FACE])
    height, width = target.image.shape[:2]
    aligned = cv2.warpAffine(
        donor.image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    radius = max(1, round(INNER_MARGIN * eye_distance(target.points)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    mask = cv2.dilate(hull_mask(target.points[INNER_FACE], target.image.shape), kernel)
    # Chin and cheeks end at the jaw; the solver also needs known pixels all around the mask.
    mask &= hull_mask(with_forehead(target.points), target.image.shape)
    mask[:2], mask[-2:], mask[:, :2], mask[:, -2:] = 0, 0, 0, 0
    left, top, wide, high = cv2.boundingRect(mask)
    if min(wide, high) < 8:
        raise NoFaceError("the face is too small, or outside the image")
    # seamlessClone puts the centre of the mask's bounding box at this point: that is, in place.
    centre = (left + wide // 2, top + high // 2)
    # A copy, because seamlessClone overwrites the mask it is given.
    cloned = cv2.seamlessClone(aligned, target.image, mask.copy(), centre, cv2.NORMAL_CLONE)
    # Where the mask's border crosses hair, cloning shifts the whole face in lightness: shift it back.
    # The feather hides the step; it also undoes the solver's rounding outside the mask.
    cloned = transfer_colour(cloned, target.image, mask > 0)
    soft = max(1, round(SEAM * eye_distance(target.points)))
    return composite(target.image, cloned, feathered(mask, soft))


METHODS: dict[str, Callable[[Face, Face], Image]] = {"warp": swap_warp, "poisson": swap_poisson}
