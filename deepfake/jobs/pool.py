"""Apply a step to many videos in processes, with results in order, cached, and safe from crashes.

The function must be importable, take a path and picklable arguments, and return bytes. Each process
works on one video at a time, with one thread, a time limit and a memory limit. A decoder that
crashes or hangs ends its own process only; the video is tried once more, then reported as a
`Failure`. The processes are on this machine, or on the nodes of a Ray cluster.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from deepfake.base.progress import Progress
from deepfake.core.files import write_bytes
from deepfake.jobs.computing import Computed, Engine, has_changed, local_copy, run_attempts
from deepfake.jobs.downloads import Downloads
from deepfake.jobs.step import CHANGED_VIDEO, DIGEST, Failure, Step, Video
from deepfake.jobs.worker import GIGABYTE, Worker
from deepfake.params.schema import ExecutionParams

DOWNLOADS_PER_PROCESS = 4  # videos at a time, so that processes do not wait for the network
MAX_AHEAD = 32  # finished videos per process that may wait for a slow one before them

T = TypeVar("T")


def map_videos(
    step: Step, videos: Sequence[Video], execution: ExecutionParams, title: str
) -> Iterator[bytes | Failure]:
    """Results of a step, in the order of `videos`; see `map_records`."""
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
    """Apply a step to videos, and `read` to the results, in the order of `videos`.

    Shows a progress bar with the number of failures. An error that does not concern a single video,
    such as a full disk, is raised here; finished results stay in the cache.

    Args:
        step: what is applied to each video.
        videos: its inputs.
        execution: number of processes and their limits.
        title: of the progress bar.
        read: called in a thread with the position of a video and its result; returns what is
            yielded, and whether it is a failure.

    Raises:
        RemoteError: a remote video could not be downloaded.
        DeepfakeError: the function or `read` raised it, a process could not start, or the cache
            could not be read or written.
        OSError: a file of `Video.out` could not be written.
    """
    failures = 0
    any_remote = any(video.remote for video in videos)
    engine = _start_engine(execution, any_remote)
    with Progress(len(videos), title) as bar, _Pool(step, engine) as pool:
        waiting: deque[Future[tuple[T, bool]]] = deque()
        for position, video in enumerate(videos):
            waiting.append(pool.submit(video, partial(read, position)))
            is_last = position == len(videos) - 1
            while waiting and (is_last or len(waiting) >= MAX_AHEAD * engine.slots):
                record, has_failed = waiting.popleft().result()
                failures += has_failed
                bar.update(failures)
                yield record


class LocalEngine:
    """Worker processes on this machine."""

    def __init__(self, execution: ExecutionParams, any_remote: bool) -> None:
        self._workers = [Worker(execution) for _ in range(execution.worker_count)]
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self.threads = self.slots * (DOWNLOADS_PER_PROCESS if any_remote else 1)
        self._downloads = Downloads(int(execution.download_gigabytes * GIGABYTE))

    @property
    def slots(self) -> int:
        """Number of processes."""
        return len(self._workers)

    def compute(self, step: Step, video: Video, digest: bytes | None) -> Computed:
        """Apply the step in an idle process; see `Engine.compute`."""
        if video.remote:
            with local_copy(video, self._downloads, digest) as (local, found):
                return self._run(step, local), found
        if has_changed(video):
            return CHANGED_VIDEO, None
        return self._run(step, video), None

    def _run(self, step: Step, video: Video) -> bytes | Failure:
        worker = self._idle.get()
        try:
            return run_attempts(worker, step.function, video)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """End all processes at once."""
        for worker in self._workers:
            worker.close()


def _start_engine(execution: ExecutionParams, any_remote: bool) -> Engine:
    if execution.engine == "local":
        return LocalEngine(execution, any_remote)
    from deepfake.jobs.ray_engine import RayEngine  # nothing else imports Ray

    return RayEngine(execution)


class _Pool:
    """Threads that each handle one video, with an engine if the result is not cached."""

    def __init__(self, step: Step, engine: Engine) -> None:
        self._step = step
        self._engine = engine
        self._threads = ThreadPoolExecutor(engine.threads)

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.close()
        self._threads.shutdown()

    def submit(self, video: Video, read: Callable[[bytes | Failure], T]) -> "Future[T]":
        return self._threads.submit(lambda: read(self._result(video)))

    def _result(self, video: Video) -> bytes | Failure:
        """The result of a video, from the cache if it is there, else computed and stored."""
        if not video.key:
            result, _ = self._engine.compute(self._step, video, None)
            if video.out and isinstance(result, bytes):
                write_bytes(video.out, result, durable=False)
            return result
        name = self._step.result_name(video)
        cache = self._step.cache
        entry = cache.load(video.key, name)
        stored = cache.load(video.key, DIGEST) if video.remote else None
        if entry is None or (video.remote and stored is None):
            known = stored.content if stored else None
            result, digest = self._engine.compute(self._step, video, known)
            if digest and digest != known:
                cache.store(video.key, DIGEST, digest)
            if isinstance(result, Failure):
                return result
            entry = cache.store(video.key, name, result)
        if video.out:
            entry.link(video.out)
        return entry.content
