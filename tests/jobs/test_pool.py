"""Tests of jobs/pool.py, mostly with real processes: order, cache, crashes and limits."""

import os
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import InProcessWorker, execution

from deepfake.base.errors import ArchiveError, CacheError, DeepfakeError
from deepfake.core.files import sha256_of
from deepfake.jobs import pool, worker_main
from deepfake.jobs.cache import Cache
from deepfake.jobs.pool import MAX_AHEAD, map_records, map_videos
from deepfake.jobs.step import Failure, Step, Video


def shout(path: Path, pause: float = 0.0, sign: str = "!") -> bytes:
    """Upper case of a file's text; some texts crash, hang or raise instead."""
    time.sleep(pause)
    text = path.read_text()
    if text == "bad":
        raise ValueError(f"{path.name} is bad")
    if text == "damaged":
        raise ArchiveError(f"{path.name} is damaged")
    if text == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if text == "exit":
        os._exit(3)
    if text == "hang":
        while True:
            time.sleep(1)
    if text == "huge":
        return bytes(np.ones(1 << 31, np.uint8))
    if text == "crash once" and not path.with_suffix(".tried").exists():
        path.with_suffix(".tried").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return text.upper().encode() + sign.encode()


def whereabouts(path: Path) -> bytes:
    """The process that works on a file, and how many threads it may use."""
    return (
        f"{path.name} {os.getpid()} {os.environ['OMP_NUM_THREADS']} {cv2.getNumThreads()}".encode()
    )


