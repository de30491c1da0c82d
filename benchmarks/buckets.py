"""Compare ways to notice changed videos in a bucket: `deepfake list-files` and `dvc import-url`.

Serves objects of random bytes with rclone as S3 on this machine, and measures the first scan, an
unchanged one, and one after a single object changed. CPU seconds are those of the client; the server
computes the ETag of each object for every list, which S3 has stored. Everything is deleted at the end.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench import markdown_table

BUCKET, PREFIX = "bucket", "videos"
USER, PASSWORD = "benchmark", "benchmark-password"
FOLDER_SIZE = 100  # objects in a folder
RCLONE = Path(sys.executable).with_name("rclone")
DVC = [sys.executable, "-m", "dvc"]
ADDRESS = f"s3://{BUCKET}/{PREFIX}"


def write_objects(top: Path, count: int, size: int) -> Path:
    """Write the objects as local files; returns one of them."""
    for number in range(count):
        label = "fake" if number % 2 else "real"
        path = top / label / f"{number // FOLDER_SIZE:04}" / f"{number:06}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(size))
    return path


@contextmanager
def serve(folder: Path, *flags: str) -> Iterator[dict[str, str]]:
    """Serve a folder as S3, with further options of rclone; gives the environment for clients."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command: list[str | Path] = [RCLONE, "serve", "s3", folder, "--auth-key", f"{USER},{PASSWORD}"]
    command += ["--addr", f"127.0.0.1:{port}", *flags]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        yield {
            **os.environ,
            "AWS_ACCESS_KEY_ID": USER,
            "AWS_SECRET_ACCESS_KEY": PASSWORD,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        }
    finally:
        server.kill()
        server.wait()


def measure(command: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    """CPU and wall seconds of a command, as text."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{cpu:.1f} s ({wall:.0f} s)"


def main() -> int:
    """Print a row per tool: CPU seconds, and wall seconds in parentheses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--kilobytes", type=int, default=100)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="deepfake-buckets-"))
    try:
        top = work / "server" / BUCKET / PREFIX
        changing = write_objects(top, options.objects, options.kilobytes * 1000)
        repository = work / "repository"
        repository.mkdir()
        ours = [sys.executable, "-m", "deepfake", "list-files", "videos"]
        tools = {
            "`deepfake list-files`": ([*ours, ADDRESS], ours),
            "`dvc import-url --no-download`": (
                [*DVC, "import-url", "--quiet", "--no-download", ADDRESS, "imported"],
                [*DVC, "update", "--quiet", "--no-download", "imported.dvc"],
            ),
        }
        rows = []
        with serve(work / "server", "--dir-cache-time", "0s") as environment:
            environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
            subprocess.run([*DVC, "init", "--quiet", "--no-scm"], cwd=repository, check=True)
            for name, (first, again) in tools.items():
                cells = [measure(first, repository, environment)]
                cells.append(measure(again, repository, environment))
                changing.write_bytes(os.urandom(options.kilobytes * 1000))
                cells.append(measure(again, repository, environment))
                rows.append([name, *cells])
    finally:
        shutil.rmtree(work)
    print(f"{options.objects} objects of {options.kilobytes} kB")
    print(markdown_table(["", "first scan", "unchanged", "one object changed"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
