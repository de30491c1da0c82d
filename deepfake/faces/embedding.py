"""Face embeddings of the crops of one video, to recognise a person."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfake.core import archive
from deepfake.core.image import Image, decode_image
from deepfake.core.sampling import evenly_spaced
from deepfake.faces.dlib_models import embedding_model, five_point_model

DIGITS = 5  # decimals of the stored numbers, far more than recognition needs
LENGTH = 128  # numbers of an embedding


def embed_tracks(path: Path, margin: float, per_track: int) -> bytes:
    """Compute a mean embedding per track of the crop archive at `path`: the work on one video.

    Args:
        path: an archive written by `cropping.crop_archive`.
        margin: side of the crops over the longer side of the face's box.
        per_track: largest number of crops per track to embed, evenly spaced.

    Returns:
        JSON: a list of {track, faces, embedding}, empty for a video without faces.
    """
    crops = archive.read(path)
    names: dict[int, list[str]] = {}
    for crop in crops.meta["crops"]:
        names.setdefault(crop["track"], []).append(crop["image"])
    rows: list[dict[str, Any]] = []
    for track, images in sorted(names.items()):
        chosen = [images[i] for i in evenly_spaced(len(images), per_track)]
        embeddings = [embed(decode_image(crops.images[name]), margin) for name in chosen]
        mean = np.mean(embeddings, axis=0)
        rows.append(
            {"track": track, "faces": len(chosen), "embedding": mean.round(DIGITS).tolist()}
        )
    return json.dumps(rows).encode()


def embed(crop: Image, margin: float) -> NDArray[np.float64]:
    """Compute the embedding of the face in the middle of an upright crop.

    The network is dlib's ResNet-29 (King, dlib_face_recognition_resnet_model_v1), as packaged by
    face_recognition. It takes two faces for one person if their Euclidean distance is below .6.

    Args:
        crop: square RGB image.
        margin: side of the crop over the longer side of the face's box.

    Returns:
        128 numbers, a vector of length about 1.4.
    """
    import dlib

    side = crop.shape[0]
    border = round(side * (1 - 1 / margin) / 2)
    pixels = np.ascontiguousarray(crop)
    landmarks = five_point_model()(
        pixels, dlib.rectangle(border, border, side - border, side - border)
    )
    return np.array(embedding_model().compute_face_descriptor(pixels, landmarks, 1), np.float64)
