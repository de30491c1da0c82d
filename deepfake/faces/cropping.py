"""Face crops of one video: found, tracked, turned upright, cut out with a margin."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake.core import archive
from deepfake.core.image import Chroma, Image, decode_image, encode_jpeg
from deepfake.faces.detection import Face, eye_angle, find_faces, find_faces_near
from deepfake.faces.embedding import embed
from deepfake.faces.tracking import find_cuts, follow_faces, link_tracks

OK, NO_FACE, NO_FRAMES = "ok", "no_face", "no_frames"
MAX_STEP = 8  # frames between two passes over whole frames
EMBED_MARGIN, EMBED_SIZE = 1.3, 150  # dlib's network reads faces of 150 x 150 pixels
MIN_EMBEDDED = 32  # pixels: a smaller face is not recognised
PATCH = 12  # pixels of a face at a glance
AVERAGED = 2  # pixels of the image to one of the crop; above, they are averaged before the warp


def crop_archive(path: Path, **settings: Any) -> bytes:
    """Face crops of the frame archive at `path`, packed: the crops stage for one file.

    Args:
        path: an archive written by `video.frame_archive`.
        settings: as for `crop_frames`.

    Returns:
        A packed archive as `crop_frames` describes.
    """
    return crop_frames(archive.read(path), **settings)


def crop_frames(
    frames: archive.Archive,
    detector: str,
    detect_size: int,
    min_score: float,
    min_face: float,
    min_track_fraction: float,
    margin: float,
    size: int,
    jpeg_quality: int,
    jpeg_chroma: Chroma,
) -> bytes:
    """Find, track and cut out the faces of a video's frames.

    Args:
        frames: as `video.frame_archive` packs them; whatever their status, all images count.
        detector, detect_size, min_score, min_face: as for `faces.find_faces`.
        min_track_fraction: people seen in a smaller fraction of the frames are left out.
        margin: side of the crop over the longer side of the face's box.
        size: side of the stored crops in pixels.
        jpeg_quality, jpeg_chroma: as for `image.encode_jpeg`.

    Returns:
        A packed archive: its record has `status` (ok, no_face, or no_frames when the video gave
        none), `frames` looked at, `dropped_tracks`, and one entry of `crops` per image (frame,
        track, image, box, landmarks, score, sharpness). Track 0 is the most visible person.
    """
    if not frames.images:
        return archive.pack(
            {"status": NO_FRAMES, "frames": 0, "dropped_tracks": 0, "crops": []}, {}
        )
    names = sorted(frames.images)
    images = [decode_image(frames.images[name]) for name in names]
    enough = min_track_fraction * len(images)
    tracks = find_tracks(
        images,
        step=min(MAX_STEP, max(1, math.ceil(enough))),  # who is seen in fewer would be left out
        survey=lambda image: find_faces(image, detector, detect_size, min_score, min_face),
        look=lambda image, faces: find_faces_near(image, faces, detector, min_score, min_face),
    )
    kept = [track for track in tracks if len(track) >= enough]
    records, crops = [], {}
    for number, track in enumerate(kept):
        for position, face in sorted(track.items()):
            frame = int(Path(names[position]).stem)
            crop = cut_out(images[position], face, margin, size)
            name = f"{number}-{frame:06d}.jpg"
            crops[name] = encode_jpeg(crop, jpeg_quality, jpeg_chroma)
            records.append(_record(face, crop, frame, number, name))
    status = OK if crops else NO_FACE
    meta = {
        "status": status,
        "frames": len(images),
        "dropped_tracks": len(tracks) - len(kept),
        "crops": records,
    }
    return archive.pack(meta, crops)


def find_tracks(
    images: Sequence[Image],
    step: int,
    survey: Callable[[Image], list[Face]],
    look: Callable[[Image, Sequence[Face]], list[Face]],
) -> list[dict[int, Face]]:
    """The people in a video's frames, the most visible first, each a dict from position to face.

    Args:
        images: the frames.
        step: as `every` of `tracking.follow_faces`.
        survey, look: as for `tracking.follow_faces`.
    """
    cuts = find_cuts(images)
    found = follow_faces(images, cuts, step, survey, look)
    return link_tracks(found, cuts, FrameLooks(images))


class FrameLooks:
    """What the faces in a video's frames look like, for `tracking.link_tracks`.

    Embedding a face takes longer than finding it, so it is done when it is first needed.
    """

    def __init__(self, images: Sequence[Image]) -> None:
        self._images = images
        self._patches: dict[tuple[int, Face], NDArray[np.float32]] = {}
        self._embeddings: dict[tuple[int, Face], NDArray[np.float64]] = {}

    def glance(self, at: int, face: Face, other_at: int, other: Face) -> float:
        """Mean difference of two aligned faces, made very small, in CIELAB of 8 bits."""
        return float(np.abs(self._colors(at, face) - self._colors(other_at, other)).mean())

    def distance(self, at: int, face: Face, other_at: int, other: Face) -> float | None:
        """Euclidean distance of two faces' embeddings; None if one is too small for it."""
        if min(face.size, other.size) < MIN_EMBEDDED:
            return None
        return float(np.linalg.norm(self._embedding(at, face) - self._embedding(other_at, other)))

    def _colors(self, at: int, face: Face) -> NDArray[np.float32]:
        if (at, face) not in self._patches:
            crop = cut_out(self._images[at], face, 1.0, 4 * PATCH)
            patch = cv2.resize(crop, (PATCH, PATCH), interpolation=cv2.INTER_AREA)
            lab = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB)
            self._patches[at, face] = np.asarray(lab, np.float32)
        return self._patches[at, face]

    def _embedding(self, at: int, face: Face) -> NDArray[np.float64]:
        if (at, face) not in self._embeddings:
            crop = cut_out(self._images[at], face, EMBED_MARGIN, EMBED_SIZE)
            self._embeddings[at, face] = embed(crop, EMBED_MARGIN)
        return self._embeddings[at, face]


