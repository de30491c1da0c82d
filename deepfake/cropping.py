"""Face crops of one video: found, tracked, turned upright, cut out with a margin."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from deepfake import archive, video
from deepfake.faces import Face, find_faces
from deepfake.image import Image, decode_image, encode_jpeg
from deepfake.tracking import link_tracks

NO_FACE, NO_FRAMES = "no_face", "no_frames"


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
) -> bytes:
    """Find, track and cut out the faces of a video's frames.

    Args:
        frames: as `video.frame_archive` packs them.
        detector, detect_size, min_score, min_face: as for `faces.find_faces`.
        min_track_fraction: people seen in a smaller fraction of the frames are left out.
        margin: side of the crop over the longer side of the face's box.
        size: side of the stored crops in pixels.
        jpeg_quality: 1..100.

    Returns:
        A packed archive: its record has `status` (ok, no_face, or no_frames when the video gave
        none), `frames` looked at, `dropped_tracks`, and one entry of `crops` per image (frame,
        track, image, box, landmarks, score, sharpness). Track 0 is the most visible person.
    """
    if frames.meta["status"] != video.OK:
        return archive.pack(
            {"status": NO_FRAMES, "frames": 0, "dropped_tracks": 0, "crops": []}, {}
        )
    images = {name: decode_image(data) for name, data in frames.images.items()}
    found = [
        find_faces(image, detector, detect_size, min_score, min_face) for image in images.values()
    ]
    tracks = link_tracks(found)
    kept = [track for track in tracks if len(track) >= min_track_fraction * len(images)]
    records, crops = [], {}
    names = list(images)
    for number, track in enumerate(kept):
        for position, face in sorted(track.items()):
            frame = int(Path(names[position]).stem)
            crop = cut_out(images[names[position]], face, margin, size)
            name = f"{number}-{frame:06d}.jpg"
            crops[name] = encode_jpeg(crop, jpeg_quality)
            records.append(_record(face, crop, frame, number, name))
    status = video.OK if crops else NO_FACE
    meta = {
        "status": status,
        "frames": len(images),
        "dropped_tracks": len(tracks) - len(kept),
        "crops": records,
    }
    return archive.pack(meta, crops)


def cut_out(image: Image, face: Face, margin: float, size: int) -> Image:
    """Cut a face out of an RGB image: a square around its box, turned until the eyes are level.

    Returns:
        size x size x 3; what lies beyond the image is black.
    """
    left, top, right, bottom = face.box
    side = margin * face.size
    shrink = side / size
    if shrink > 2:  # an affine warp reads four pixels; average the others in first
        height, width = image.shape[:2]
        factor = 2 / shrink
        reduced = (max(1, round(width * factor)), max(1, round(height * factor)))
        image = cv2.resize(image, reduced, interpolation=cv2.INTER_AREA)
    else:
        factor = 1.0
    center = np.array([(left + right) / 2, (top + bottom) / 2]) * factor
    turn = cv2.getRotationMatrix2D(center.tolist(), _eye_angle(face), size / (side * factor))
    turn[:, 2] += size / 2 - center
    crop: Image = cv2.warpAffine(image, turn, (size, size), flags=cv2.INTER_LINEAR)
    return crop


def _eye_angle(face: Face) -> float:
    """Degrees by which the line through the eyes falls, counted clockwise in the image."""
    points = np.array(face.landmarks)
    one, other = points[:2].mean(axis=0), points[2:4].mean(axis=0)
    left, right = sorted([one, other], key=lambda eye: float(eye[0]))
    return float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))


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
