"""Where the face is in a crop: 68 landmarks of every crop of a video, for `blend`."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfake import archive, face_models, image
from deepfake.blend import Shape, Shapes
from deepfake.face_models import shape_model
from deepfake.image import Image, decode_image
from deepfake.parallel import Failure, Step, Video, archives_of, code_version, map_videos
from deepfake.params import ExecutionParams

DIGITS = 1  # of the stored coordinates; the landmarks themselves are not that exact
POINTS = 68  # 17 of the jaw, 10 of the brows, 9 of the nose, 12 of the eyes, 20 of the mouth


def find_shape(crop: Image, margin: float) -> Shape:
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
    found = shape_model()(np.ascontiguousarray(crop), box)
    return np.array([(point.x, point.y) for point in found.parts()], np.float32)


def shape_archive(path: Path, margin: float) -> bytes:
    """Landmarks of all crops of the archive at `path`: the work on one video.

    Args:
        path: an archive written by `cropping.crop_archive`.
        margin: side of the crops over the longer side of the face's box.

    Returns:
        JSON: {name of the image: 68 x [x, y]}, empty for a video without faces.
    """
    shapes = {
        name: find_shape(decode_image(data), margin).astype(float).round(DIGITS).tolist()
        for name, data in sorted(archive.read(path).images.items())
    }
    return json.dumps(shapes).encode()


def shape_step() -> Step:
    """What is done with each video."""
    packages = ["dlib-bin", "face-recognition-models", "opencv-python"]
    modules = [sys.modules[__name__], face_models, archive, image]
    return Step(shape_archive, code_version(modules, packages))


def shape_inputs(manifest: pd.DataFrame, crops: Path, margin: float) -> list[Video]:
    """The crop archives of the manifest's videos, for `shape_step`."""
    return archives_of(manifest, crops, {"margin": margin})


def crop_shapes(
    manifest: pd.DataFrame,
    table: pd.DataFrame,
    crops: Path,
    margin: float,
    execution: ExecutionParams,
) -> Shapes:
    """Landmarks of the crops of some videos, remembered like the results of every other step.

    Args:
        manifest: rows with video_id and sha256, of the videos that are wanted.
        table: a row per crop (video_id, image).
        crops: folder of crop archives.
        margin: side of the crops over the longer side of the face's box.
        execution: processes and their limits.

    Returns:
        rows of `table` x 68 x (x, y); NaN for other videos, and for one that fails, which is told.
    """
    inputs = shape_inputs(manifest, crops, margin)
    found: dict[tuple[str, str], Any] = {}
    results = map_videos(shape_step(), inputs, execution, "landmarks")
    for video_id, result in zip(manifest["video_id"], results, strict=True):
        if isinstance(result, Failure):
            print(f"{video_id}: its faces have no landmarks, {result.status}: {result.reason}")
            continue
        found |= {(video_id, name): points for name, points in json.loads(result).items()}
    shapes = np.full((len(table), POINTS, 2), np.nan, np.float16)
    for row, key in enumerate(zip(table["video_id"], table["image"], strict=True)):
        if key in found:
            shapes[row] = found[key]
    return shapes


def to_bytes(shapes: Shapes) -> bytes:
    """NumPy's own format, for `np.load`."""
    buffer = io.BytesIO()
    np.save(buffer, shapes, allow_pickle=False)
    return buffer.getvalue()
