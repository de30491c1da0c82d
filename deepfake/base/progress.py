"""Progress on standard error: a bar in a terminal, and a plain line now and then in a file."""

import sys
import time
from datetime import timedelta

from tqdm import tqdm

LINE_SECONDS = 30.0  # from one line to the next


class Progress:
    """Shows how many videos are finished, and how many of them failed.

    Args:
        total: number of videos.
        title: what is done with them.
    """

    def __init__(self, total: int, title: str) -> None:
        self._total, self._title = total, title
        self._done = self._failed = 0
        self._start = self._last_line = time.monotonic()
        self._in_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total, desc=title, unit="video", smoothing=0.05, disable=not self._in_terminal
        )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        if self._done and not self._in_terminal:
            self._write_line()

    def update(self, failed: int) -> None:
        """Count one more finished video; `failed` is the number of failures among all."""
        self._done += 1
        self._failed = failed
        self._bar.set_postfix({"failed": failed}, refresh=False)
        self._bar.update()
        if not self._in_terminal and time.monotonic() - self._last_line >= LINE_SECONDS:
            self._write_line()

    def _write_line(self) -> None:
        self._last_line = time.monotonic()
        passed = timedelta(seconds=round(self._last_line - self._start))
        text = (
            f"{self._title}: {self._done} of {self._total}, {self._failed} failed, after {passed}"
        )
        print(text, file=sys.stderr, flush=True)
