"""Measure `deepfake serve` under the load of many clients.

    python benchmarks/service.py [--clients 20] [--seconds 300] [--runtime onnx]

Starts a server. Each client sends one demo clip after the other, each under a name of its own, and
sends it again when the queue is full. At the end, each file must have exactly one result of its own.
Prints the latency of requests with a result, how often the queue was full, and the resident memory of
the server with its decoder, which must not grow. Needs the demo.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import requests
from bench import markdown_table
from servers import CLIPS, MEGABYTE, resident_memory, running

ANSWER_SECONDS = 600.0  # for one answer, on a busy machine
PAUSE_SECONDS = 0.5  # before a file is sent again; less than Retry-After, to keep the queue full
SAMPLE_SECONDS = 1.0  # between two measurements of memory


class Load:
    """Clients that send files until an end, and what they got.

    Attributes:
        seconds: of each request with a result.
        problems: number of each status or result that is wrong, by its words.
        refused: number of requests that met a full queue.
    """

    def __init__(self, address: str, clips: list[Path], end: float) -> None:
        self.seconds: list[float] = []
        self.problems: Counter[str] = Counter()
        self.refused = 0
        self._address = address
        self._clips = clips
        self._end = end
        self._lock = threading.Lock()

    def run(self, client: int) -> None:
        """Send files as one client, each until it has a result."""
        number = client
        with requests.Session() as session:
            while time.monotonic() < self._end:
                clip = self._clips[number % len(self._clips)]
                self._send(session, clip, f"client{client}-{number}-{clip.name}")
                number += 1

    def _send(self, session: requests.Session, clip: Path, name: str) -> None:
        data = clip.read_bytes()
        while True:
            start = time.monotonic()
            try:
                answer = session.post(
                    f"{self._address}/predict", files={"file": (name, data)}, timeout=ANSWER_SECONDS
                )
            except requests.RequestException as error:
                with self._lock:
                    self.problems[type(error).__name__] += 1
                return
            seconds = time.monotonic() - start
            with self._lock:
                if answer.status_code == 503:
                    self.refused += 1
                elif answer.status_code != 200:
                    self.problems[f"status {answer.status_code}"] += 1
                elif answer.json()["path"] != name:
                    self.problems["result of another file"] += 1
                elif not answer.json()["frames"]:
                    self.problems[answer.json()["reason"]] += 1
                else:
                    self.seconds.append(seconds)
            if answer.status_code != 503:
                return
            time.sleep(PAUSE_SECONDS)


def measure(
    process: int, address: str, clients: int, seconds: float
) -> tuple[Load, list[tuple[float, int]]]:
    """Load the server; returns what the clients got, and the memory at each time."""
    start = time.monotonic()
    load = Load(address, sorted(CLIPS.rglob("*.mp4")), start + seconds)
    threads = [threading.Thread(target=load.run, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    memory = []
    while any(thread.is_alive() for thread in threads):
        memory.append((time.monotonic() - start, resident_memory(process)))
        time.sleep(SAMPLE_SECONDS)
    return load, memory


def report(load: Load, memory: list[tuple[float, int]]) -> str:
    """The table of results, and every problem."""
    passed = memory[-1][0]
    times, sizes = np.array(memory, float).T
    settled = times >= passed / 5  # everything is loaded by then
    slope = np.polyfit(times[settled] / 60, sizes[settled] / MEGABYTE, 1)[0]
    p50, p95 = np.percentile(load.seconds, [50, 95]) if load.seconds else (np.nan, np.nan)
    rows = [
        ["files with a result", f"{len(load.seconds)} in {passed:.0f} s"],
        ["lost or wrong", str(sum(load.problems.values()))],
        ["queue full, sent again", str(load.refused)],
        ["latency, p50", f"{p50:.1f} s"],
        ["latency, p95", f"{p95:.1f} s"],
        ["memory, maximum", f"{sizes.max() / MEGABYTE:.0f} MB"],
        ["memory, growth after the first fifth", f"{slope:+.1f} MB per minute"],
    ]
    lines = [markdown_table(["", "measured"], rows)]
    lines += [f"problem: {text} ({count} times)" for text, count in sorted(load.problems.items())]
    return "\n".join(lines)


def main() -> int:
    """Measure and print; the exit code is 1 if a file was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=20, help="number of clients (default: 20)")
    parser.add_argument(
        "--seconds", type=float, default=300, help="time of the load (default: 300)"
    )
    parser.add_argument("--runtime", default="torch", help="torch or onnx (default: torch)")
    args = parser.parse_args()
    if not any(CLIPS.rglob("*.mp4")):
        print("error: demo not found: run `make repro`", file=sys.stderr)
        return 2
    waiting = str(max(0, args.clients - 1))
    command = ("serve", "--runtime", args.runtime, "--waiting", waiting)
    with running("/health", *command) as (process, address):
        load, memory = measure(process, address, args.clients, args.seconds)
        print(report(load, memory))
    return 1 if load.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
