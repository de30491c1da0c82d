"""Measure what Ray costs per video, against processes on this machine, and compare the bytes.

Takes frames out of the same clips with 1 and 2 local processes, then on a Ray cluster of 1 and 2
nodes with one core each, which are started here. Ray's clock starts when the cluster runs; its
processes start with their first videos, as in a run of the pipeline.

--sent also measures nodes that do not see the files of this machine: the content of each video is
sent through Ray.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench import bench_parser, list_media, markdown_table, report_missing

from deepfake.jobs import ray_engine
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Failure, Step, Video
from deepfake.params.loading import load_params
from deepfake.params.schema import ExecutionParams
from deepfake.video.frame_archive import frame_archive
from deepfake.video.frames import frame_settings

OBJECT_STORE = 200 << 20  # bytes per node
PROCESSES = (1, 2)


@contextmanager
def nodes(count: int) -> Iterator[str]:
    """The address of a cluster of nodes with one core each; its head has none."""
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    cluster.add_node(num_cpus=0, object_store_memory=OBJECT_STORE, include_dashboard=False)
    for _ in range(count):
        cluster.add_node(num_cpus=1, object_store_memory=OBJECT_STORE)
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def timed(videos: Sequence[Video], execution: ExecutionParams) -> tuple[float, str]:
    """Seconds, and a digest of all results in order."""
    start = time.perf_counter()
    digest = hashlib.sha256()
    for video, result in zip(
        videos, map_videos(Step(frame_archive, ""), videos, execution, "frames"), strict=True
    ):
        if isinstance(result, Failure):
            raise SystemExit(f"error: {video.path}: {result.reason}")
        digest.update(result)
    return time.perf_counter() - start, digest.hexdigest()


def unseen() -> AbstractContextManager[Any]:
    """Let every node take the files of this machine for other ones."""
    return patch.object(ray_engine, "_digest", return_value="unseen")


def main() -> int:
    """Print a table."""
    parser = bench_parser(__doc__)
    parser.add_argument("--clips", type=int, default=200, help="number of clips (default: 200)")
    parser.add_argument("--sent", action="store_true", help="also send the videos through Ray")
    args = parser.parse_args()
    if report_missing(args.bench, "talking_heads"):
        return 1

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when ray is imported
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # of the nodes
    params = load_params()
    arguments = {"kind": "video", **frame_settings(params.frames)}
    clips = islice(cycle(list_media(args.bench, "talking_heads")), args.clips)
    videos = [Video("", Path(clip), arguments) for clip in clips]
    rows, digests = [], set()
    for count in PROCESSES:
        local, digest = timed(videos, params.execution.model_copy(update={"workers": count}))
        rows.append([f"{count} local", f"{local:.1f}", f"{1000 * local / len(videos):.0f}", ""])
        digests.add(digest)
        for name in ("seen", "sent") if args.sent else ("seen",):
            with nodes(count) as address:
                execution = params.execution.model_copy(
                    update={"engine": "ray", "address": address}
                )
                if name == "sent":
                    with unseen():
                        seconds, digest = timed(videos, execution)
                else:
                    seconds, digest = timed(videos, execution)
            digests.add(digest)
            overhead = 1000 * (seconds - local) * count / len(videos)
            rows.append(
                [
                    f"{count} Ray, files {name}",
                    f"{seconds:.1f}",
                    f"{1000 * seconds / len(videos):.0f}",
                    f"{overhead:.0f}",
                ]
            )
    print(markdown_table(["processes", "seconds", "ms per video", "overhead, ms of a core"], rows))
    print(f"results: {'the same bytes' if len(digests) == 1 else 'DIFFERENT bytes'}")
    return 0 if len(digests) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
