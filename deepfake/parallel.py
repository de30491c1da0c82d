"""One process per core over videos, results in order, finished work remembered.

A function of one video must be importable, take picklable arguments and return bytes. Its result
is kept in the scratch folder under a key made of the input's content, the arguments and the code,
so a killed run continues and one new video costs one video.
"""

import hashlib
import inspect
import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
from tqdm import tqdm

from deepfake.files import content_digest, write_bytes

SCRATCH = Path(".scratch")
AHEAD = 4  # results that may wait per worker: bounds memory, keeps workers busy
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",  # broken files are reported by us, once
    "OPENCV_LOG_LEVEL": "OFF",
}


@dataclass(frozen=True)
class Task:
    """A function of one file, or folder of frames, remembered.

    Attributes:
        function: called as `function(path, **arguments)`, returns bytes.
        code: changes whenever the function's results could, as `code_version` gives it.
        scratch: where results are remembered.
    """

    function: Callable[..., bytes]
    code: str
    scratch: Path = SCRATCH

    def __call__(self, path: Path, arguments: dict[str, Any]) -> bytes:
        """The result for one file, computed only if it is not remembered."""
        call = json.dumps([self.function.__name__, arguments, self.code], sort_keys=True)
        key = hashlib.sha256(f"{content_digest(path)} {call}".encode()).hexdigest()
        stored = self.scratch / "videos" / key[:2] / key[2:]
        if stored.is_file():
            return stored.read_bytes()
        result = self.function(path, **arguments)
        write_bytes(stored, result)
        return result


def code_version(modules: Sequence[ModuleType], packages: Sequence[str]) -> str:
    """A digest of the source of project modules and the versions of installed packages."""
    parts = [inspect.getsource(module) for module in modules]
    parts += [f"{package}=={version(package)}" for package in packages]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def map_files(
    task: Task,
    inputs: Sequence[tuple[Path, dict[str, Any]]],
    workers: int,
    title: str,
) -> Iterator[bytes]:
    """Results of `task` for every (path, arguments), in the order of `inputs`.

    Shows a progress bar. The first exception of a worker is raised here, after which nothing new
    is started; what is finished stays in the scratch folder.
    """
    bar = tqdm(total=len(inputs), desc=title, unit="video", smoothing=0.05)
    with bar, _pool(workers) as pool:
        waiting: deque[Future[bytes]] = deque()
        for path, arguments in inputs:
            waiting.append(pool.submit(task, path, arguments))
            if len(waiting) >= AHEAD * workers:
                yield waiting.popleft().result()
                bar.update()
        while waiting:
            yield waiting.popleft().result()
            bar.update()


def _pool(workers: int) -> ProcessPoolExecutor:
    os.environ.update(ONE_THREAD)  # read by the libraries when a spawned worker loads them
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread)


def _one_thread() -> None:
    cv2.setNumThreads(1)
