"""A function of one video, over many: in processes, in order, remembered, and survived.

The function must be importable, take a path and picklable arguments, and return bytes. Each process
does one video at a time, with one thread, a time limit and a memory limit. A decoder that crashes
or hangs takes down its process only; the video is tried once more and then told as a `Failure`.
"""

import hashlib
import inspect
import json
import math
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import ModuleType
from typing import Any, TypeVar

import pandas as pd
from tqdm import tqdm

from deepfake import archive, worker
from deepfake.cache import Cache
from deepfake.errors import DeepfakeError
from deepfake.files import content_digest, write_bytes
from deepfake.params import ExecutionParams

CRASHED, TIMED_OUT = "crashed", "timed_out"
OUT_OF_MEMORY, CHANGED = "out_of_memory", "changed"
ATTEMPTS = 2
AHEAD = 32  # videos that may be done per process while one takes long
START_SECONDS = 120  # for a process to load its libraries, on a busy machine
GIGABYTE = 1 << 30
ENVIRONMENT = {  # of the processes: one thread each, since they are the parallelism
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",  # broken files are reported by us, once
    "OPENCV_FOR_THREADS_NUM": "1",
    "OPENCV_LOG_LEVEL": "OFF",
}

T = TypeVar("T")


@dataclass(frozen=True)
class Video:
    """One input.

    Attributes:
        content: SHA-256 of the video that it is, or was made from; "" if it has none, and then
            nothing is remembered.
        path: what the function reads, the video itself or what another stage made of it.
        arguments: for the function.
        is_original: `path` is the video itself, so its digest is known.
        out: where the result is wanted as a file too.
    """

    content: str
    path: Path
    arguments: dict[str, Any] = field(default_factory=dict)
    is_original: bool = False
    out: Path | None = None


@dataclass(frozen=True)
class Step:
    """What is done with each video.

    Attributes:
        function: called as `function(path, **arguments)`, returns bytes.
        code: changes whenever the function's results could, as `code_version` gives it.
        cache: where results are remembered.
    """

    function: Callable[..., bytes]
    code: str
    cache: Cache = field(default_factory=Cache)

    def name(self, video: Video) -> str:
        """Of the result in the cache: step, then a digest of all it depends on but the video."""
        call = json.dumps([video.arguments, self.code], sort_keys=True)
        digest = video.content if video.is_original else content_digest(video.path)
        return f"{self.function.__name__}-{hashlib.sha256((digest + call).encode()).hexdigest()}"


@dataclass(frozen=True)
class Failure:
    """A video without a result.

    Attributes:
        status: crashed, timed_out, out_of_memory, or changed (since it was scanned).
        reason: a sentence for the table of failures.
    """

    status: str
    reason: str


def archives_of(
    manifest: pd.DataFrame,
    folder: Path,
    arguments: Mapping[str, Any] | None = None,
    out: Path | None = None,
) -> list[Video]:
    """What a stage before has made of the manifest's videos, as inputs.

    Args:
        manifest: rows with video_id and sha256.
        folder: of the archives.
        arguments: for the function, the same for all.
        out: folder for the archives that are made of them.
    """
    return [
        Video(
            sha256,
            archive.path_of(folder, video_id),
            dict(arguments or {}),
            out=archive.path_of(out, video_id) if out else None,
        )
        for video_id, sha256 in zip(manifest["video_id"], manifest["sha256"], strict=True)
    ]


def code_version(modules: Sequence[ModuleType], packages: Sequence[str]) -> str:
    """A digest of the source of project modules and the versions of installed packages."""
    parts = [inspect.getsource(module) for module in modules]
    parts += [f"{package}=={version(package)}" for package in packages]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def map_videos(
    step: Step, videos: Sequence[Video], execution: ExecutionParams, title: str
) -> Iterator[bytes | Failure]:
    """Results of a step, in the order of `videos`; otherwise as `map_records`."""
    return map_records(
        step, videos, execution, title, lambda _, result: (result, isinstance(result, Failure))
    )


def map_records(
    step: Step,
    videos: Sequence[Video],
    execution: ExecutionParams,
    title: str,
    read: Callable[[int, bytes | Failure], tuple[T, bool]],
) -> Iterator[T]:
    """What `read` makes of the results of a step, in the order of `videos`.

    Shows a progress bar with the failures so far. An error that is not about one video (a full disk,
    say) is raised here, and what is finished stays in the cache.

    Args:
        step, videos: what is done, and with what.
        execution: processes and their limits.
        title: of the progress bar.
        read: called in a thread with the position of a video and its result; what it gives, and
            whether that is a failure.
    """
    failures = 0
    bar = tqdm(total=len(videos), desc=title, unit="video", smoothing=0.05)
    with bar, _Pool(step, execution) as pool:
        waiting: deque[Future[tuple[T, bool]]] = deque()
        for number, video in enumerate(videos):
            waiting.append(pool.submit(video, partial(read, number)))
            last = number == len(videos) - 1
            while waiting and (last or len(waiting) >= AHEAD * execution.worker_count):
                record, has_failed = waiting.popleft().result()
                failures += has_failed
                bar.set_postfix({"failed": failures}, refresh=False)
                bar.update()
                yield record


