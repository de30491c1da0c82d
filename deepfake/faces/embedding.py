"""What a person looks like as a vector: face embeddings of the crops of one video."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfake.core import archive
from deepfake.core.image import Image, decode_image
from deepfake.core.sampling import evenly_spaced
from deepfake.faces.dlib_models import embedding_model, five_point_model

DIGITS = 5  # of the stored numbers, far below what tells two faces apart
LENGTH = 128  # of an embedding


def embed_tracks(path: Path, margin: float, per_track: int) -> bytes:
    """One mean embedding per person of the crop archive at `path`: the work on one video.

    Args:
        path: an archive written by `cropping.crop_archive`.
        margin: side of the crops over the longer side of the face's box.
        per_track: crops of each person to embed, evenly spaced over those there are.

    Returns:
        JSON: a list of {track, faces, embedding}, empty for a video without faces.
    """
    stored = archive.read(path)
    names: dict[int, list[str]] = {}
    for crop in stored.meta["crops"]:
        names.setdefault(crop["track"], []).append(crop["image"])
    rows: list[dict[str, Any]] = []
    for track, images in sorted(names.items()):
        chosen = [images[i] for i in evenly_spaced(len(images), per_track)]
        vectors = [embed(decode_image(stored.images[name]), margin) for name in chosen]
        mean = np.mean(vectors, axis=0)
        rows.append(
            {"track": track, "faces": len(chosen), "embedding": mean.round(DIGITS).tolist()}
        )
    return json.dumps(rows).encode()


def embed(crop: Image, margin: float) -> NDArray[np.float64]:
    """Embedding of the face in the middle of an upright crop.

    The network is dlib's ResNet-29 (King, dlib_face_recognition_resnet_model_v1) as packed by
    face_recognition, which calls two faces one person below a Euclidean distance of .6.

    Args:
        crop: square RGB image.
        margin: its side over the longer side of the face's box.

    Returns:
        128 numbers, of length about 1.4 together.
    """
    import dlib

    side = crop.shape[0]
    border = round(side * (1 - 1 / margin) / 2)
    pixels = np.ascontiguousarray(crop)
    face = five_point_model()(pixels, dlib.rectangle(border, border, side - border, side - border))
    return np.array(embedding_model().compute_face_descriptor(pixels, face, 1), np.float64)
