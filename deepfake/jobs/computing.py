"""What happens to one video without a stored result, on whichever machine computes it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from deepfake.base.remote import RemoteError
from deepfake.core.files import content_digest
from deepfake.jobs.downloads import Downloads
from deepfake.jobs.step import CRASHED, Failure, Step, Video
from deepfake.jobs.worker import Worker

ATTEMPTS = 2

Computed = tuple[bytes | Failure, bytes | None]  # result, and SHA-256 of a remote video


class Engine(Protocol):
    """Computes results; several threads use it at a time."""

    threads: int  # that may call `compute` at a time

    @property
    def slots(self) -> int:
        """Number of videos that are in work at a time."""

    def compute(self, step: Step, video: Video, digest: bytes | None) -> Computed:
        """Apply the step to a video.

        Args:
            step: its cache is not used.
            video: its `out` is not used.
            digest: SHA-256 of a remote video if it is known.

        Raises:
            StoppedError: `close` was called.
            DeepfakeError: the function raised it, or the engine does not work.
        """

    def close(self) -> None:
        """End all work at once."""


@contextmanager
def local_copy(
    video: Video, downloads: Downloads, digest: bytes | None
) -> Iterator[tuple[Video, bytes]]:
    """A remote video with a path on this machine, and its SHA-256.

    Args:
        video: one with `remote`.
        downloads: where it is kept.
        digest: SHA-256 that it must have; None if unknown.

    Raises:
        RemoteError: it could not be downloaded, or has another content.
    """
    assert video.remote is not None
    for _ in range(ATTEMPTS):
        with downloads.use(video.remote, video.key) as path:
            found = content_digest(path).encode()
            if digest in (None, found):
                yield replace(video, path=path), found
                return
        downloads.discard(video.key)  # a damaged copy
    raise RemoteError(
        f"{video.remote.folder.address_of(video.remote.path)}: another content than before with the"
        " same version: delete .scratch/videos to use the present one"
    )


def has_changed(video: Video) -> bool:
    """Whether a local video has another content than when it was scanned."""
    if not video.is_original or not video.key:
        return False
    try:
        return content_digest(video.path) != video.key
    except OSError:
        return False  # the function reports what is wrong with it


def run_attempts(worker: Worker, function: Callable[..., bytes], video: Video) -> bytes | Failure:
    """Call the function in a worker process, again if that process ended."""
    failure = Failure(CRASHED, "")
    for _ in range(ATTEMPTS):
        result = worker.run(function, video)
        if isinstance(result, bytes):
            return result
        failure = result
    return failure
