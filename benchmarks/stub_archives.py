"""Measure what DVC costs with many archives: `dvc add`, `status`, `push` to S3, and `repro`.

    python benchmarks/stub_archives.py [--archives 1000 5000 100000] [--folder DIR]

Writes archives with a record and no images into a repository of its own, and pushes them to `rclone
serve s3` on this machine. Writes benchmarks/stub_archives.csv, which scaling.py reads. CPU seconds and
memory are those of DVC without the server, which hashes what it receives. Everything else is deleted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from bench import markdown_table
from buckets import BUCKET, DVC, serve

from deepfake.core.archive import pack
from deepfake.core.tables import write_csv

TABLE = Path(__file__).with_name("stub_archives.csv")
TRACKED = Path("data/frames")
FOLDER_SIZE = 1000  # archives in a folder
PIPELINE = f"""\
stages:
  crops:
    cmd: echo crops > crops.txt
    deps: [{TRACKED}]
    outs: [crops.txt]
"""
COLUMNS = ["archives", "command", "cpu_seconds", "seconds", "gigabytes"]


def write_archive(top: Path, number: int, text: str = "") -> None:
    """Write the archive of one video, which differs from all others."""
    path = top / TRACKED / f"{number // FOLDER_SIZE:04}" / f"{number:08}.tar"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it is a link to the DVC cache
    path.write_bytes(pack({"status": "ok", "video": number, "text": text}, {}))


def measure(arguments: str, folder: Path, environment: Mapping[str, str]) -> list[float]:
    """CPU seconds, seconds and peak memory in GB of a DVC command.

    Raises:
        SystemExit: the command failed.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        [*DVC, *arguments.split(), "--quiet"], cwd=folder, env=dict(environment)
    )
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"error: dvc {arguments} failed")
    seconds = time.perf_counter() - start
    return [usage.ru_utime + usage.ru_stime, seconds, usage.ru_maxrss / 2**20]


def create_repository(folder: Path, archives: int, environment: Mapping[str, str]) -> None:
    """Create a repository with archives and a stage that reads them."""
    folder.mkdir()
    for command in (["git", "init", "--quiet"], [*DVC, "init", "--quiet"]):
        subprocess.run(command, cwd=folder, env=dict(environment), check=True)
    settings = [["remote", "add", "--default", "storage", f"s3://{BUCKET}/runs"]]
    settings += [["config", "cache.type", "hardlink,copy"]]  # as in this project
    for arguments in settings:
        subprocess.run([*DVC, *arguments, "--quiet"], cwd=folder, env=dict(environment), check=True)
    (folder / "dvc.yaml").write_text(PIPELINE)
    for number in range(archives):
        write_archive(folder, number)


def rows_of(archives: int, top: Path) -> list[list[object]]:
    """A row of the table per command, in an empty folder."""
    (top / "server" / BUCKET).mkdir(parents=True)
    repository, add = top / "repository", f"add {TRACKED}"
    found: list[list[object]] = []
    with serve(top / "server") as environment:
        environment["DVC_SITE_CACHE_DIR"] = str(top / "site")
        create_repository(repository, archives, environment)

        def row(name: str, arguments: str) -> None:
            found.append([archives, name, *measure(arguments, repository, environment)])
            print(*found[-1], flush=True)

        row("dvc add", add)
        row("dvc repro", "repro")
        row("dvc repro, nothing new", "repro")
        row("dvc status", "status")
        row("dvc push", "push")
        row("dvc push, nothing new", "push")
        write_archive(repository, archives // 2, "changed")
        row("dvc add, one archive changed", add)
        row("dvc push, one archive changed", "push")
    return found


def main() -> int:
    """Measure, write the table and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--archives", type=int, nargs="+", default=[1000], help="(default: 1000)")
    parser.add_argument(
        "--folder", type=Path, help="parent of the temporary folder (default: the system's)"
    )
    options = parser.parse_args()
    rows: list[list[object]] = []
    for archives in options.archives:
        with TemporaryDirectory(dir=options.folder) as top:
            rows += rows_of(archives, Path(top))
    table = pd.DataFrame(rows, columns=COLUMNS).round(2)
    write_csv(TABLE, table)
    print(markdown_table(COLUMNS, table.astype(str).to_numpy().tolist()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
