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


class Worker:
    """A process that works on one video after the other; it starts with the first at the latest."""

    def __init__(self, execution: ExecutionParams) -> None:
        self._seconds = execution.video_seconds
        self._gigabytes = execution.video_gigabytes
        self._process: Any = None
        self._connection: Any = None
        self._closed = False

    def run(self, function: Callable[..., bytes], video: Video) -> bytes | Failure:
        """Call the function in the process; end the process if it crashes or exceeds a limit.

        Raises:
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
            return Failure(CRASHED, _exit_reason(self._kill()))
        if isinstance(answer, bytes):
            return answer
        if isinstance(answer, DeepfakeError):
            raise answer
        self._kill()  # its state is unknown
        kind, text = answer
        if kind == MemoryError.__name__:
            return Failure(OUT_OF_MEMORY, f"needs more than {self._gigabytes:g} GB of memory")
        print(f"{video.path}:\n{text}", file=sys.stderr, flush=True)
        return Failure(CRASHED, f"unexpected {kind}; its traceback is in the output of the run")

    def close(self) -> None:
        """End the process at once; it cannot be started again."""
        self._closed = True
        if self._process is not None:
            self._process.kill()

    def start(self, function: Callable[..., bytes]) -> None:
        """Start the process and let it import what the function needs.

        Raises:
            DeepfakeError: the process could not start, or the run was stopped.
        """
        if self._closed:
            raise DeepfakeError("the run was stopped")
        ours, theirs = socket.socketpair()
        paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", worker_main.__name__, str(theirs.fileno())],
                env={**os.environ, **ENVIRONMENT, **paths},
                pass_fds=[theirs.fileno()],
            )
        self._connection = Connection(ours.detach())
        if self._closed or not self._is_ready(function):
            self._kill()
            raise DeepfakeError("a worker process could not start: see its error above")

    def _is_ready(self, function: Callable[..., bytes]) -> bool:
        limits = (math.ceil(2 * self._seconds), int(self._gigabytes * GIGABYTE))
        try:
            self._connection.send((*limits, function))
            return bool(self._connection.poll(START_SECONDS) and self._connection.recv())
        except (EOFError, OSError):
            return False

    def _kill(self) -> int:
        """End the process and return its exit code, which is negative for a signal."""
        self._connection.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)  # a process that is crashing ends with its own exit code
        self._process.kill()
        code = int(self._process.wait())
        self._process = None
        return code


def _exit_reason(code: int) -> str:
    """What an exit code says about how the process ended."""
    if code == -signal.SIGKILL:
        return "its process was killed, possibly out of memory"
    if code < 0:
        return f"its process ended with {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}"
