"""The frames of all videos of a manifest."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from deepfake import archive, image, video
from deepfake.failures import report_failures
from deepfake.parallel import Task, code_version, map_files
from deepfake.params import FramesParams


def frame_settings(params: FramesParams) -> dict[str, int]:
    """Arguments of `video.frame_archive` that are the same for every file."""
    return {
        "per_video": params.per_video,
        "min_frames": params.min_frames,
        "quality": params.jpeg_quality,
    }


def extract_frames(
    manifest: pd.DataFrame,
    roots: Mapping[str, Path],
    out: Path,
    params: FramesParams,
    workers: int,
) -> pd.DataFrame:
    """Write one frame archive per video of the manifest below `out`.

    Args:
        manifest: rows as `manifest.build_manifest` gives them.
        roots: of the data sets, by name.
        out: folder for the archives.
        params: the frames section of params.yaml.
        workers: processes.

    Returns:
        One row per video, in the manifest's order: video_id and the fields of `video.VideoMeta`.

    Raises:
        TooManyFailuresError: when more than `params.max_failed_fraction` of them failed.
    """
    code = code_version([video, image, archive], ["opencv-python"])
    task = Task(video.frame_archive, code)
    settings = frame_settings(params)
    files = zip(manifest["dataset"], manifest["path"], manifest["kind"], strict=True)
    inputs = [(roots[name] / path, {"kind": kind, **settings}) for name, path, kind in files]
    rows = []
    results = map_files(task, inputs, workers, "frames")
    for video_id, data in zip(manifest["video_id"], results, strict=True):
        archive.write(out, video_id, data)
        rows.append({"video_id": video_id, **archive.unpack(data, video_id).meta})
    table = pd.DataFrame(rows)
    table["indices"] = [" ".join(map(str, indices)) for indices in table["indices"]]
    failed = table[table["status"] != video.OK]
    report_failures(failed, len(table), "frames.max_failed_fraction", params.max_failed_fraction)
    return table


def status_counts(videos: pd.DataFrame) -> dict[str, int]:
    """How many videos ended with which status, for `metrics/frames.json`."""
    counts = Counter(videos["status"])
    statuses = (video.OK, video.TOO_SHORT, video.UNREADABLE)
    return {"videos": len(videos), **{status: counts[status] for status in statuses}}
