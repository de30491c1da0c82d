"""A watched folder: files that are complete, each content once, also after a restart."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from results import NO_PEOPLE

from deepfake.base.errors import DeepfakeError
from deepfake.core.image import encode_jpeg
from deepfake.predict import watch as watching
from deepfake.predict.inputs import InputFile
from deepfake.predict.result import Result
from deepfake.predict.watch import CompleteFiles, Judged, JudgedFiles, watch

WAIT = 600.0  # seconds, for a process on a busy machine


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "deepfake" / "watch"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "in"
    found.mkdir()
    return found


def test_a_file_is_complete_when_it_stops_changing(folder: Path) -> None:
    files, path = CompleteFiles(folder), folder / "sub/a.mp4"
    assert files.poll(0) == [], "the folder is empty"
    path.parent.mkdir()
    path.write_bytes(b"1")
    (folder / "notes.txt").write_text("no video")
    (folder / ".part.mp4").write_text("hidden")
    assert files.poll(1) == []
    path.write_bytes(b"12")  # still being written
    assert files.poll(3) == []
    assert files.poll(5) == []
    assert files.poll(6) == [path]
    assert files.poll(99) == [], "it is found once"
    path.write_bytes(b"123")
    assert files.poll(100) == []
    assert files.poll(103) == [path], "it was replaced"
    path.unlink()
    assert files.poll(104) == []
    path.write_bytes(b"123")
    assert [files.poll(105), files.poll(108)] == [[], [path]]


def test_a_folder_of_frames_is_complete_when_no_frame_is_added(folder: Path) -> None:
    frames = folder / "clip.mp4"
    frames.mkdir()
    files = CompleteFiles(folder)
    for number in range(3):
        (frames / f"{number}.jpg").write_bytes(b"x")
        assert files.poll(2 * number) == []
    assert files.poll(7) == [frames]


def test_a_missing_folder_is_an_error_with_a_remedy(folder: Path) -> None:
    with pytest.raises(DeepfakeError, match="none is not a folder: create it"):
        CompleteFiles(folder / "none").poll(0)


def test_what_was_judged_is_remembered_after_a_kill(folder: Path, cache: Path) -> None:
    first, second = Judged("a", "balanced"), Judged("b", "balanced")
    judged = JudgedFiles(folder)
    judged.add(first)
    with judged.path.open("a") as file:
        file.write('\n{"content": "c", "dete')  # killed while writing
    assert judged.path.parent == cache
    again = JudgedFiles(folder)
    again.add(second)
    assert [one in JudgedFiles(folder) for one in (first, second)] == [True, True]
    assert Judged("a", "strict") not in again, "another operating point"
    assert first not in JudgedFiles(folder.parent), "another folder"


def test_a_cache_that_cannot_be_written_is_an_error(folder: Path, cache: Path) -> None:
    cache.parent.parent.write_text("a file")
    with pytest.raises(DeepfakeError, match="set XDG_CACHE_HOME"):
        JudgedFiles(folder).add(Judged("a", "balanced"))


def test_the_same_content_is_judged_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the watching process is interrupted, and by the next one too."""
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(b"same")
    (folder / "c.jpg").write_bytes(b"other")
    detector: Any = SimpleNamespace(sha256="balanced")
    reported: list[Result] = []
    asked: list[str] = []

    def predict(files: Sequence[InputFile]) -> Iterator[Result]:
        asked.extend(Path(file.name).name for file in files)
        return iter([NO_PEOPLE] * len(files))

    def run(interrupted_at: int | None = None) -> None:
        seconds = iter(range(0, 30, 3))
        monkeypatch.setattr(
            watching,
            "time",
            SimpleNamespace(monotonic=lambda: next(seconds), sleep=lambda _: None),
        )

        judged = JudgedFiles(folder)

        def report(one: Judged, result: Result) -> None:
            if len(reported) == interrupted_at:
                raise KeyboardInterrupt
            reported.append(result)
            judged.add(one)

        with pytest.raises((KeyboardInterrupt, RuntimeError, StopIteration)):
            watch(folder, judged, detector, predict, report)

    run(interrupted_at=1)
    assert (asked, len(reported)) == (["a.jpg", "c.jpg"], 1)
    run()
    assert asked == ["a.jpg", "c.jpg", "c.jpg"], "the second was not finished"
    run()
    assert len(asked) == 3


@pytest.mark.slow
def test_the_command_prints_what_arrives_and_ends_cleanly(
    folder: Path, random_model: Path, repository: Path, tmp_path: Path
) -> None:
    import numpy as np

    command = [sys.executable, "-m", "deepfake", "predict", "--model", str(random_model)]
    process = subprocess.Popen(
        [*command, "--json", "--watch", str(folder)],
        stdout=(tmp_path / "out").open("w"),
        stderr=(tmp_path / "err").open("w"),
        env={**os.environ, "PYTHONPATH": str(repository)},
    )
    try:
        image = encode_jpeg(np.zeros((64, 64, 3), np.uint8), 90, "yuv420")
        (folder / "black.jpg").write_bytes(image)
        end = time.monotonic() + WAIT
        while not (tmp_path / "out").read_text() and time.monotonic() < end:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT) == 0
    finally:
        process.kill()
    (line,) = (tmp_path / "out").read_text().splitlines()
    assert '"verdict": "UNDECIDED"' in line
    errors = (tmp_path / "err").read_text()
    assert "Traceback" not in errors
    assert errors.splitlines()[-1] == "stopped"
    assert "\r" not in errors, "no progress bar"
