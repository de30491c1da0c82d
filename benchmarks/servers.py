"""Shared by the benchmarks of page and server: start one, and measure the memory of its processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

REPOSITORY = Path(__file__).resolve().parents[1]
CLIPS = REPOSITORY / "data" / "demo" / "raw"
TIMEOUT = 600.0  # seconds, for a busy machine
MEGABYTE = 2**20


@contextmanager
def running(health: str, *arguments: str) -> Iterator[tuple[int, str]]:
    """Run a command of `deepfake` that serves on a free port until the end of the block.

    Args:
        health: path that answers when it serves.
        arguments: of the command, without --port.

    Yields:
        The id of its process, and its address.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "deepfake", *arguments, "--port", str(port)]
    path = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": path}, stderr=log
        )
        address = f"http://127.0.0.1:{port}"
        try:
            if not _answers(f"{address}{health}", process):
                log.seek(0)
                raise SystemExit(f"error: {address} did not answer:\n{log.read().decode()}")
            yield process.pid, address
        finally:
            process.terminate()
            process.wait()


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until an address answers; False if the process ends or it takes too long."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(address):
                return True
        except (URLError, ConnectionError):
            time.sleep(0.5)
    return False


def resident_memory(process: int) -> int:
    """Resident memory of a process and its descendants, in bytes."""
    parent = psutil.Process(process)
    return sum(item.memory_info().rss for item in [parent, *parent.children(recursive=True)])
