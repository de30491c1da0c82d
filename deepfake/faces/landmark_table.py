"""The landmarks of the crops of all videos of a manifest."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfake.base.code import code_version
from deepfake.core.landmarks import POINTS, LandmarkTable
from deepfake.faces.dlib_models import DLIB_PACKAGES
from deepfake.faces.landmarks import landmark_archive
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Failure, Step, Video, videos_of_archives
from deepfake.params.schema import ExecutionParams


def landmark_step() -> Step:
    """The step that finds the landmarks of one video's crops."""
    return Step(landmark_archive, code_version(landmark_archive, DLIB_PACKAGES))


def landmark_inputs(manifest: pd.DataFrame, crops: Path, margin: float) -> list[Video]:
    """Inputs of `landmark_step`: the crop archives of the manifest's videos."""
    return videos_of_archives(manifest, crops, {"margin": margin})


def crop_landmarks(
    manifest: pd.DataFrame,
    table: pd.DataFrame,
    crops: Path,
    margin: float,
    execution: ExecutionParams,
) -> LandmarkTable:
    """Find the landmarks of the crops of some videos; the results of each video are cached.

    Args:
        manifest: rows with video_id and sha256 of those videos.
        table: one row per crop (video_id, image), of any videos.
        crops: folder of crop archives.
        margin: side of the crops over the longer side of the face's box.
        execution: the execution section of params.yaml (processes and their limits).

    Returns:
        rows of `table` x 68 x (x, y) in pixels of the crop. NaN for crops of other videos, and of
        videos that fail, which are skipped and reported.
    """
    inputs = landmark_inputs(manifest, crops, margin)
    by_image: dict[tuple[str, str], Any] = {}
    results = map_videos(landmark_step(), inputs, execution, "landmarks")
    for video_id, result in zip(manifest["video_id"], results, strict=True):
        if isinstance(result, Failure):
            print(f"{video_id}: landmarks skipped ({result.status}: {result.reason})")
            continue
        by_image |= {(video_id, name): points for name, points in json.loads(result).items()}
    landmarks = np.full((len(table), POINTS, 2), np.nan, np.float16)
    for row, key in enumerate(zip(table["video_id"], table["image"], strict=True)):
        if key in by_image:
            landmarks[row] = by_image[key]
    return landmarks
