"""The face crops of all videos of a manifest: their archives, table and coverage."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.base.code import code_version
from deepfake.core import archive
from deepfake.faces import cropping, detectors
from deepfake.faces.dlib_models import DLIB_PACKAGES
from deepfake.jobs import step
from deepfake.jobs.failures import report_failures
from deepfake.jobs.pool import map_records
from deepfake.jobs.step import Failure, Step, Video, videos_of_archives
from deepfake.params.schema import CropsParams, ExecutionParams

COLUMNS = [
    *("video_id", "frame", "track", "image", "box", "landmarks", "score"),
    *("sharpness", "brightness"),
]
REASONS = {
    cropping.NO_FACE: "no face in any of its frames",
    cropping.NO_FRAMES: "no frames, see data/failures.csv",
}
FAILED = (cropping.NO_FACE, step.CRASHED, step.TIMED_OUT, step.OUT_OF_MEMORY)

CropRows = list[dict[str, Any]]  # of data/crops.csv
VideoRow = dict[str, Any]  # of data/coverage.csv


def crop_settings(params: CropsParams) -> dict[str, Any]:
    """Arguments of `cropping.crop_frames` from the crops section of params.yaml."""
    return params.model_dump(exclude={"max_no_face_fraction"})


def crop_step(params: CropsParams) -> Step:
    """The step that makes the crops of one video."""
    detector = detectors.DETECTORS[params.detector]
    packages = [detector.package, *DLIB_PACKAGES]
    models = [detector.model] if detector.model else []
    return Step(cropping.crop_archive, code_version(cropping.crop_archive, packages, models))


def crop_inputs(
    manifest: pd.DataFrame, frames: Path, out: Path, params: CropsParams
) -> list[Video]:
    """Inputs of `crop_step`: the frame archives of a manifest; crops are written below `out`."""
    return videos_of_archives(manifest, frames, crop_settings(params), out)


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
        execution: the execution section of params.yaml (processes and their limits).

    Returns:
        One row per crop (`COLUMNS`), and one row per video (video_id, status, reason, tracks,
        dropped_tracks, frames, frames_with_face).
    """
    ids = list(manifest["video_id"])

    def read(number: int, result: bytes | Failure) -> tuple[tuple[CropRows, VideoRow], bool]:
        if isinstance(result, Failure):
            result = _empty_archive(result)
            archive.write(out, ids[number], result)
        meta = archive.unpack_meta(result, ids[number])
        return _rows(ids[number], meta), meta["status"] != cropping.OK

    inputs = crop_inputs(manifest, frames, out, params)
    rows = list(map_records(crop_step(params), inputs, execution, "crops", read))
    crops = [crop for crop_rows, _ in rows for crop in crop_rows]
    videos = [video_row for _, video_row in rows]
    return pd.DataFrame(crops, columns=COLUMNS), pd.DataFrame(videos)


def report_no_face(videos: pd.DataFrame, allowed: float) -> None:
    """Print the videos without a face.

    Args:
        videos: as `extract_crops` returns them.
        allowed: largest fraction of videos without a face, `crops.max_no_face_fraction`.

    Raises:
        TooManyFailuresError: a larger fraction of the videos has no face.
    """
    failed = videos[videos["status"].isin(FAILED)]
    key = "crops.max_no_face_fraction"
    report_failures(failed, (), len(videos), key, allowed, "data/coverage.csv")


def coverage(crops: pd.DataFrame, videos: pd.DataFrame) -> dict[str, float]:
    """Counts of videos and crops, for plots/crops.tsv.

    `video_coverage` is the fraction of videos with a face, `frame_coverage` that of frames.
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


def _rows(video_id: str, meta: dict[str, Any]) -> tuple[CropRows, VideoRow]:
    """Rows of data/crops.csv and data/coverage.csv from the record of one archive."""
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


def _empty_archive(failure: Failure) -> bytes:
    """The archive of a video whose crops could not be made."""
    record = {"status": failure.status, "reason": failure.reason, "frames": 0}
    return archive.pack({**record, "dropped_tracks": 0, "crops": []}, {})
