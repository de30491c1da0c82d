"""Where the face is in a crop: 68 landmarks of every crop of a video, for `blend`."""

import json
from pathlib import Path

import numpy as np

from deepfake.core import archive
from deepfake.core.image import Image, decode_image
from deepfake.core.landmarks import Landmarks
from deepfake.faces.dlib_models import landmark_model

DIGITS = 1  # of the stored coordinates; the landmarks themselves are not that exact


def find_landmarks(crop: Image, margin: float) -> Landmarks:
    """68 landmarks of the face in the middle of an upright crop.

    The method is an ensemble of regression trees (Kazemi and Sullivan, CVPR 2014), trained by dlib
    on iBUG 300-W (Sagonas et al., ICCVW 2013), which gives the points their numbers. It does not
    notice that there is no face: the points are then those of an average face.

    Args:
        crop: square RGB image.
        margin: its side over the longer side of the face's box.

    Returns:
        68 x (x, y) in pixels of the crop; some may lie outside of it.
    """
    import dlib

    side = crop.shape[0]
    border = round(side * (1 - 1 / margin) / 2)
    box = dlib.rectangle(border, border, side - border, side - border)
    found = landmark_model()(np.ascontiguousarray(crop), box)
    return np.array([(point.x, point.y) for point in found.parts()], np.float32)


def landmark_archive(path: Path, margin: float) -> bytes:
    """Landmarks of all crops of the archive at `path`: the work on one video.

    Args:
        path: an archive written by `cropping.crop_archive`.
        margin: side of the crops over the longer side of the face's box.

    Returns:
        JSON: {name of the image: 68 x [x, y]}, empty for a video without faces.
    """
    landmarks = {
        name: find_landmarks(decode_image(data), margin).astype(float).round(DIGITS).tolist()
        for name, data in sorted(archive.read(path).images.items())
    }
    return json.dumps(landmarks).encode()
