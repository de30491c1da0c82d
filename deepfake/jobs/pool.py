"""A function of one video, over many: in processes, in order, remembered, and survived.

The function must be importable, take a path and picklable arguments, and return bytes. Each process
does one video at a time, with one thread, a time limit and a memory limit. A decoder that crashes
or hangs takes down its process only; the video is tried once more and then told as a `Failure`.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from tqdm import tqdm

from deepfake.base.errors import DeepfakeError
from deepfake.core.files import content_digest, write_bytes
from deepfake.jobs.step import CHANGED, CRASHED, Failure, Step, Video
from deepfake.jobs.worker import Worker
from deepfake.params.schema import ExecutionParams

ATTEMPTS = 2
AHEAD = 32  # videos that may be done per process while one takes long

T = TypeVar("T")


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


def _has_changed(video: Video) -> bool:
    try:
        return content_digest(video.path) != video.content
    except OSError:
        return False  # the function will say what is wrong with it
