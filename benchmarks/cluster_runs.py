"""Measure what Ray costs per video, against processes on this machine, and compare the bytes.

Takes frames out of the same clips with 1 and 2 local processes, then on a Ray cluster of 1 and 2
nodes with one core each, which are started here, and a head without cores. Ray's clock starts when
the cluster runs; its processes start with their first videos, as in a run of the pipeline.

--sent also measures nodes that do not see the files of this machine: the content of each video is
sent through Ray. --write updates cluster_runs.csv, which scaling.py reads.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import cycle, islice
from pathlib import Path
from unittest.mock import patch

import pandas as pd
from bench import bench_parser, list_media, markdown_table, report_missing

from deepfake.core.tables import write_csv
from deepfake.jobs import ray_engine
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Failure, Step, Video
from deepfake.params.loading import load_params
from deepfake.params.schema import ExecutionParams
from deepfake.video.frame_archive import frame_archive
from deepfake.video.frames import frame_settings

TABLE = Path(__file__).with_suffix(".csv")
OBJECT_STORE = 200 << 20  # bytes per node
NODES = (1, 2)


@contextmanager
def cluster(count: int) -> Iterator[str]:
    """The address of a cluster of nodes with one core each; its head has none."""
    from ray.cluster_utils import Cluster

    started = Cluster()
    started.add_node(num_cpus=0, object_store_memory=OBJECT_STORE, include_dashboard=False)
    for _ in range(count):
        started.add_node(num_cpus=1, object_store_memory=OBJECT_STORE)
    try:
        yield started.address
    finally:
        started.shutdown()


def timed(videos: Sequence[Video], execution: ExecutionParams) -> tuple[float, float, str]:
    """Seconds, CPU seconds of this process, and a digest of all results in order."""
    start, start_cpu = time.perf_counter(), time.process_time()
    digest = hashlib.sha256()
    results = map_videos(Step(frame_archive, ""), videos, execution, "frames")
    for video, result in zip(videos, results, strict=True):
        if isinstance(result, Failure):
            raise SystemExit(f"error: {video.path}: {result.reason}")
        digest.update(result)
    return time.perf_counter() - start, time.process_time() - start_cpu, digest.hexdigest()


def measure(videos: Sequence[Video], sent: bool) -> tuple[pd.DataFrame, int]:
    """A row per run, and the number of different results."""
    local = load_params().execution
    rows, digests = [], set()
    for count in NODES:
        seconds, cpu, digest = timed(videos, local.model_copy(update={"workers": count}))
        rows.append(("local", count, 1, len(videos), cpu, seconds))
        digests.add(digest)
        for engine in ("ray", "ray, sent") if sent else ("ray",):
            # Every node takes the files of this machine for other ones.
            unseen = patch.object(ray_engine, "_digest", return_value="unseen")
            with cluster(count) as address, unseen if "sent" in engine else nullcontext():
                execution = local.model_copy(update={"engine": "ray", "address": address})
                seconds, cpu, digest = timed(videos, execution)
            rows.append((engine, count, 1, len(videos), cpu, seconds))
            digests.add(digest)
    columns = ["engine", "nodes", "cores", "videos", "driver_seconds", "seconds"]
    return pd.DataFrame(rows, columns=columns).round(2), len(digests)


def main() -> int:
    """Print a table."""
    parser = bench_parser(__doc__)
    parser.add_argument("--clips", type=int, default=200, help="number of clips (default: 200)")
    parser.add_argument("--sent", action="store_true", help="also send the videos through Ray")
    parser.add_argument("--write", action="store_true", help="update cluster_runs.csv")
    args = parser.parse_args()
    if report_missing(args.bench, "talking_heads"):
        return 1

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when ray is imported
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # of the nodes
    arguments = {"kind": "video", **frame_settings(load_params().frames)}
    clips = islice(cycle(list_media(args.bench, "talking_heads")), args.clips)
    table, results = measure([Video("", clip, arguments) for clip in clips], args.sent)
    if args.write:
        write_csv(TABLE, table)
    milliseconds = (1000 * table["seconds"] / table["videos"]).round().astype(int)
    shown = table.assign(**{"ms per video": milliseconds})
    print(markdown_table([*shown.columns], shown.astype(str).to_numpy().tolist()))
    print(f"results: {'the same bytes' if results == 1 else 'DIFFERENT bytes'}")
    return 0 if results == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
