"""Extract the frames of all videos of a manifest."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.base.code import code_version
from deepfake.core import archive
from deepfake.jobs import step
from deepfake.jobs.pool import map_records
from deepfake.jobs.step import Failure, Step, Video
from deepfake.params.schema import ExecutionParams, FramesParams
from deepfake.video import frame_archive, record

FAILURES = ["video_id", "path", "status", "reason", "frame_count"]
STATUSES = (
    *(record.OK, record.TRUNCATED, record.DAMAGED, record.TOO_SHORT, record.UNREADABLE),
    *(step.CRASHED, step.TIMED_OUT, step.OUT_OF_MEMORY, step.CHANGED),
)


def frame_settings(params: FramesParams) -> dict[str, Any]:
    """The arguments of `frame_archive` that are the same for every file."""
    return params.model_dump(exclude={"max_failed_fraction"})


def frame_step() -> Step:
    """The per-video function of the frames stage, with its code version."""
    return Step(frame_archive.frame_archive, code_version(frame_archive.frame_archive))


def frame_inputs(
    manifest: pd.DataFrame, roots: Mapping[str, Path], out: Path, params: FramesParams
) -> list[Video]:
    """The videos of the manifest as inputs of `frame_step`; their archives are written below `out`."""
    settings = frame_settings(params)
    columns = (manifest[name] for name in ("video_id", "dataset", "path", "kind", "sha256"))
    return [
        Video(
            sha256,
            roots[dataset] / path,
            {"kind": kind, **settings},
            is_original=True,
            out=archive.path_of(out, video_id),
        )
        for video_id, dataset, path, kind, sha256 in zip(*columns, strict=True)
    ]


def extract_frames(
    manifest: pd.DataFrame,
    roots: Mapping[str, Path],
    out: Path,
    params: FramesParams,
    execution: ExecutionParams,
) -> pd.DataFrame:
    """Write one frame archive per video of the manifest below `out`.

    Args:
        manifest: the table of `manifest.build_manifest`.
        roots: folder of each data set, by name.
        out: folder for the archives.
        params: the frames section of params.yaml.
        execution: number of processes and their limits.

    Returns:
        One row per video, in the manifest's order: video_id and the fields of `VideoMeta`.
    """
    ids = list(manifest["video_id"])

    def to_row(number: int, result: bytes | Failure) -> tuple[dict[str, Any], bool]:
        if isinstance(result, Failure):
            result = _archive_of_failure(result)
            archive.write(out, ids[number], result)
        row = {"video_id": ids[number], **archive.unpack_meta(result, ids[number])}
        return row, row["status"] not in record.USABLE

    videos = frame_inputs(manifest, roots, out, params)
    table = pd.DataFrame(map_records(frame_step(), videos, execution, "frames", to_row))
    table["indices"] = [" ".join(map(str, indices)) for indices in table["indices"]]
    return table


def failures(frames: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Rows of data/failures.csv: every video whose status is not ok, with the reason."""
    joined = frames.merge(manifest[["video_id", "path"]], on="video_id", validate="one_to_one")
    return joined[joined["status"] != record.OK][FAILURES].reset_index(drop=True)


def status_counts(frames: pd.DataFrame) -> dict[str, int]:
    """Number of all videos and of videos with each status, for plots/frames.tsv."""
    counts = Counter(frames["status"])
    return {"videos": len(frames), **{status: counts[status] for status in STATUSES}}


def _archive_of_failure(failure: Failure) -> bytes:
    """An archive without images, which records why the video failed."""
    return archive.pack(asdict(record.VideoMeta(failure.status, failure.reason)), {})
