"""Measure the memory of `deepfake app` while a browser uploads one file after the other.

    python benchmarks/page_memory.py [--uploads 50]

Drops demo clips on one page, which shows each with its heat maps. After each upload, adds up the
resident memory of the page's processes: the command, Streamlit with the model, and the decoder, but
not the browser. Needs Chromium, the demo and a trained model.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import psutil
from bench import markdown_table
from playwright.sync_api import sync_playwright

from deepfake.core.sampling import evenly_spaced

REPOSITORY = Path(__file__).resolve().parents[1]
CLIPS = REPOSITORY / "data" / "demo" / "raw"
TIMEOUT = 600.0  # seconds per file, for a busy machine
WARM_UP = 10  # uploads after which everything is loaded
MEGABYTE = 2**20


@contextmanager
def running_page() -> Iterator[tuple[int, str]]:
    """Serve the page in the block; yield the id of its process and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from deepfake.cli.app import app; app()", "app"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen([*command, "--port", str(port)], cwd=REPOSITORY, env=environment)
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield process.pid, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def wait_for(address: str) -> None:
    """Wait until an address answers."""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        try:
            with urlopen(address):
                return
        except (URLError, ConnectionError):
            time.sleep(0.5)
    raise SystemExit(f"error: {address} did not answer within {TIMEOUT:.0f} s")


def resident_memory(process: int) -> int:
    """Resident memory of a process and its descendants, in bytes."""
    parent = psutil.Process(process)
    return sum(item.memory_info().rss for item in [parent, *parent.children(recursive=True)])


def upload(page: Any, path: Path, number: int) -> str:
    """Drop a file under a unique name; return the verdict that the page shows for it."""
    name = f"{number}-{path.name}"
    data = {"name": name, "mimeType": "video/mp4", "buffer": path.read_bytes()}
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(data)
    page.locator(".deepfake .name", has_text=name).wait_for()
    page.get_by_text("Save the report").first.wait_for()
    return str(page.locator(".verdict").first.inner_text())


def report(measured: list[tuple[float, int]]) -> str:
    """Table of every fifth upload with seconds and memory, and the growth after the warm-up.

    Args:
        measured: seconds since the start and bytes of memory, for each upload.
    """
    seconds, sizes = (np.array(column, float) for column in zip(*measured, strict=True))
    rows = [
        [str(number), f"{seconds[number - 1]:.0f}", f"{sizes[number - 1] / MEGABYTE:.0f}"]
        for number in range(1, len(sizes) + 1)
        if number == 1 or number % 5 == 0
    ]
    lines = [markdown_table(["upload", "after (s)", "memory (MB)"], rows)]
    lines.append(f"maximum: {sizes.max() / MEGABYTE:.0f} MB")
    if len(sizes) >= 2 * WARM_UP:
        slope = np.polyfit(np.arange(WARM_UP, len(sizes)), sizes[WARM_UP:] / MEGABYTE, 1)[0]
        lines.append(f"growth after upload {WARM_UP}: {slope:+.2f} MB per upload")
    return "\n".join(lines)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uploads", type=int, default=50, help="number of uploads (default: 50)")
    args = parser.parse_args()
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    clips = sorted(CLIPS.rglob("*.mp4"))
    if not clips or browser_path is None:
        print(
            "error: Chromium or the demo not found: install Chromium and run `make repro`",
            file=sys.stderr,
        )
        return 2
    measured = []
    with running_page() as (process, address), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(1000 * TIMEOUT)
        page.goto(address)
        start = time.monotonic()
        chosen = [clips[i] for i in evenly_spaced(len(clips), args.uploads)]
        for number, clip in enumerate(chosen, 1):
            verdict = upload(page, clip, number)
            measured.append((time.monotonic() - start, resident_memory(process)))
            size = measured[-1][1] / MEGABYTE
            print(f"{number:3} {clip.name:<32} {verdict:<9} {size:6.0f} MB", flush=True)
        browser.close()
    print(report(measured))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
