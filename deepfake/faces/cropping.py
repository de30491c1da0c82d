"""Face crops of one video: faces are detected, tracked, aligned and cropped with a margin."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from deepfake.core import archive
from deepfake.core.image import Chroma, Image, decode_image, encode_jpeg
from deepfake.faces.detection import Face, eye_angle, find_faces, find_faces_near
from deepfake.faces.embedding import embed
from deepfake.faces.tracking import Detect, DetectNear, find_cuts, follow_faces, link_tracks

OK, NO_FACE, NO_FRAMES = "ok", "no_face", "no_frames"
MAX_DETECT_INTERVAL = 8  # frames from one search of a whole frame to the next
EMBED_MARGIN, EMBED_SIZE = 1.3, 150  # dlib's network expects faces of 150 x 150 pixels
MIN_EMBEDDED_SIZE = 32  # pixels; smaller faces are not recognised
COLOR_SIDE = 12  # pixels, of the small crops whose colours are compared
COLOR_SHIFT = 2  # of these pixels; a nod or a turn moves the face in its box
MAX_WARP_REDUCTION = 2  # above it, blocks of pixels are averaged before the warp


def crop_archive(path: Path, **settings: Any) -> bytes:
    """Crop the faces of the frame archive at `path`: the work of the crops stage on one video.

    Args:
        path: an archive written by `video.frame_archive`.
        settings: the arguments of `crop_frames`.

    Returns:
        A packed archive, as `crop_frames` returns it.
    """
    return crop_frames(archive.read(path), **settings)


def crop_frames(
    frames: archive.Archive,
    detector: str,
    detect_size: int,
    min_score: float,
    min_face: float,
    min_face_pixels: float,
    min_track_fraction: float,
    margin: float,
    size: int,
    jpeg_quality: int,
    jpeg_chroma: Chroma,
) -> bytes:
    """Detect, track, align and crop the faces of a video's frames.

    Args:
        frames: as `video.frame_archive` packs them; all images are used, whatever the status.
        detector, detect_size, min_score, min_face, min_face_pixels: as for `detection.find_faces`.
        min_track_fraction: tracks in a smaller fraction of the frames are dropped.
        margin: side of the crop over the longer side of the face's box.
        size: side of the stored crops in pixels.
        jpeg_quality, jpeg_chroma: as `quality` and `chroma` of `image.encode_jpeg`.

    Returns:
        A packed archive. Its record has `status` (ok, no_face, or no_frames if the video has none),
        the number of `frames` and of `dropped_tracks`, and `crops`: one entry per image, with the
        keys that `_record` gives. Track 0 is the most visible person.
    """
    if not frames.images:
        return archive.pack(
            {"status": NO_FRAMES, "frames": 0, "dropped_tracks": 0, "crops": []}, {}
        )
    names = sorted(frames.images)
    images = [decode_image(frames.images[name]) for name in names]
    min_track_length = min_track_fraction * len(images)
    tracks = find_tracks(
        images,
        # A face in fewer successive frames may be missed, but its track would be dropped anyway.
        detect_interval=min(MAX_DETECT_INTERVAL, max(1, math.ceil(min_track_length))),
        detect=lambda image: find_faces(
            image, detector, detect_size, min_score, min_face, min_face_pixels
        ),
        detect_near=lambda image, known: find_faces_near(
            image, known, detector, min_score, min_face, min_face_pixels
        ),
    )
    kept = [track for track in tracks if len(track) >= min_track_length]
    records, crops = [], {}
    for number, track in enumerate(kept):
        for position, face in sorted(track.items()):
            frame = int(Path(names[position]).stem)
            crop = crop_face(images[position], face, margin, size)
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
    detect_interval: int,
    detect: Detect,
    detect_near: DetectNear,
) -> list[dict[int, Face]]:
    """Find the people in a video's frames, the most visible first.

    Args:
        images: the frames.
        detect_interval, detect, detect_near: as for `tracking.follow_faces`.

    Returns:
        One dict per track, from the position of the frame to the face.
    """
    cuts = find_cuts(images)
    faces_by_frame = follow_faces(images, cuts, detect_interval, detect, detect_near)
    return link_tracks(faces_by_frame, cuts, FrameAppearance(images))


class FrameAppearance:
    """Compares the faces of a video's frames by their pixels: a `tracking.Appearance`.

    Embedding a face takes longer than detecting it, so each embedding is computed when it is first
    needed.
    """

    def __init__(self, images: Sequence[Image]) -> None:
        self._images = images
        self._colors: dict[tuple[int, Face], NDArray[np.float32]] = {}
        self._embeddings: dict[tuple[int, Face], NDArray[np.float64]] = {}

    def color_difference(
        self, position: int, face: Face, other_position: int, other: Face
    ) -> float:
        """Mean difference of two aligned, very small faces in CIELAB of 8 bits (0..255).

        One of them is shifted by up to `COLOR_SHIFT` pixels, to where the difference is smallest.
        """
        inner = slice(COLOR_SHIFT, COLOR_SHIFT + COLOR_SIDE)
        colors = self._face_colors(position, face)[inner, inner]
        windows = sliding_window_view(
            self._face_colors(other_position, other), colors.shape[:2], axis=(0, 1)
        )
        differences = np.abs(windows - colors.transpose(2, 0, 1)).mean(axis=(2, 3, 4))
        return float(differences.min())

    def embedding_distance(
        self, position: int, face: Face, other_position: int, other: Face
    ) -> float | None:
        """Euclidean distance of two faces' embeddings; None if a face is too small."""
        if min(face.size, other.size) < MIN_EMBEDDED_SIZE:
            return None
        embedding = self._face_embedding(position, face)
        other_embedding = self._face_embedding(other_position, other)
        return float(np.linalg.norm(embedding - other_embedding))

    def _face_colors(self, position: int, face: Face) -> NDArray[np.float32]:
        if (position, face) not in self._colors:
            side = COLOR_SIDE + 2 * COLOR_SHIFT
            crop = crop_face(self._images[position], face, side / COLOR_SIDE, 4 * side)
            patch = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
            lab = cv2.cvtColor(patch, cv2.COLOR_RGB2LAB)
            self._colors[position, face] = np.asarray(lab, np.float32)
        return self._colors[position, face]

    def _face_embedding(self, position: int, face: Face) -> NDArray[np.float64]:
        if (position, face) not in self._embeddings:
            crop = crop_face(self._images[position], face, EMBED_MARGIN, EMBED_SIZE)
            self._embeddings[position, face] = embed(crop, EMBED_MARGIN)
        return self._embeddings[position, face]


