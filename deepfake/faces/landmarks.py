"""68 landmarks of the crops of one video, for `transforms.self_blending`."""

import json
from pathlib import Path

import numpy as np

from deepfake.core import archive
from deepfake.core.image import Image, decode_image
from deepfake.core.landmarks import Landmarks
from deepfake.faces.dlib_models import landmark_model

DIGITS = 1  # decimals of the stored coordinates; the landmarks are less exact


def find_landmarks(crop: Image, margin: float) -> Landmarks:
    """Find 68 landmarks of the face in the middle of an upright crop.

    The method is an ensemble of regression trees (Kazemi and Sullivan, CVPR 2014), trained by dlib
    on iBUG 300-W (Sagonas et al., ICCVW 2013), which also numbers the points. It does not detect
    faces: in a crop without a face it returns the landmarks of an average face.

    Args:
        crop: square RGB image.
        margin: side of the crop over the longer side of the face's box.

    Returns:
        68 x (x, y) in pixels of the crop; some may lie outside the crop.
    """
    import dlib

    side = crop.shape[0]
    border = round(side * (1 - 1 / margin) / 2)
    box = dlib.rectangle(border, border, side - border, side - border)
    detected = landmark_model()(np.ascontiguousarray(crop), box)
    return np.array([(point.x, point.y) for point in detected.parts()], np.float32)


def landmark_archive(path: Path, margin: float) -> bytes:
    """Find the landmarks of all crops of the archive at `path`: the work on one video.

    Args:
        path: an archive written by `cropping.crop_archive`.
        margin: side of the crops over the longer side of the face's box.

    Returns:
        JSON: {name of the image: 68 x [x, y] in pixels}, empty for a video without faces.
    """
    landmarks = {
        name: find_landmarks(decode_image(data), margin).astype(float).round(DIGITS).tolist()
        for name, data in sorted(archive.read(path).images.items())
    }
    return json.dumps(landmarks).encode()
