"""Measure what each video costs: bytes before and after, and CPU seconds of each stage.

    python benchmarks/video_costs.py [--frames 16]

Writes benchmarks/video_costs.csv, a row per talking-head clip, which scaling.py and cluster.py read.
One worker process handles the clips one after the other, so the seconds are those of one core.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from bench import bench_parser, list_media, report_missing

from deepfake.core.archive import unpack
from deepfake.core.tables import write_csv
from deepfake.faces.cropping import crop_archive
from deepfake.faces.crops import crop_settings
from deepfake.faces.embedding import embed_tracks
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Failure, Step, Video
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.splits.frame_hashes import hash_frames
from deepfake.video.frame_archive import frame_archive
from deepfake.video.frames import frame_settings

TABLE = Path(__file__).with_name("video_costs.csv")
DECIMALS = 4  # of seconds


def cost_of(
    path: Path, frames: dict[str, Any], crops: dict[str, Any], faces: dict[str, Any]
) -> bytes:
    """The row of one video, as JSON.

    Args:
        path: the video.
        frames, crops, faces: arguments of the functions of the stages frames, crops and identities.
    """
    seconds: dict[str, float] = {}

    def timed(stage: str, function: Callable[..., bytes], path: Path, **settings: Any) -> bytes:
        start = time.process_time()
        result = function(path, **settings)
        seconds[stage] = seconds.get(stage, 0.0) + time.process_time() - start
        return result

    with tempfile.TemporaryDirectory() as folder:
        frame_path, crop_path = Path(folder, "frames.tar"), Path(folder, "crops.tar")
        frame_path.write_bytes(timed("frames", frame_archive, path, kind="video", **frames))
        crop_path.write_bytes(timed("crops", crop_archive, frame_path, **crops))
        timed("identities", embed_tracks, crop_path, **faces)
        timed("identities", hash_frames, frame_path)
        row: dict[str, float] = {
            "video_bytes": path.stat().st_size,
            "frames_bytes": frame_path.stat().st_size,
            "crops_bytes": crop_path.stat().st_size,
            "crops": len(unpack(crop_path.read_bytes()).images),
        }
    row |= {f"{stage}_seconds": round(spent, DECIMALS) for stage, spent in seconds.items()}
    return json.dumps(row).encode()


def measure(clips: list[Path], params: Params) -> pd.DataFrame:
    """Rows of benchmarks/video_costs.csv.

    Raises:
        SystemExit: a clip could not be read.
    """
    # The worker process imports the function by name, which fails for one of __main__.
    from video_costs import cost_of as importable

    settings = {
        "frames": frame_settings(params.frames),
        "crops": crop_settings(params.crops),
        "faces": {"margin": params.crops.margin, "per_track": params.identities.faces_per_track},
    }
    execution = params.execution.model_copy(update={"workers": 1})
    warm_up = clips[:1]  # loads the models
    inputs = [Video("", clip, settings) for clip in [*warm_up, *clips]]
    rows = []
    for video, result in zip(
        inputs, map_videos(Step(importable, ""), inputs, execution, "clips"), strict=True
    ):
        if isinstance(result, Failure):
            raise SystemExit(f"error: {video.path}: {result.reason}")
        rows.append(json.loads(result))
    return pd.DataFrame(rows[len(warm_up) :])


def main() -> int:
    """Measure, write the table and print the means."""
    parser = bench_parser(__doc__)
    parser.add_argument("--frames", type=int, default=16, help="frames per clip (default: 16)")
    args = parser.parse_args()
    if report_missing(args.bench, "talking_heads"):
        return 2
    params = load_params(Path(__file__).parents[1] / "params.yaml")
    frames = params.frames.model_copy(update={"per_video": args.frames})
    table = measure(
        list_media(args.bench, "talking_heads"), params.model_copy(update={"frames": frames})
    )
    write_csv(TABLE, table)
    print(table.mean().to_string())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