def crop_face(image: Image, face: Face, margin: float, size: int) -> Image:
    """Crop a face from an RGB image: a square around its box, rotated until the eyes are level.

    Args:
        image: height x width x 3.
        face: a face of the image.
        margin: side of the square over the longer side of the face's box.
        size: side of the crop in pixels.

    Returns:
        size x size x 3; pixels beyond the border of the image are black.
    """
    left, top, right, bottom = face.box
    side = margin * face.size
    center = np.array([(left + right) / 2, (top + bottom) / 2])
    scale = size / side  # pixels of the crop per pixel of the image
    if MAX_WARP_REDUCTION * scale < 1:  # a warp reads only four pixels: average blocks first
        block = 2 ** math.ceil(math.log2(1 / (MAX_WARP_REDUCTION * scale)))
        image, origin = _averaged_part(image, center, side, block)
        center = (center - origin) / block
        scale *= block
    center -= 0.5  # boxes start at the edge of the first pixel, a warp at its middle
    rotation = cv2.getRotationMatrix2D(center.tolist(), eye_angle(face.landmarks), scale)
    rotation[:, 2] += (size - 1) / 2 - center
    crop: Image = cv2.warpAffine(image, rotation, (size, size), flags=cv2.INTER_LINEAR)
    return crop


def _averaged_part(
    image: Image, center: NDArray[np.float64], side: float, block: int
) -> tuple[Image, NDArray[np.float64]]:
    """The part of an image that a rotated square needs, as means of `block` x `block` pixels.

    Whole blocks are several times as fast as any other size. At the right and the lower border of
    the image, the last pixels are repeated to fill the blocks.

    Returns:
        The part, and its upper left corner (x, y) in pixels of the image.
    """
    reach = side * math.sqrt(0.5) + 2 * block  # half a diagonal, and two blocks
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
        "brightness": round(brightness(crop), 1),
    }


def sharpness(crop: Image) -> float:
    """Variance of the Laplacian of the grey image (Pech-Pacheco et al., ICPR 2000)."""
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(gray, cv2.CV_64F).var())


def brightness(crop: Image) -> float:
    """Mean of the grey image, 0..255."""
    return float(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).mean())
