"""The face crops of all videos of a manifest."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake import (
    archive,
    cropping,
    detection,
    embedding,
    face_models,
    faces,
    image,
    parallel,
    sampling,
    tracking,
)
from deepfake.failures import report_failures
from deepfake.parallel import Failure, Step, Video, code_version, map_videos
from deepfake.params import CropsParams, ExecutionParams

COLUMNS = ["video_id", "frame", "track", "image", "box", "landmarks", "score", "sharpness"]
REASONS = {
    cropping.NO_FACE: "no face in any of its frames",
    cropping.NO_FRAMES: "no frames, see data/failures.csv",
}
FAILED = (cropping.NO_FACE, parallel.CRASHED, parallel.TIMED_OUT, parallel.OUT_OF_MEMORY)


def crop_settings(params: CropsParams) -> dict[str, Any]:
    """Arguments of `cropping.crop_frames`."""
    return params.model_dump(exclude={"max_no_face_fraction"})


def crop_step(params: CropsParams) -> Step:
    """What is done with each video."""
    packages = ["opencv-python", "dlib-bin", "face-recognition", "scipy"]
    packages.append(detection.PACKAGES[params.detector])
    modules = [
        cropping,
        tracking,
        faces,
        detection,
        embedding,
        face_models,
        sampling,
        archive,
        image,
    ]
    return Step(cropping.crop_archive, code_version(modules, packages))


def crop_inputs(manifest: pd.DataFrame, frames: Path, params: CropsParams) -> list[Video]:
    """The frame archives of the manifest's videos, for `crop_step`."""
    settings = crop_settings(params)
    return [
        Video(sha256, archive.path_of(frames, video_id), settings)
        for video_id, sha256 in zip(manifest["video_id"], manifest["sha256"], strict=True)
    ]


def extract_crops(
    manifest: pd.DataFrame,
    frames: Path,
    out: Path,
    params: CropsParams,
    execution: ExecutionParams,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write one crop archive per video of the manifest below `out`.

    Args:
        manifest: rows with video_id and sha256.
        frames: folder of frame archives.
        out: folder for the archives.
        params: the crops section of params.yaml.
        execution: processes and their limits.

    Returns:
        One row per crop (`COLUMNS`), and one row per video (video_id, status, reason, tracks,
        dropped_tracks, frames, frames_with_face).
    """
    found: list[dict[str, Any]] = []
    rows = []
    inputs = crop_inputs(manifest, frames, params)
    results = map_videos(crop_step(params), inputs, execution, "crops", _is_failure)
    for video_id, result in zip(manifest["video_id"], results, strict=True):
        data = _failed(result) if isinstance(result, Failure) else result
        archive.write(out, video_id, data)
        meta = archive.unpack_meta(data, video_id)
        found += _crop_rows(video_id, meta)
        rows.append(
            {
                "video_id": video_id,
                "status": meta["status"],
                "reason": meta.get("reason", REASONS.get(meta["status"], "")),
                "tracks": len({crop["track"] for crop in meta["crops"]}),
                "dropped_tracks": meta["dropped_tracks"],
                "frames": meta["frames"],
                "frames_with_face": len({crop["frame"] for crop in meta["crops"]}),
            }
        )
    return pd.DataFrame(found, columns=COLUMNS), pd.DataFrame(rows)


def report_no_face(videos: pd.DataFrame, allowed: float) -> None:
    """Say which videos show no face; raises TooManyFailuresError for more than are allowed."""
    failed = videos[videos["status"].isin(FAILED)]
    key = "crops.max_no_face_fraction"
    report_failures(failed, (), len(videos), key, allowed, "data/coverage.csv")


def coverage(crops: pd.DataFrame, videos: pd.DataFrame) -> dict[str, float]:
    """How much of the data shows a face, for `metrics/crops.json`.

    `video_coverage` is the fraction of videos with a face, and `frame_coverage` that of frames.
    """
    counts = Counter(videos["status"])
    return {
        "videos": len(videos),
        "ok": counts[cropping.OK],
        "no_face": counts[cropping.NO_FACE],
        "no_frames": counts[cropping.NO_FRAMES],
        "failed": sum(counts[status] for status in FAILED) - counts[cropping.NO_FACE],
        "video_coverage": counts[cropping.OK] / len(videos),
        "frame_coverage": videos["frames_with_face"].sum() / max(1, videos["frames"].sum()),
        "crops": len(crops),
        "videos_with_several_people": int((videos["tracks"] > 1).sum()),
        "dropped_tracks": int(videos["dropped_tracks"].sum()),
    }


def _crop_rows(video_id: str, meta: dict[str, Any]) -> list[dict[str, Any]]:
    """The crops of one archive as rows of data/crops.csv."""
    return [
        {
            **crop,
            "video_id": video_id,
            "box": " ".join(map(str, crop["box"])),
            "landmarks": " ".join(str(value) for point in crop["landmarks"] for value in point),
        }
        for crop in meta["crops"]
    ]


def _is_failure(data: bytes) -> bool:
    return bool(archive.unpack_meta(data)["status"] != cropping.OK)


def _failed(failure: Failure) -> bytes:
    """The archive of a video that gave nothing."""
    record = {"status": failure.status, "reason": failure.reason, "frames": 0}
    return archive.pack({**record, "dropped_tracks": 0, "crops": []}, {})
