"""68 landmarks of the crops of all videos."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfake.base.code import code_version
from deepfake.core.landmarks import POINTS, LandmarkTable
from deepfake.faces.dlib_models import PACKAGES
from deepfake.faces.landmarks import landmark_archive
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Failure, Step, Video, archives_of
from deepfake.params.schema import ExecutionParams


def landmark_step() -> Step:
    """What is done with each video."""
    return Step(landmark_archive, code_version(landmark_archive, PACKAGES))


def landmark_inputs(manifest: pd.DataFrame, crops: Path, margin: float) -> list[Video]:
    """The crop archives of the manifest's videos, for `landmark_step`."""
    return archives_of(manifest, crops, {"margin": margin})


def crop_landmarks(
    manifest: pd.DataFrame,
    table: pd.DataFrame,
    crops: Path,
    margin: float,
    execution: ExecutionParams,
) -> LandmarkTable:
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
    inputs = landmark_inputs(manifest, crops, margin)
    found: dict[tuple[str, str], Any] = {}
    results = map_videos(landmark_step(), inputs, execution, "landmarks")
    for video_id, result in zip(manifest["video_id"], results, strict=True):
        if isinstance(result, Failure):
            print(f"{video_id}: its faces have no landmarks, {result.status}: {result.reason}")
            continue
        found |= {(video_id, name): points for name, points in json.loads(result).items()}
    landmarks = np.full((len(table), POINTS, 2), np.nan, np.float16)
    for row, key in enumerate(zip(table["video_id"], table["image"], strict=True)):
        if key in found:
            landmarks[row] = found[key]
    return landmarks
