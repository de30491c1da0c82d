"""Apply a step to many videos in processes, with results in order, cached, and safe from crashes.

The function must be importable, take a path and picklable arguments, and return bytes. Each process
works on one video at a time, with one thread, a time limit and a memory limit. A decoder that
crashes or hangs ends its own process only; the video is tried once more, then reported as a
`Failure`.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from tqdm import tqdm

from deepfake.base.errors import DeepfakeError
from deepfake.base.remote import RemoteError
from deepfake.core.files import content_digest, write_bytes
from deepfake.jobs.downloads import Downloads
from deepfake.jobs.step import CHANGED, CRASHED, DIGEST, Failure, Step, Video
from deepfake.jobs.worker import GIGABYTE, Worker
from deepfake.params.schema import ExecutionParams

ATTEMPTS = 2
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
    threads = execution.worker_count * (DOWNLOADS_PER_PROCESS if any_remote else 1)
    bar = tqdm(total=len(videos), desc=title, unit="video", smoothing=0.05)
    with bar, _Pool(step, execution, threads) as pool:
        waiting: deque[Future[tuple[T, bool]]] = deque()
        for position, video in enumerate(videos):
            waiting.append(pool.submit(video, partial(read, position)))
            is_last = position == len(videos) - 1
            while waiting and (is_last or len(waiting) >= MAX_AHEAD * execution.worker_count):
                record, has_failed = waiting.popleft().result()
                failures += has_failed
                bar.set_postfix({"failed": failures}, refresh=False)
                bar.update()
                yield record


class _Pool:
    """Threads that each handle one video, with a worker process if the result is not cached."""

    def __init__(self, step: Step, execution: ExecutionParams, threads: int) -> None:
        self._step = step
        self._workers = [Worker(execution) for _ in range(execution.worker_count)]
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(threads)
        self._downloads = Downloads(int(execution.download_gigabytes * GIGABYTE))
        self._starter = Thread(target=self._warm_up)

    def __enter__(self) -> "_Pool":
        self._starter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.close()
        self._starter.join()
        self._threads.shutdown()

    def _warm_up(self) -> None:
        """Start a process before the first video needs one."""
        worker = self._idle.get()
        try:
            worker.start(self._step.function)
        except DeepfakeError:
            pass  # the first video reports it
        finally:
            self._idle.put(worker)

    def submit(self, video: Video, read: Callable[[bytes | Failure], T]) -> "Future[T]":
        return self._threads.submit(lambda: read(self._result(video)))

    def _result(self, video: Video) -> bytes | Failure:
        """The result of a video, from the cache if it is there, else computed and stored."""
        if not video.key:
            result = self._compute(video)
            if video.out and isinstance(result, bytes):
                write_bytes(video.out, result, durable=False)
            return result
        name = self._step.result_name(video)
        cache = self._step.cache
        entry = cache.load(video.key, name)
        if entry is None or (video.remote and cache.load(video.key, DIGEST) is None):
            with self._at_hand(video) as local:
                if video.is_original and not video.remote and _has_changed(video):
                    return Failure(
                        CHANGED, "the file changed after it was scanned: run `dvc repro`"
                    )
                result = self._compute(local)
            if isinstance(result, Failure):
                return result
            entry = cache.store(video.key, name, result)
        if video.out:
            entry.link(video.out)
        return entry.content

    @contextmanager
    def _at_hand(self, video: Video) -> Iterator[Video]:
        """The video, with a path on this machine."""
        if video.remote is None:
            yield video
            return
        cache = self._step.cache
        stored = cache.load(video.key, DIGEST)
        for _ in range(ATTEMPTS):
            with self._downloads.use(video.remote, video.key) as path:
                digest = content_digest(path).encode()
                if stored is None or stored.content == digest:
                    cache.store(video.key, DIGEST, digest)
                    yield replace(video, path=path)
                    return
            self._downloads.discard(video.key)  # a damaged copy
        raise RemoteError(
            f"{video.remote.folder.address_of(video.remote.path)}: another content than before with"
            f" the same version: delete {cache.folder} to use the present one"
        )

    def _compute(self, video: Video) -> bytes | Failure:
        failure = Failure(CRASHED, "")
        worker = self._idle.get()
        try:
            for _ in range(ATTEMPTS):
                result = worker.run(self._step.function, video)
                if isinstance(result, bytes):
                    return result
                failure = result
        finally:
            self._idle.put(worker)
        return failure


def _has_changed(video: Video) -> bool:
    try:
        return content_digest(video.path) != video.key
    except OSError:
        return False  # the function reports what is wrong with it
