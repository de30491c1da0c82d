"""Videos as tasks of a Ray cluster. Ray repeats the task of a process or node that was lost."""

import logging
import os
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Condition
from typing import Any

from deepfake.base.errors import DeepfakeError
from deepfake.core.files import content_digest
from deepfake.core.folders import walk
from deepfake.jobs import ray_node
from deepfake.jobs.computing import Computed, has_changed
from deepfake.jobs.step import CHANGED_VIDEO, Failure, Step, Video
from deepfake.jobs.worker import GIGABYTE, StoppedError
from deepfake.params.schema import ExecutionParams

MAX_SLOTS = 256  # videos in work at a time; more threads would wait for the driver
PER_CORE = 2  # videos sent per core of the cluster, so that no core waits for the next one
MAX_LOSSES = 10  # processes or nodes that one video may lose before the run stops
POLL_SECONDS = 1.0  # from one look at the cluster, or for a stopped run, to the next
MAX_SENT_BYTES = GIGABYTE  # of a video that a node does not see


class RayError(DeepfakeError):
    """Ray is not installed, no cluster was found, or it lost too many nodes."""


class RayEngine:
    """The nodes of a Ray cluster, also those that join it during the run."""

    threads = MAX_SLOTS

    def __init__(self, execution: ExecutionParams) -> None:
        """Connect to the cluster, or start one on this machine.

        Raises:
            RayError: Ray is not installed, or there is no cluster at the address.
        """
        self._execution = execution
        self._ray = _connect(execution)
        options = {"num_cpus": 1, "max_retries": MAX_LOSSES}
        self._task = self._ray.remote(**options)(ray_node.answer_call)
        self._changed = Condition()  # of the next three
        self._running = 0
        self._closed = False
        self._slots, self._looked = 1, float("-inf")
        self._sends_files = False  # whether a node does not see this machine's files

    @property
    def slots(self) -> int:
        """Videos in work at a time: `workers`, or two per core that the cluster has now."""
        if self._execution.workers:
            return min(self._execution.workers, MAX_SLOTS)
        now = time.monotonic()
        if now - self._looked > POLL_SECONDS:
            self._looked = now
            cores = int(self._ray.cluster_resources().get("CPU", 0))
            self._slots = max(1, min(PER_CORE * cores, MAX_SLOTS))
        return self._slots

    def compute(self, step: Step, video: Video, digest: bytes | None) -> Computed:
        """Apply the step on a node; see `Engine.compute`."""
        expected = digest.decode() if digest else "" if video.remote else _digest(video)
        sent = replace(video, path=video.path.absolute(), out=None)
        message = pickle.dumps((step.function, sent, expected, self._execution))
        with self._slot():
            answer: ray_node.Answer = (None, None)
            if not self._sends_files or video.remote:
                answer = self._call(message, None)
            if answer[0] is None:
                self._sends_files = True
                files = _read_files(video)
                if has_changed(video):
                    return CHANGED_VIDEO, None
                answer = self._call(message, files)
        result, found = answer
        if isinstance(result, DeepfakeError):
            raise result
        assert isinstance(result, bytes | Failure)
        return result, found

    @contextmanager
    def _slot(self) -> Iterator[None]:
        """Wait until a video may be sent."""
        with self._changed:
            while not self._closed and self._running >= self.slots:
                self._changed.wait(POLL_SECONDS)
            if self._closed:
                raise StoppedError
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _call(self, message: bytes, files: dict[str, bytes] | None) -> ray_node.Answer:
        exceptions = self._ray.exceptions
        try:
            reference = self._task.remote(ray_node.installation(), message, files)
            while not self._ray.wait([reference], timeout=POLL_SECONDS)[0]:
                if self._closed:
                    self._ray.cancel(reference, force=True)
                    raise StoppedError
            answer: ray_node.Answer = self._ray.get(reference)
            return answer
        except exceptions.RayError as error:
            if self._closed:
                raise StoppedError from None
            raise RayError(f"Ray could not process a video: {error}") from error

    def close(self) -> None:
        """End all work at once, and a cluster that was started for it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            while self._running:
                self._changed.wait()
        self._ray.shutdown()


def _connect(execution: ExecutionParams) -> Any:
    """The module ray, connected."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when ray is imported
    try:
        import ray
    except ImportError as error:
        raise RayError(
            "execution.engine is ray, but Ray is not installed: run `pip install 'deepfake[ray]'`"
        ) from error
    # What nodes print would be between the results on standard output; Ray keeps it in files.
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if execution.address is None:
        options |= {"num_cpus": execution.worker_count, "include_dashboard": False}
    try:
        ray.init(execution.address or "local", **options)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise RayError(
            f"execution.address: no Ray cluster at {execution.address or 'this machine'} ({error}):"
            " start one with `ray start --head`, or set the address to null"
        ) from error
    return ray


def _digest(video: Video) -> str:
    """SHA-256 of the content of a local video, "" if it cannot be read."""
    if video.is_original and video.key:
        return video.key
    try:
        return content_digest(video.path)
    except OSError:
        return ""


def _read_files(video: Video) -> dict[str, bytes]:
    """The file, or those below the folder, as `ray_node.write_files` takes them; {} if unreadable.

    Raises:
        RayError: they are too large to be sent.
    """
    path = video.path
    try:
        if path.is_dir():
            found = [Path(file) for _, files in walk(path) for file in files]
        else:
            found = [path]
        size = sum(file.stat().st_size for file in found)
        if size <= MAX_SENT_BYTES:
            return {
                "" if file == path else file.relative_to(path).as_posix(): file.read_bytes()
                for file in found
            }
    except OSError:
        return {}  # the function reports what is wrong with it
    raise RayError(
        f"{path} has {size / GIGABYTE:.1f} GB, and not every node sees it: put the videos on a shared"
        " file system under the same path, or in a bucket (docs/your-data.md)"
    )
