"""Measure what the Ray engine adds to a video: locally, and with Ray on one and two one-core nodes.

    python benchmarks/sleeping_nodes.py

Writes benchmarks/sleeping_nodes.csv, which scaling.py reads. All nodes are on this machine. So that they
need no more cores than it has, a node sleeps for the seconds that each clip of video_costs.csv took
in `frames`, and returns as many bytes. Time is from the first result to the last, without the start of
processes. Driver seconds are CPU seconds of this process in that time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from deepfake.core.tables import read_csv, write_csv
from deepfake.jobs.cache import Cache
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import Step, Video
from deepfake.params.loading import load_params
from deepfake.params.schema import ExecutionParams

TOP = Path(__file__).resolve().parents[1]
COSTS = TOP / "benchmarks/video_costs.csv"
TABLE = TOP / "benchmarks/sleeping_nodes.csv"
OBJECT_STORE = 100 << 20  # bytes of a node


def sleep(_: Path, seconds: float, size: int) -> bytes:
    """In place of the decoder: a result of so many bytes after so many seconds."""
    time.sleep(seconds)
    return bytes(size)


@contextmanager
def cluster() -> Iterator[tuple[str, Callable[[], object]]]:
    """A cluster of a head without cores: its address, and a function that adds a one-core node."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "300"}
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TOP), str(TOP / "benchmarks")])
    from ray.cluster_utils import Cluster  # reads the environment

    started = Cluster()
    started.add_node(num_cpus=0, object_store_memory=OBJECT_STORE, include_dashboard=False)
    try:
        yield (
            started.address,
            lambda: started.add_node(num_cpus=1, object_store_memory=OBJECT_STORE),
        )
    finally:
        started.shutdown()


def measure(nodes: int, execution: ExecutionParams) -> list[object]:
    """A row of the table."""
    # The worker processes import the function by name, which fails for one of __main__.
    from sleeping_nodes import sleep as importable

    costs = read_csv(COSTS)
    videos = [
        Video(f"{number:064}", COSTS, {"seconds": seconds, "size": int(size)})
        for number, (seconds, size) in enumerate(
            costs[["frames_seconds", "frames_bytes"]].to_numpy(float).tolist()
        )
    ]
    times: list[tuple[float, float]] = []
    with TemporaryDirectory() as folder:
        step = Step(importable, "", Cache(Path(folder)))
        for result in map_videos(step, videos, execution, f"{execution.engine}, {nodes} nodes"):
            assert isinstance(result, bytes)
            times.append((time.process_time(), time.perf_counter()))
    (cpu_start, start), (cpu_end, end) = times[0], times[-1]
    return [execution.engine, nodes, 1, len(videos) - 1, cpu_end - cpu_start, end - start]


def main() -> None:
    """Measure and write the table."""
    one = load_params(TOP / "params.yaml").execution.model_copy(update={"workers": 1})
    rows = [measure(1, one)]
    with cluster() as (address, add_node):
        ray = one.model_copy(update={"engine": "ray", "address": address, "workers": 0})
        for nodes in (1, 2):
            add_node()
            rows.append(measure(nodes, ray))
    columns = ["engine", "nodes", "cores", "videos", "driver_seconds", "seconds"]
    table = pd.DataFrame(rows, columns=columns).round(2)
    write_csv(TABLE, table)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
