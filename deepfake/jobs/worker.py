"""A process that works on one video after the other, with limits of time and memory."""

import math
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any

from deepfake.base.errors import DeepfakeError
from deepfake.jobs import worker_main
from deepfake.jobs.step import CRASHED, OUT_OF_MEMORY, TIMED_OUT, Failure, Video
from deepfake.params.schema import ExecutionParams

START_SECONDS = 120  # limit for a process to load its libraries, on a busy machine
GIGABYTE = 1 << 30
ENVIRONMENT = {  # of the processes; one thread each, since processes run in parallel
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",  # this project reports broken files itself
    "OPENCV_FOR_THREADS_NUM": "1",
    "OPENCV_LOG_LEVEL": "OFF",
}


class StoppedError(DeepfakeError):
    """The run was stopped before the video had a result."""

    def __init__(self) -> None:
        super().__init__("the run was stopped")


class Worker:
    """A process that works on one video after the other; it starts with the first at the latest.

    One thread at a time starts it and gives it work; any thread may close it at any time.
    """

    def __init__(self, execution: ExecutionParams) -> None:
        self._seconds = execution.video_seconds
        self._gigabytes = execution.video_gigabytes
        self._lock = Lock()  # of the process and of whether it is closed
        self._process: Any = None
        self._connection: Any = None
        self._memory = 0  # bytes that the process may use
        self._closed = False

    def run(self, function: Callable[..., bytes], video: Video) -> bytes | Failure:
        """Call the function in the process; end the process if it crashes or exceeds a limit.

        Raises:
            StoppedError: `close` was called.
            DeepfakeError: the function raised it, or the process could not start.
        """
        if self._process is None:
            self.start(function)
        try:
            self._connection.send((function, video.path, video.arguments))
            if not self._connection.poll(self._seconds):
                self._kill()
                return Failure(TIMED_OUT, f"timed out after {self._seconds:g} seconds")
            answer = self._connection.recv()
        except (EOFError, OSError):
            code = self._kill()
            if self._closed:
                raise StoppedError from None
            return Failure(CRASHED, _exit_reason(code))
        if isinstance(answer, bytes):
            return answer
        if isinstance(answer, DeepfakeError):
            raise answer
        self._kill()  # its state is unknown
        lacks_memory, kind, text = answer
        if lacks_memory:
            return Failure(OUT_OF_MEMORY, self._memory_reason())
        print(f"{video.path}:\n{text}", file=sys.stderr, flush=True)
        return Failure(CRASHED, f"unexpected {kind}; its traceback is in the output of the run")

    def close(self) -> None:
        """End the process at once; it cannot be started again."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def start(self, function: Callable[..., bytes]) -> None:
        """Start the process and let it import what the function needs.

        Raises:
            StoppedError: `close` was called.
            DeepfakeError: the process could not start.
        """
        try:
            self._connection = self._open()
        except OSError as error:  # a limit on processes or open files, for example
            raise DeepfakeError(f"a worker process could not start: {error.strerror}") from error
        if not self._is_ready(function):
            self._kill()
            if self._closed:
                raise StoppedError
            raise DeepfakeError("a worker process could not start: see its error above")

    def _open(self) -> Connection:
        """Start the process; returns the connection to it."""
        paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with self._lock:
            if self._closed:
                raise StoppedError
            ours, theirs = socket.socketpair()
            with ours, theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", worker_main.__name__, str(theirs.fileno())],
                    env={**os.environ, **ENVIRONMENT, **paths},
                    pass_fds=[theirs.fileno()],
                )
                return Connection(ours.detach())

    def _is_ready(self, function: Callable[..., bytes]) -> bool:
        limits = (math.ceil(2 * self._seconds), int(self._gigabytes * GIGABYTE))
        try:
            self._connection.send((*limits, function))
            if not self._connection.poll(START_SECONDS):
                return False
            self._memory = self._connection.recv()
        except (EOFError, OSError):
            return False
        return True

    def _memory_reason(self) -> str:
        """Why a video that ran out of memory did: our limit, or a lower one of the system."""
        reason = f"needs more than {round(self._memory / GIGABYTE, 2):g} GB of memory"
        if self._memory < int(self._gigabytes * GIGABYTE):
            reason += ", the hard limit of this system (`ulimit -Hd`)"
        return reason

    def _kill(self) -> int:
        """End the process and return its exit code, which is negative for a signal."""
        self._connection.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)  # a process that is crashing ends with its own exit code
        self._process.kill()
        code = int(self._process.wait())
        with self._lock:
            self._process = None
        return code


def _exit_reason(code: int) -> str:
    """What an exit code says about how the process ended."""
    if code == -signal.SIGKILL:
        return "its process was killed, possibly out of memory"
    if code < 0:
        return f"its process ended with {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"