def cut_out(image: Image, face: Face, margin: float, size: int) -> Image:
    """Cut a face out of an RGB image: a square around its box, turned until the eyes are level.

    Returns:
        size x size x 3; what lies beyond the image is black.
    """
    left, top, right, bottom = face.box
    side = margin * face.size
    center = np.array([(left + right) / 2, (top + bottom) / 2])
    scale = size / side  # pixels of the crop per pixel of the image
    if AVERAGED * scale < 1:  # an affine warp reads four pixels; average the others in first
        block = 2 ** math.ceil(math.log2(1 / (AVERAGED * scale)))
        image, origin = _averaged_part(image, center, side, block)
        center = (center - origin) / block
        scale *= block
    center -= 0.5  # boxes count from the edge of the first pixel, a warp from its middle
    turn = cv2.getRotationMatrix2D(center.tolist(), eye_angle(face.landmarks), scale)
    turn[:, 2] += (size - 1) / 2 - center
    crop: Image = cv2.warpAffine(image, turn, (size, size), flags=cv2.INTER_LINEAR)
    return crop


def _averaged_part(
    image: Image, center: NDArray[np.float64], side: float, block: int
) -> tuple[Image, NDArray[np.float64]]:
    """The part of an image that a turned square needs, of each `block` x `block` pixels the mean.

    Whole blocks are several times as fast as any other size. At the right and the lower border of the
    image the last pixels are repeated to fill them.

    Returns:
        The part, and where it begins in the image (x, y).
    """
    reach = side * math.sqrt(0.5) + 2 * block  # half a diagonal, and what is averaged in
    bounds = np.array(image.shape[1::-1])
    start = np.clip(np.floor(center - reach), 0, bounds - 1).astype(int)
    blocks = np.ceil((np.minimum(center + reach, bounds) - start) / block).astype(int)
    blocks = np.maximum(blocks, 1)
    part = image[start[1] : start[1] + blocks[1] * block, start[0] : start[0] + blocks[0] * block]
    right, below = blocks * block - part.shape[1::-1]
    if right or below:
        part = cv2.copyMakeBorder(part, 0, int(below), 0, int(right), cv2.BORDER_REPLICATE)
    small = cv2.resize(part, blocks.tolist(), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), start.astype(np.float64)


def _record(face: Face, crop: Image, frame: int, track: int, name: str) -> dict[str, Any]:
    return {
        "frame": frame,
        "track": track,
        "image": name,
        "box": [round(value, 1) for value in face.box],
        "landmarks": [[round(value, 1) for value in point] for point in face.landmarks],
        "score": round(face.score, 4),
        "sharpness": round(sharpness(crop), 2),
    }


def sharpness(crop: Image) -> float:
    """Variance of the Laplacian of the grey image (Pech-Pacheco et al., ICPR 2000)."""
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(gray, cv2.CV_64F).var())
