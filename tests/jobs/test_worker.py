"""Tests of jobs/worker.py: a worker that is closed at any moment by another thread."""

import os
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import execution

from deepfake.base.errors import DeepfakeError
from deepfake.jobs.step import Video
from deepfake.jobs.worker import StoppedError, Worker


def process_id(path: Path) -> bytes:
    """The process that works; a file "end" ends it, a file "hang" makes it hang."""
    if path.name == "end":
        os._exit(3)
    if path.name == "hang":
        path.touch()
        threading.Event().wait()
    return str(os.getpid()).encode()


def video(folder: Path, name: str = "a") -> Video:
    return Video("", folder / name)


class InterruptedWorker(Worker):
    """Calls `interrupt` whenever its process is looked up: between any two steps of a method."""

    interrupt: Callable[[], None] = staticmethod(lambda: None)

    @property
    def _process(self) -> Any:  # type: ignore[override]
        process = self.__dict__["process"]
        self.interrupt()
        return process

    @_process.setter
    def _process(self, process: Any) -> None:
        self.__dict__["process"] = process


@pytest.mark.slow
def test_closing_while_another_thread_ends_the_process(tmp_path: Path) -> None:
    """As on Ctrl+C at the moment when a video crashes."""
    worker = InterruptedWorker(execution())
    process = int(bytes(worker.run(process_id, video(tmp_path))))  # type: ignore[arg-type]

    def run() -> None:
        with suppress(StoppedError):
            worker.run(process_id, video(tmp_path, "end"))

    crash = threading.Thread(target=run)

    def end_the_process() -> None:
        worker.interrupt = lambda: None
        crash.start()
        crash.join(3)  # if it can, it ends the process before `close` goes on

    worker.interrupt = end_the_process
    worker.close()
    crash.join()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_closed_worker_starts_no_process(tmp_path: Path) -> None:
    worker = Worker(execution())
    worker.close()
    with pytest.raises(StoppedError):
        worker.run(process_id, video(tmp_path))


def test_a_video_in_work_when_the_run_is_stopped_has_not_crashed(tmp_path: Path) -> None:
    """A service that ends must not say that the file was too large for the memory."""
    worker, errors = Worker(execution()), []

    def run() -> None:
        with pytest.raises(StoppedError) as raised:
            worker.run(process_id, video(tmp_path, "hang"))
        errors.append(raised.value)

    thread = threading.Thread(target=run)
    thread.start()
    while not (tmp_path / "hang").exists():
        threading.Event().wait(0.02)
    worker.close()
    thread.join(60)
    assert [str(error) for error in errors] == ["the run was stopped"]


def test_a_process_that_the_system_refuses_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the number of processes, for example."""

    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(DeepfakeError, match="could not start: Resource temporarily unavailable"):
        Worker(execution()).run(process_id, video(tmp_path))
