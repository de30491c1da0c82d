"""What a Ray process does on its node: check the installation, then work on one video at a time.

The function itself runs in a `jobs.worker.Worker` process, which the Ray process owns: a limit on
memory or a crash would end the Ray process too.
"""

import hashlib
import pickle
import platform
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from deepfake.base.code import PROJECT, TOP
from deepfake.base.errors import DeepfakeError
from deepfake.base.user_cache import user_cache
from deepfake.core.files import content_digest, sha256_of
from deepfake.jobs.computing import local_copy, run_attempts
from deepfake.jobs.downloads import Downloads
from deepfake.jobs.step import Failure, Video
from deepfake.jobs.worker import GIGABYTE, Worker
from deepfake.params.schema import ExecutionParams

LOCK_FILE = "requirements.lock"

# Result or error, and SHA-256 of a remote video. None asks for the content of the video.
Answer = tuple[bytes | Failure | DeepfakeError | None, bytes | None]


class VersionError(DeepfakeError):
    """A node of the cluster has another installation than the machine that started the run."""


@cache
def installation() -> dict[str, str]:
    """What must be the same on all nodes: the version of Python, of the code and of the packages."""
    lock = TOP / LOCK_FILE
    digest = hashlib.sha256()
    for path in sorted((TOP / PROJECT).rglob("*.py")):
        digest.update(f"{path.relative_to(TOP).as_posix()} {sha256_of(path)}\n".encode())
    return {
        "Python": platform.python_version(),
        PROJECT: digest.hexdigest()[:12],
        LOCK_FILE: sha256_of(lock)[:12] if lock.is_file() else "missing",
    }


def check_installation(expected: dict[str, str]) -> None:
    """Compare this node with the machine that started the run.

    Raises:
        VersionError: they differ.
    """
    found = installation()
    different = [name for name in expected if found.get(name) != expected[name]]
    if different:
        details = ", ".join(
            f"{name} {found.get(name)} instead of {expected[name]}" for name in different
        )
        raise VersionError(
            f"node {socket.gethostname()} has {details}: install the same version of the project and"
            f" of {LOCK_FILE} on all nodes, then restart Ray there"
        )


def answer_call(expected: dict[str, str], message: bytes, files: dict[str, bytes] | None) -> Answer:
    """Apply a function to a video.

    Args:
        expected: `installation` of the machine that started the run.
        message: pickled arguments of `_compute` but the last.
        files: content of the video, see `write_files`; None if it was not sent, {} if there is none:
            the function reports that, or downloads it to its path.
    """
    try:
        check_installation(expected)
        function, video, digest, execution = pickle.loads(message)
        return _compute(function, video, digest, execution, files)
    except DeepfakeError as error:
        return error, None


def _compute(
    function: Callable[..., bytes],
    video: Video,
    digest: str,
    execution: ExecutionParams,
    files: dict[str, bytes] | None,
) -> Answer:
    """The result; `digest` is the SHA-256 of the content, "" if it is unknown."""
    worker = _worker(execution)
    if video.remote:
        downloads = _downloads(int(execution.download_gigabytes * GIGABYTE))
        with local_copy(video, downloads, digest.encode() or None) as (local, found):
            return run_attempts(worker, function, local), found
    if _has(video.path, digest):
        return run_attempts(worker, function, video), None
    if files is None:
        return None, None
    with TemporaryDirectory(prefix="deepfake-") as folder:
        path = Path(folder, video.path.name)
        write_files(path, files)
        local = Video(video.key, path, video.arguments)
        return run_attempts(worker, function, local), None


def _has(path: Path, digest: str) -> bool:
    """Whether this node sees the same file, as on a shared file system."""
    try:
        return content_digest(path) == digest
    except OSError:
        return False


def write_files(path: Path, files: dict[str, bytes]) -> None:
    """Write a file, or a folder with the files below it, given their names ("" for `path`)."""
    for name, content in files.items():
        target = path / name if name else path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


@cache
def _worker(execution: ExecutionParams) -> Worker:
    """The one worker process of this Ray process; it ends with it."""
    return Worker(execution)


@cache
def _downloads(limit: int) -> Downloads:
    return Downloads(limit, user_cache() / "downloads")
