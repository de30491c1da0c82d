"""Progress: a bar in a terminal, lines in a file."""

import re
import sys

import pytest

from deepfake.base import progress
from deepfake.base.progress import Progress


def test_a_file_gets_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0, 10.0, 31.0, 31.0, 40.0, 50.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(seconds))
    with Progress(9, "files") as bar:
        for failed in (0, 1, 1):
            bar.update(failed)
    assert capsys.readouterr().err.splitlines() == [
        "files: 2 of 9, 1 failed, after 0:00:31",
        "files: 3 of 9, 1 failed, after 0:00:50",
    ]


def test_nothing_is_written_before_the_first_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), Progress(9, "files"):
        raise RuntimeError
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress(1, "files") as bar:
        bar.update(1)
    assert re.search(r"files: 100%.*1/1.*failed=1", capsys.readouterr().err)
