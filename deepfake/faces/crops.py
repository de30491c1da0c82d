"""The face crops of all videos of a manifest."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.base.code import code_version
from deepfake.core import archive
from deepfake.faces import cropping, detectors
from deepfake.faces.dlib_models import PACKAGES
from deepfake.jobs import step
from deepfake.jobs.failures import report_failures
from deepfake.jobs.pool import map_records
from deepfake.jobs.step import Failure, Step, Video, archives_of
from deepfake.params.schema import CropsParams, ExecutionParams

COLUMNS = ["video_id", "frame", "track", "image", "box", "landmarks", "score", "sharpness"]
REASONS = {
    cropping.NO_FACE: "no face in any of its frames",
    cropping.NO_FRAMES: "no frames, see data/failures.csv",
}
Rows = tuple[list[dict[str, Any]], dict[str, Any]]
FAILED = (cropping.NO_FACE, step.CRASHED, step.TIMED_OUT, step.OUT_OF_MEMORY)


def crop_settings(params: CropsParams) -> dict[str, Any]:
    """Arguments of `cropping.crop_frames`."""
    return params.model_dump(exclude={"max_no_face_fraction"})


def crop_step(params: CropsParams) -> Step:
    """What is done with each video."""
    packages = [detectors.PACKAGES[params.detector], *PACKAGES]
    return Step(cropping.crop_archive, code_version(cropping.crop_archive, packages))


def crop_inputs(
    manifest: pd.DataFrame, frames: Path, out: Path, params: CropsParams
) -> list[Video]:
    """The frame archives of the manifest's videos, for `crop_step`; crops go below `out`."""
    return archives_of(manifest, frames, crop_settings(params), out)


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
    ids = list(manifest["video_id"])

    def read(number: int, result: bytes | Failure) -> tuple[Rows, bool]:
        if isinstance(result, Failure):
            result = _failed(result)
            archive.write(out, ids[number], result)
        meta = archive.unpack_meta(result, ids[number])
        return _rows(ids[number], meta), meta["status"] != cropping.OK

    inputs = crop_inputs(manifest, frames, out, params)
    found = list(map_records(crop_step(params), inputs, execution, "crops", read))
    crops = [crop for of_video, _ in found for crop in of_video]
    videos = [video for _, video in found]
    return pd.DataFrame(crops, columns=COLUMNS), pd.DataFrame(videos)


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


def _rows(video_id: str, meta: dict[str, Any]) -> Rows:
    """The record of one archive as rows of data/crops.csv and the row of data/coverage.csv."""
    crops = [
        {
            **crop,
            "video_id": video_id,
            "box": " ".join(map(str, crop["box"])),
            "landmarks": " ".join(str(value) for point in crop["landmarks"] for value in point),
        }
        for crop in meta["crops"]
    ]
    video = {
        "video_id": video_id,
        "status": meta["status"],
        "reason": meta.get("reason", REASONS.get(meta["status"], "")),
        "tracks": len({crop["track"] for crop in crops}),
        "dropped_tracks": meta["dropped_tracks"],
        "frames": meta["frames"],
        "frames_with_face": len({crop["frame"] for crop in crops}),
    }
    return crops, video


def _failed(failure: Failure) -> bytes:
    """The archive of a video that gave nothing."""
    record = {"status": failure.status, "reason": failure.reason, "frames": 0}
    return archive.pack({**record, "dropped_tracks": 0, "crops": []}, {})
