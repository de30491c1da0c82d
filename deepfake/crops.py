"""The face crops of all videos of a manifest."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake import archive, cropping, faces, image, tracking, video
from deepfake.failures import report_failures
from deepfake.parallel import Task, code_version, map_files
from deepfake.params import CropsParams

COLUMNS = ["video_id", "frame", "track", "image", "box", "landmarks", "score", "sharpness"]


def crop_settings(params: CropsParams) -> dict[str, Any]:
    """Arguments of `cropping.crop_frames`."""
    return params.model_dump(exclude={"max_no_face_fraction"})


def extract_crops(
    manifest: pd.DataFrame, frames: Path, out: Path, params: CropsParams, workers: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write one crop archive per video of the manifest below `out`.

    Returns:
        One row per crop (`COLUMNS`), and one row per video (video_id, status, tracks,
        dropped_tracks, frames, frames_with_face).

    Raises:
        TooManyFailuresError: when more than `params.max_no_face_fraction` show no face.
    """
    packages = ["opencv-python", "dlib-bin", "scipy", faces.PACKAGES[params.detector]]
    modules = [cropping, faces, tracking, archive, image, video]
    task = Task(cropping.crop_archive, code_version(modules, packages))
    settings = crop_settings(params)
    inputs = [(archive.path_of(frames, video_id), settings) for video_id in manifest["video_id"]]
    tables, rows = [], []
    results = map_files(task, inputs, workers, "crops")
    for video_id, data in zip(manifest["video_id"], results, strict=True):
        archive.write(out, video_id, data)
        meta = archive.unpack(data, video_id).meta
        table = crop_table(video_id, meta)
        tables.append(table)
        rows.append(
            {
                "video_id": video_id,
                "status": meta["status"],
                "tracks": table["track"].nunique(),
                "dropped_tracks": meta["dropped_tracks"],
                "frames": meta["frames"],
                "frames_with_face": table["frame"].nunique(),
            }
        )
    videos = pd.DataFrame(rows)
    failed = videos[videos["status"] == cropping.NO_FACE].assign(reason="in any of its frames")
    report_failures(failed, len(videos), "crops.max_no_face_fraction", params.max_no_face_fraction)
    filled = [table for table in tables if len(table)] or tables[:1]
    return pd.concat(filled, ignore_index=True), videos


def coverage(crops: pd.DataFrame, videos: pd.DataFrame) -> dict[str, float]:
    """How much of the data shows a face, for `metrics/crops.json`.

    `video_coverage` is the fraction of videos with a face, and `frame_coverage` that of frames.
    """
    counts = Counter(videos["status"])
    return {
        "videos": len(videos),
        "ok": counts[video.OK],
        "no_face": counts[cropping.NO_FACE],
        "no_frames": counts[cropping.NO_FRAMES],
        "video_coverage": counts[video.OK] / len(videos),
        "frame_coverage": videos["frames_with_face"].sum() / max(1, videos["frames"].sum()),
        "crops": len(crops),
        "videos_with_several_people": int((videos["tracks"] > 1).sum()),
        "dropped_tracks": int(videos["dropped_tracks"].sum()),
    }


def crop_table(video_id: str, meta: dict[str, Any]) -> pd.DataFrame:
    """The crops of one archive as rows of data/crops.csv."""
    rows = [
        {
            **crop,
            "video_id": video_id,
            "box": " ".join(map(str, crop["box"])),
            "landmarks": " ".join(str(value) for point in crop["landmarks"] for value in point),
        }
        for crop in meta["crops"]
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
