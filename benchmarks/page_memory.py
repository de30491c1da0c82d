"""Measure the memory of `deepfake app` while a browser uploads one file after the other.

    python benchmarks/page_memory.py [--uploads 50]

Drops demo clips on one page, which shows each with its heat maps. After each upload, adds up the
resident memory of the page's processes: the command, Streamlit with the model, and the decoder, but
not the browser. Needs Chromium, the demo and a trained model.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench import markdown_table
from playwright.sync_api import sync_playwright
from servers import CLIPS, MEGABYTE, TIMEOUT, resident_memory, running

from deepfake.core.sampling import evenly_spaced

WARM_UP = 10  # uploads after which everything is loaded


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
    with running("/_stcore/health", "app") as (process, address), sync_playwright() as playwright:
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