def write(folder: Path, *texts: str) -> list[Path]:
    paths = [folder / f"{i}.txt" for i in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def videos(paths: Sequence[Path], **arguments: Any) -> list[Video]:
    return [Video(sha256_of(path), path, arguments, is_original=True) for path in paths]


def step(folder: Path, code: str = "v1") -> Step:
    return Step(shout, code, Cache(folder / "scratch"))


def cached_files(folder: Path) -> dict[Path, int]:
    """Files in the scratch cache, with the times when they were written."""
    files = (folder / "scratch").rglob("*")
    return {path: path.stat().st_mtime_ns for path in files if path.is_file()}


def test_results_are_in_order_and_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = write(tmp_path, *"abcdefgh")
    inputs = [
        Video(sha256_of(path), path, {"pause": 0.08 / (i + 1)}) for i, path in enumerate(paths)
    ]
    expected = [letter.encode() + b"!" for letter in "ABCDEFGH"]
    assert list(map_videos(step(tmp_path), inputs, execution(2), "first")) == expected
    before = cached_files(tmp_path)
    assert len(before) == 8
    started: list[object] = []
    monkeypatch.setattr(pool.Worker, "start", lambda _, function: started.append(function))
    assert list(map_videos(step(tmp_path), inputs, execution(1), "again")) == expected
    assert cached_files(tmp_path) == before
    assert started == [], "without work, no process starts"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("segfault", "crashed", "its process ended with SIGSEGV"),
        ("exit", "crashed", "its process ended with exit code 3"),
        ("hang", "timed_out", "timed out after 1.5 seconds"),
        ("huge", "out_of_memory", "needs more than 1 GB of memory"),
        ("bad", "crashed", "unexpected ValueError; its traceback is in the output of the run"),
    ],
)
def test_a_video_that_ends_its_process_is_reported_and_the_others_continue(
    tmp_path: Path, text: str, status: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    paths = write(tmp_path, "a", text, "c", "d", text, "f")
    limits = execution(2, video_seconds=1.5, video_gigabytes=1)
    results = list(map_videos(step(tmp_path), videos(paths), limits, "t"))
    failure = Failure(status, reason)
    assert results == [b"A!", failure, b"C!", b"D!", failure, b"F!"]
    assert len(cached_files(tmp_path)) == 4, "failures are not cached, so they are tried again"
    if text == "bad":
        printed = capfd.readouterr().err
        assert "Traceback" in printed
        assert "ValueError: 1.txt is bad" in printed


@pytest.mark.slow
def test_a_video_that_crashed_is_tried_twice(tmp_path: Path) -> None:
    paths = write(tmp_path, "crash once")
    assert list(map_videos(step(tmp_path), videos(paths), execution(), "t")) == [b"CRASH ONCE!"]
    assert paths[0].with_suffix(".tried").exists()


@pytest.mark.slow
def test_a_pool_of_one_process_survives_many_crashes(tmp_path: Path) -> None:
    """Each crash is attributed to the right video."""
    paths = write(tmp_path, *["exit", "b"] * 6)
    results = list(map_videos(step(tmp_path), videos(paths), execution(), "t"))
    assert [isinstance(result, Failure) for result in results] == [True, False] * 6


def test_an_error_of_the_project_stops_the_run(tmp_path: Path) -> None:
    paths = write(tmp_path, "a", "damaged", "c")
    results = map_videos(step(tmp_path), videos(paths), execution(), "t")
    assert next(results) == b"A!"
    with pytest.raises(ArchiveError, match=r"1\.txt is damaged"):
        next(results)


def test_stopping_early_ends_the_processes(tmp_path: Path) -> None:
    """Ctrl-C does not wait for a slow video."""
    paths = write(tmp_path, "a", "hang", "hang")
    results = map_videos(step(tmp_path), videos(paths), execution(2), "t")
    assert next(results) == b"A!"
    start = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - start < 10


def test_work_is_done_in_another_process_with_one_thread(tmp_path: Path) -> None:
    (path,) = write(tmp_path, "a")
    task = Step(whereabouts, "v1", Cache(tmp_path / "scratch"))
    (result,) = map_videos(task, videos([path]), execution(), "t")
    assert isinstance(result, bytes)
    name, process, *threads = result.decode().split()
    assert (name, threads) == ("0.txt", ["1", "1"])
    assert int(process) != os.getpid()


def script(folder: Path, body: str) -> Path:
    """A program with the names of this module and `folder`."""
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    path = folder / "run.py"
    path.write_text(f"""
import sys; sys.path[:0] = {paths!r}
from test_pool import *
if __name__ == "__main__":
    folder = Path({str(folder)!r})
{textwrap.indent(body, "    ")}
""")
    return path


@pytest.mark.slow
def test_a_lower_hard_limit_on_memory_holds_and_is_named(tmp_path: Path) -> None:
    """Nobody but root may raise it, so a worker on a cluster could not start."""
    write(tmp_path, "a", "huge")
    body = """
import resource
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
inputs = [Video("", folder / f"{i}.txt") for i in range(2)]
print(list(map_videos(step(folder), inputs, execution(video_gigabytes=4), "t")))
"""
    done = subprocess.run(
        [sys.executable, script(tmp_path, body)], capture_output=True, text=True, check=False
    )
    reason = "needs more than 1 GB of memory, the hard limit of this system (`ulimit -Hd`)"
    assert done.stdout == f"{[b'A!', Failure('out_of_memory', reason)]}\n", done.stderr


@pytest.mark.parametrize(
    ("hard", "limit"),
    [(resource.RLIM_INFINITY, 400), (500, 400), (400, 400), (300, 300)],
)
def test_the_limit_on_memory_is_never_above_the_hard_limit(
    hard: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (hard, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))
    assert worker_main.limit_memory(400) == limit
    assert limits == [(limit, limit)]


@pytest.mark.slow
def test_processes_end_with_a_killed_run(tmp_path: Path) -> None:
    """After `kill -9` of the run, no process continues to compute."""
    paths = write(tmp_path, "a", "b")
    body = """
inputs = [Video("", folder / f"{i}.txt") for i in range(2)]
task = Step(whereabouts, "v1", Cache(folder / "scratch"))
for result in map_videos(task, inputs, execution(1), "t"):
    print(result.decode().split()[1], flush=True)
    time.sleep(60)
"""
    program = script(tmp_path, body)
    with subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        assert running.stdout is not None
        process = int(running.stdout.readline())
        running.kill()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process}").exists() and time.monotonic() < deadline:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state == "Z":  # a zombie: it has ended, but its exit code was not collected
            break
        time.sleep(0.1)
    else:
        assert not Path(f"/proc/{process}").exists()
    assert paths[0].exists()


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker processes, for tests of the order of events only."""
    monkeypatch.setattr(pool, "Worker", InProcessWorker)


@pytest.mark.usefixtures("in_process")
def test_a_stopped_run_resumes(tmp_path: Path) -> None:
    """Results that were finished before the error are not computed again."""
    paths = write(tmp_path, "a", "b", "damaged", "d")
    with pytest.raises(ArchiveError, match="is damaged"):
        list(map_videos(step(tmp_path), videos(paths[:3]), execution(), "t"))
    before = cached_files(tmp_path)
    assert len(before) == 2
    paths[2].write_text("c")
    results = list(map_videos(step(tmp_path), videos(paths), execution(), "t"))
    assert results == [b"A!", b"B!", b"C!", b"D!"]
    after = cached_files(tmp_path)
    assert len(after) == 4
    assert before.items() <= after.items()


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("count", [0, 1, MAX_AHEAD, MAX_AHEAD + 1, 2 * MAX_AHEAD + 1])
def test_any_number_of_inputs(tmp_path: Path, count: int) -> None:
    """Fewer, as many as, and more than may wait at a time."""
    texts = [f"a{i}" for i in range(count)]
    inputs = videos(write(tmp_path, *texts))
    results = list(map_videos(step(tmp_path), inputs, execution(), "t"))
    assert results == [text.upper().encode() + b"!" for text in texts]


@pytest.mark.usefixtures("in_process")
def test_the_progress_counts_failures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = videos(write(tmp_path, "a", "b", "a"))
    results = map_records(
        step(tmp_path), inputs, execution(), "t", lambda position, data: (position, data == b"A!")
    )
    assert list(results) == [0, 1, 2]
    (line,) = capsys.readouterr().err.splitlines()
    assert "t: 3 of 3, 2 failed" in line


@pytest.mark.usefixtures("in_process")
def test_results_are_cached_by_content_arguments_and_code(tmp_path: Path) -> None:
    one, same, other = write(tmp_path, "a", "a", "b")

    def is_new(task: Step, path: Path, **arguments: Any) -> bool:
        before = set(cached_files(tmp_path))
        list(map_videos(task, videos([path], **arguments), execution(), "t"))
        return set(cached_files(tmp_path)) != before

    task = step(tmp_path)
    assert is_new(task, one, sign="!", pause=0.0)
    assert not is_new(task, one, pause=0.0, sign="!")
    assert not is_new(task, same, sign="!", pause=0.0)
    assert is_new(task, other, sign="!", pause=0.0)
    assert is_new(task, one, sign="?", pause=0.0)
    assert is_new(step(tmp_path, "v2"), one, sign="!", pause=0.0)


@pytest.mark.usefixtures("in_process")
def test_the_output_of_another_stage_is_cached_by_its_own_content(tmp_path: Path) -> None:
    """Frames of a video that were made with other parameters give other crops."""
    (path,) = write(tmp_path, "a")
    video = Video("5" * 64, path)
    assert list(map_videos(step(tmp_path), [video], execution(), "t")) == [b"A!"]
    path.write_text("b")
    assert list(map_videos(step(tmp_path), [video], execution(), "t")) == [b"B!"]
    assert len(cached_files(tmp_path)) == 2


@pytest.mark.usefixtures("in_process")
def test_a_video_that_changed_after_it_was_scanned_is_reported(tmp_path: Path) -> None:
    inputs = videos(write(tmp_path, "a", "b"))
    (tmp_path / "0.txt").write_text("other")
    changed, other = map_videos(step(tmp_path), inputs, execution(), "t")
    assert isinstance(changed, Failure)
    assert changed.status == "changed"
    assert other == b"B!"


@pytest.mark.usefixtures("in_process")
def test_a_result_is_not_cached_without_sha256(tmp_path: Path) -> None:
    (path,) = write(tmp_path, "a")
    for _ in range(2):
        results = map_videos(step(tmp_path), [Video("", path)], execution(), "t")
        assert list(results) == [b"A!"]
    assert cached_files(tmp_path) == {}


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("sha256", ["", "5" * 64])
def test_a_result_is_also_written_to_a_file(tmp_path: Path, sha256: str) -> None:
    (path,) = write(tmp_path, "a")
    out = tmp_path / "out" / "a.tar"
    for _ in range(2):
        results = map_videos(step(tmp_path), [Video(sha256, path, out=out)], execution(), "t")
        assert list(results) == [b"A!"]
        assert out.read_bytes() == b"A!"


@pytest.mark.usefixtures("in_process")
def test_a_result_that_cannot_be_read_stops_the_run(tmp_path: Path) -> None:
    def read(position: int, _: object) -> tuple[int, bool]:
        if position == 1:
            raise ArchiveError("the archive is damaged")
        return position, False

    results = map_records(step(tmp_path), videos(write(tmp_path, *"abc")), execution(), "t", read)
    assert next(results) == 0
    with pytest.raises(ArchiveError, match="the archive is damaged"):
        next(results)


@pytest.mark.usefixtures("in_process")
def test_a_full_disk_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise CacheError("no space left")

    monkeypatch.setattr(Cache, "store", full)
    with pytest.raises(CacheError):
        list(map_videos(step(tmp_path), videos(write(tmp_path, "a")), execution(), "t"))


def test_a_process_that_cannot_start_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(DeepfakeError, match="a worker process could not start"):
        list(map_videos(step(tmp_path), videos(write(tmp_path, "a")), execution(), "t"))


@pytest.mark.parametrize("messages", [[], [(1, 1 << 32, shout)]])
def test_a_process_ends_silently_after_its_run(messages: list[Any]) -> None:
    """Also a process that was started early and had no work."""
    ours, theirs = socket.socketpair()
    with Connection(ours.detach()) as connection:
        for message in messages:
            connection.send(message)
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with theirs:
        done = subprocess.run(
            [sys.executable, "-m", worker_main.__name__, str(theirs.fileno())],
            env={**os.environ, **path},
            pass_fds=[theirs.fileno()],
            capture_output=True,
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
