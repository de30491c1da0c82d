"""Storage, hours, cost and limits of one million and a hundred million videos: docs/scaling-plan.md.

    python benchmarks/scaling.py [--write] [TABLE ...]

Computed from what was measured (video_costs.csv, sleeping_nodes.csv, cluster_runs.csv, stub_archives.csv
and million.csv in benchmarks/) and from the assumptions in scaling.csv, which you may edit. `--write` puts the tables into
the document.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile
from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
from bench import markdown_table
from cluster import Cluster, simulate

TOP = Path(__file__).resolve().parents[1]
DOCUMENT = TOP / "docs/scaling-plan.md"
SIZES = (1_000_000, 100_000_000)
STEPS = ("frames", "crops", "identities")
DRIVER_VIDEOS, VIDEOS_AHEAD, PER_CORE = (
    256,
    32,
    2,
)  # MAX_SLOTS, MAX_AHEAD, PER_CORE of deepfake/jobs
CORES = 16  # of a node
VIDEOS_PER_CORE = 40  # that are simulated
HANGING = 2 * 600  # seconds: two attempts until execution.video_seconds
GB, HOUR, DAY = 1e9, 3600, 86400

Table = tuple[Sequence[str], list[list[str]]]


def read(name: str) -> pd.DataFrame:
    """A table of benchmarks/."""
    return pd.read_csv(TOP / "benchmarks" / f"{name}.csv")


COSTS = read("video_costs")
ASSUMED = read("scaling").set_index("name")["value"]


def stored_bytes() -> dict[str, float]:
    """Mean bytes per video of everything that is kept."""
    return {
        "videos": COSTS["video_bytes"].mean(),
        "`data/frames`": COSTS["frames_bytes"].mean(),
        "`data/crops`": COSTS["crops_bytes"].mean(),
        "`data/crops.csv`": COSTS["crops"].mean() * ASSUMED["crop_row"],
        "`data/manifest.csv`": ASSUMED["manifest_row"],
    }


def storage() -> Table:
    """What is stored, and its price."""
    sizes = stored_bytes()
    rows = []
    for name, size in {**sizes, "sum": sum(sizes.values())}.items():
        row = [name, short(size / 1000) + " kB"]
        for count in SIZES:
            price = size * count / GB * ASSUMED["gigabyte_month"]
            row += [f"{short(size * count / 1e12)} TB", short(price)]
        rows.append(row)
    return sized("", "per video", "USD a month"), rows


def compute() -> Table:
    """Hours of cores, or of a GPU, and their price."""
    hours = {name: (COSTS[f"{name}_seconds"].mean() / HOUR, ASSUMED["core_hour"]) for name in STEPS}
    images = COSTS["crops"].mean() * ASSUMED["epochs"]
    training = images / ASSUMED["training_images"] / HOUR
    hours[f"training, {ASSUMED['epochs']:.0f} epochs"] = training, ASSUMED["gpu_hour"]
    rows = []
    for name, (hour, price) in hours.items():
        row = [name, f"{hour * HOUR:.2f} s"]
        for count in SIZES:
            row += [f"{short(hour * count)} h", short(hour * count * price)]
        rows.append(row)
    # Each of the two kinds of archives is written once. The videos and frames are read once, crops twice.
    requests = 2 * ASSUMED["put"] + 4 * ASSUMED["get"]
    rows.append(
        ["requests to storage", "6", *(x for n in SIZES for x in ("", short(n * requests)))]
    )
    return sized("", "per video", "USD"), rows


def driver_seconds() -> float:
    """CPU seconds of the driver per video, as measured in the runs with Ray."""
    runs = ray_runs()
    return float(runs["driver_seconds"].sum() / runs["videos"].sum())


def overhead_seconds() -> float:
    """Seconds that a core needs for each video besides its work, as measured with Ray on one node."""
    runs = ray_runs()
    one = runs[runs["nodes"] == 1].iloc[0]
    work = COSTS["frames_seconds"].iloc[1:].sum()  # seconds count from the first result
    return float((one["seconds"] - work) / one["videos"])


def ray_runs() -> pd.DataFrame:
    """The measured runs with Ray on sleeping nodes."""
    runs = read("sleeping_nodes")
    return runs[runs["engine"] == "ray"]


def draw(step: str, count: int) -> list[float]:
    """Seconds of so many videos, drawn from the measured ones."""
    seconds = COSTS[f"{step}_seconds"].to_numpy()
    return list(np.random.default_rng(0).choice(seconds, count))


def make_cluster(nodes: int, cores: int, slots: int = DRIVER_VIDEOS) -> Cluster:
    """A cluster with the measured overhead, of which `slots` videos may be in work."""
    slots = min(PER_CORE * nodes * cores, slots)
    return Cluster(nodes, cores, slots, VIDEOS_AHEAD * slots, driver_seconds(), overhead_seconds())


def check() -> Table:
    """The measured runs with Ray beside simulated ones.

    Sleeping nodes have the work of COSTS. The clips differ from each other as those do, and take as
    long in sum as they did locally.
    """
    clips = read("cluster_runs")
    local = clips[(clips["engine"] == "local") & (clips["nodes"] == 1)].iloc[0]
    rows = []
    for name, runs in {"sleeping": ray_runs(), "clips": clips[clips["engine"] == "ray"]}.items():
        counts = runs[["nodes", "cores", "videos"]].to_numpy(int)
        for (nodes, cores, count), measured in zip(counts, runs["seconds"].to_numpy(), strict=True):
            cluster = make_cluster(nodes, cores)
            if name == "sleeping":
                run = simulate(COSTS["frames_seconds"].tolist(), cluster)
                simulated = run.seconds - run.done[0]
            else:
                seconds = draw("frames", count)
                scale = float(local["seconds"]) / local["videos"] * count / sum(seconds)
                simulated = simulate([scale * one for one in seconds], cluster).seconds
            cells = [f"{measured:.1f} s", f"{simulated:.1f} s", f"{simulated / measured:.2f}"]
            rows.append([name, str(nodes), str(count), *cells])
    header = ["work", "one-core nodes", "videos", "measured", "simulated", "simulated / measured"]
    return header, rows


def clusters() -> Table:
    """Speed on clusters of several sizes, and the largest without a limit on the videos in work."""
    rows = []
    for nodes, limit in ((1, DRIVER_VIDEOS), (8, DRIVER_VIDEOS), (64, DRIVER_VIDEOS), (64, 10**9)):
        cluster = make_cluster(nodes, CORES, limit)
        count = VIDEOS_PER_CORE * nodes * CORES
        runs = [draw(step, count) for step in STEPS]
        seconds = sum(simulate(work, cluster).seconds for work in runs)
        busy = sum(map(sum, runs)) / seconds / (nodes * CORES)
        days = [short(seconds / count * size / DAY) for size in SIZES]
        row = [f"{nodes * CORES:,}", f"{cluster.slots:,}", short(count / seconds), f"{busy:.0%}"]
        rows.append([*row, *days])
    sizes = [f"days for {size:,}" for size in SIZES]
    return ["cores", "videos in work", "videos/s", "of the cores' time in use", *sizes], rows


def disturbances() -> Table:
    """The step frames on four small nodes if something goes wrong."""
    count, cluster = 100_000, make_cluster(4, 4)
    work = draw("frames", count)
    usual = simulate(work, cluster)
    hanging = [*work]
    hanging[count // 2] = HANGING
    half = usual.seconds / 2
    often = [(k % 4, 60.0 * k, 60.0 * k + 60) for k in range(1, int(usual.seconds / 60) + 9)]
    cases = {
        "nothing": usual,
        "a node is lost at half time": simulate(work, replace(cluster, losses=[(0, half, inf)])),
        "each minute, another node is lost for a minute": simulate(
            work, replace(cluster, losses=often)
        ),
        "a node takes three times as long": simulate(work, replace(cluster, slow={0: 3})),
        "a video hangs at half time": simulate(hanging, cluster),
        "the same, with no limit on videos ahead": simulate(hanging, replace(cluster, ahead=count)),
    }
    rows = [
        [name, f"{run.seconds:.0f} s", str(run.repeats), f"{run.lost_seconds:.1f} s"]
        for name, run in cases.items()
    ]
    return ["what goes wrong", f"{count:,} videos", "started again", "lost time of cores"], rows


def slope(table: pd.DataFrame, by: str, column: str) -> float:
    """What each row more costs, between the smallest and the largest measurement."""
    ends = table.sort_values(by).iloc[[0, -1]]
    return float(ends[column].diff().iloc[-1] / ends[by].diff().iloc[-1])


def limits() -> Table:
    """What breaks, and at which number. The archives of DVC are two per video."""
    dvc = dict([*read("stub_archives").groupby("command")])
    million = read("million")
    frames, disk = COSTS["frames_bytes"].mean(), COSTS[["frames_bytes", "crops_bytes"]].mean().sum()
    seconds, network = COSTS["frames_seconds"].mean(), ASSUMED["network_gigabits"] / 8 * GB
    memory = ASSUMED["driver_memory"]
    rows = [
        ["videos in work", "", f"{DRIVER_VIDEOS}", f"{DRIVER_VIDEOS // PER_CORE} cores"],
        ["processor of the driver", f"{1000 * driver_seconds():.1f} ms", "one core",
         f"{1 / driver_seconds():.0f} videos/s, {seconds / driver_seconds():.0f} cores"],
        ["network of the driver", f"{short(frames / 1000)} kB",
         f"{ASSUMED['network_gigabits']:.0f} Gbit/s",
         f"{network / frames:,.0f} videos/s, {network / frames * seconds:,.0f} cores"],
        ["disk of the driver", f"{short(disk / 1000)} kB", f"{ASSUMED['driver_disk']:,.0f} GB",
         videos(ASSUMED["driver_disk"] * GB, disk)],
    ]  # fmt: skip
    for command in ("dvc repro, nothing new", "dvc add", "dvc push"):
        used = 2 * slope(dvc[command], "archives", "cpu_seconds")
        limit = ASSUMED["patience"] if "nothing" in command else DAY
        rows.append(
            [f"`{command}`", f"{1000 * used:.2f} ms", f"{limit:,.0f} s", videos(limit, used)]
        )
    used = 2 * slope(dvc["dvc add"], "archives", "gigabytes")
    memories = {"DVC": used}
    for stage, table in million.groupby("stage"):
        memories[f"`{stage}`"] = slope(table, "rows", "gigabytes")
    for name, used in memories.items():
        cells = [f"{short(used * 2**20)} kB", f"{memory:.0f} GB", videos(memory, used)]
        rows.append([f"memory of {name}", *cells])
    return ["what", "per video", "limit", "reached at"], rows


def videos(limit: float, used: float) -> str:
    """The number of videos at which a limit is reached, given what one uses."""
    return f"{short(limit / used / 1e6)} million videos" if used > 0 else "not in sight"


def short(number: float) -> str:
    """A number with two significant digits, as people write it."""
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def sized(first: str, second: str, third: str) -> list[str]:
    """A header with two columns for each size."""
    return [first, second, *(text for size in SIZES for text in (f"{size:,}", third))]


TABLES: dict[str, Callable[[], Table]] = {
    function.__name__: function
    for function in (storage, compute, check, clusters, disturbances, limits)
}


def with_table(text: str, name: str, table: str) -> str:
    """The document with another table below the comment `<!-- NAME -->`.

    Raises:
        SystemExit: the document has no such comment.
    """
    mark = f"<!-- {name} -->\n"
    before, found, after = text.partition(mark)
    if not found:
        raise SystemExit(f"error: {DOCUMENT} has no line {mark.strip()}")
    lines = after.lstrip("\n").splitlines(keepends=True)
    rest = "".join(lines[sum(1 for _ in takewhile(lambda line: line.startswith("|"), lines)) :])
    return f"{before}{mark}\n{table}\n\n{rest.lstrip()}"


def main() -> None:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"{', '.join(TABLES)} (all)")
    parser.add_argument("--write", action="store_true", help="put them into docs/scaling-plan.md")
    options = parser.parse_args()
    for name in options.tables or TABLES:
        table = f"{markdown_table(*TABLES[name]())}\n"
        if options.write:
            text = DOCUMENT.read_text(encoding="utf-8")
            DOCUMENT.write_text(with_table(text, name, table.strip()), encoding="utf-8")
        else:
            print(f"<!-- {name} -->\n\n{table}")


if __name__ == "__main__":
    main()