class _Pool:
    """Threads that each see one video through, by means of a process where it needs one."""

    def __init__(self, step: Step, execution: ExecutionParams) -> None:
        self._step = step
        self._workers = [Worker(execution) for _ in range(execution.worker_count)]
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        for one in self._workers:
            self._idle.put(one)
        self._threads = ThreadPoolExecutor(execution.worker_count)
        self._starter = Thread(target=self._warm_up)

    def __enter__(self) -> "_Pool":
        self._starter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for one in self._workers:
            one.close()
        self._starter.join()
        self._threads.shutdown()

    def _warm_up(self) -> None:
        """Have a process ready by the time that a video needs one."""
        first = self._idle.get()
        try:
            first.start(self._step.function)
        except (DeepfakeError, OSError):
            pass  # the first video will tell
        finally:
            self._idle.put(first)

    def submit(self, video: Video, read: Callable[[bytes | Failure], T]) -> "Future[T]":
        return self._threads.submit(lambda: read(self._result(video)))

    def _result(self, video: Video) -> bytes | Failure:
        """What is remembered of a video, or else found out and remembered."""
        if not video.content:
            result = self._compute(video)
            if video.out and isinstance(result, bytes):
                write_bytes(video.out, result, durable=False)
            return result
        name = self._step.name(video)
        entry = self._step.cache.load(video.content, name)
        if entry is None:
            if video.is_original and _has_changed(video):
                return Failure(CHANGED, "its content changed after it was scanned: run `dvc repro`")
            result = self._compute(video)
            if isinstance(result, Failure):
                return result
            entry = self._step.cache.store(video.content, name, result)
        if video.out:
            entry.link(video.out)
        return entry.content

    def _compute(self, video: Video) -> bytes | Failure:
        failure = Failure(CRASHED, "")
        free = self._idle.get()
        try:
            for _ in range(ATTEMPTS):
                result = free.run(self._step.function, video)
                if isinstance(result, bytes):
                    return result
                failure = result
        finally:
            self._idle.put(free)
        return failure


class Worker:
    """A process that does one video after the other. It is started when there is work, or before."""

    def __init__(self, execution: ExecutionParams) -> None:
        self._seconds = execution.video_seconds
        self._gigabytes = execution.video_gigabytes
        self._process: Any = None
        self._connection: Any = None
        self._closed = False

    def run(self, function: Callable[..., bytes], video: Video) -> bytes | Failure:
        """Call the function in the process, and end the process if that goes wrong.

        Raises:
            DeepfakeError: the function did.
        """
        if self._process is None:
            self.start(function)
        try:
            self._connection.send((function, video.path, video.arguments))
            if not self._connection.poll(self._seconds):
                self._kill()
                return Failure(TIMED_OUT, f"not done after {self._seconds:g} seconds")
            answer = self._connection.recv()
        except (EOFError, OSError):
            return Failure(CRASHED, _death(self._kill()))
        if isinstance(answer, bytes):
            return answer
        if isinstance(answer, DeepfakeError):
            raise answer
        self._kill()  # nobody knows what state it is in
        kind, text = answer
        if kind == MemoryError.__name__:
            return Failure(OUT_OF_MEMORY, f"needs more than {self._gigabytes:g} GB")
        print(f"{video.path}:\n{text}", file=sys.stderr, flush=True)
        return Failure(CRASHED, f"unexpected {kind}, whose traceback is in the log of the run")

    def close(self) -> None:
        """End the process, whatever it is doing; it is not started again."""
        self._closed = True
        if self._process is not None:
            self._process.kill()

    def start(self, function: Callable[..., bytes]) -> None:
        """Start the process and have it import what the function needs.

        Raises:
            DeepfakeError: it does not start, or the run was stopped.
        """
        if self._closed:
            raise DeepfakeError("the run was stopped")
        ours, theirs = socket.socketpair()
        paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", worker.__name__, str(theirs.fileno())],
                env={**os.environ, **ENVIRONMENT, **paths},
                pass_fds=[theirs.fileno()],
            )
        self._connection = Connection(ours.detach())
        if self._closed or not self._is_ready(function):
            self._kill()
            raise DeepfakeError("a process for the videos does not start; its error stands above")

    def _is_ready(self, function: Callable[..., bytes]) -> bool:
        limits = (math.ceil(2 * self._seconds), int(self._gigabytes * GIGABYTE))
        try:
            self._connection.send((*limits, function))
            return bool(self._connection.poll(START_SECONDS) and self._connection.recv())
        except (EOFError, OSError):
            return False

    def _kill(self) -> int:
        """End the process; its exit code, which is negative for a signal."""
        self._connection.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)  # one that is dying tells why
        self._process.kill()
        code = int(self._process.wait())
        self._process = None
        return code


def _has_changed(video: Video) -> bool:
    try:
        return content_digest(video.path) != video.content
    except OSError:
        return False  # the function will say what is wrong with it


def _death(code: int) -> str:
    if code == -signal.SIGKILL:
        return "its process was killed, perhaps for want of memory"
    if code < 0:
        return f"its process ended with {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"
