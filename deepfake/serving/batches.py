"""Batches: many files in one request, analysed one after the other, with results to fetch later."""

import logging
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any, BinaryIO

from deepfake.base.errors import DeepfakeError
from deepfake.predict.output import as_record
from deepfake.predict.result import Result
from deepfake.serving.problems import FAILED, REQUEST_ID, problem_details
from deepfake.serving.service import Service
from deepfake.serving.uploads import TooLargeError, display_name, temporary_copy

MAX_FILES = 20  # of a batch
BATCH_SIZE = 5  # times the maximum size of a file: that of all files of a batch together
MAX_UNFINISHED = 4  # batches, whose files are on the disk
MAX_BATCHES = 200  # unfinished ones, and finished ones whose results are in memory
ID_BYTES = 16  # random, so that nobody can guess the id of another client

logger = logging.getLogger(__name__)


class NoBatchError(DeepfakeError):
    """The client has no batch of this id."""


class TooManyBatchesError(DeepfakeError):
    """The server has as many batches as it takes."""


@dataclass
class _Batch:
    """Files that wait, and the results of the others, in the order of the files."""

    id: str
    owner: str
    request_id: str
    files: int
    operating_point: str
    with_frames: bool
    waiting: list[tuple[str, Path]]
    copies: dict[Path, ExitStack]  # closing one deletes the file
    results: list[dict[str, Any]] = field(default_factory=list)
    expires: float | None = None
    deleted: bool = False


class Batches:
    """The batches of a server, analysed by one thread while there are any.

    They are in memory: after a restart none is known.

    Args:
        service: analyses each file in its turn among single uploads.
        keep_seconds: a batch is deleted so long after its last file.
        report: called with each result.
        clock: seconds.
    """

    def __init__(
        self,
        service: Service,
        keep_seconds: float,
        report: Callable[[Result], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._keep_seconds = keep_seconds
        self._report = report
        self._clock = clock
        self._batches: dict[str, _Batch] = {}
        self._lock = Lock()
        self._thread: Thread | None = None

    def __len__(self) -> int:
        """The number of batches that are not finished."""
        return sum(batch.expires is None for batch in list(self._batches.values()))

    def add(
        self,
        owner: str,
        files: Sequence[tuple[BinaryIO, str]],
        operating_point: str | None,
        with_frames: bool,
    ) -> dict[str, Any]:
        """Copy the files and analyse them later; returns what `state` does.

        Args:
            owner: only this client may see the batch.
            files: streams and the client's names.
            operating_point: None for that of the service.
            with_frames: whether results have the scores of single frames.

        Raises:
            OperatingPointError: the model does not have the operating point.
            TooLargeError: a file is larger than the limit.
            TooManyBatchesError: there are too many batches.
        """
        point = operating_point or self._service.detector.operating_point.name
        self._service.detector.point(point)
        with self._lock:
            self._check_space()
        with ExitStack() as undo:
            copies: dict[Path, ExitStack] = {}
            waiting = []
            for stream, name in files:
                copy = undo.enter_context(ExitStack())
                shown = display_name(name)
                try:
                    path = copy.enter_context(temporary_copy(stream, self._service.limits))
                except TooLargeError as error:
                    raise TooLargeError(f"{shown}: {error}") from error
                copies[path] = copy
                waiting.append((shown, path))
            batch = _Batch(
                id=secrets.token_urlsafe(ID_BYTES),
                owner=owner,
                request_id=REQUEST_ID.get(),
                files=len(files),
                operating_point=point,
                with_frames=with_frames,
                waiting=waiting,
                copies=copies,
            )
            with self._lock:
                self._check_space()  # others may have come meanwhile
                self._batches[batch.id] = batch
                if self._thread is None:
                    self._thread = Thread(target=self._work, daemon=True)
                    self._thread.start()
            undo.pop_all()
        return self.state(owner, batch.id)

    def _check_space(self) -> None:
        self._delete_expired()
        if len(self) >= MAX_UNFINISHED:
            raise TooManyBatchesError(
                f"{len(self)} batches are being analysed, which is the limit: try again later"
            )
        if len(self._batches) >= MAX_BATCHES:
            raise TooManyBatchesError(
                f"the results of {len(self._batches)} batches are kept, which is the limit: delete"
                " those that you have read (DELETE /batches/ID), or try again later"
            )

    def state(self, owner: str, batch_id: str) -> dict[str, Any]:
        """The progress of a batch with the results so far, as `schemas.BatchRecord`.

        Raises:
            NoBatchError: the client has no such batch.
        """
        with self._lock:
            batch = self._find(owner, batch_id)
            finished = len(batch.results)
            status = "finished" if finished == batch.files else "running" if finished else "waiting"
            left = None if batch.expires is None else max(0, round(batch.expires - self._clock()))
            return {
                "id": batch.id,
                "status": status,
                "files": batch.files,
                "finished": finished,
                "expires_in_seconds": left,
                "results": list(batch.results),
            }

    def delete(self, owner: str, batch_id: str) -> None:
        """Delete a batch: its results, and its files, which are not analysed any more.

        Raises:
            NoBatchError: the client has no such batch.
        """
        with self._lock:
            self._discard(self._find(owner, batch_id))

    def close(self) -> None:
        """Delete all batches."""
        with self._lock:
            for batch in list(self._batches.values()):
                self._discard(batch)

    def _find(self, owner: str, batch_id: str) -> _Batch:
        self._delete_expired()
        batch = self._batches.get(batch_id)
        if batch is None or batch.owner != owner:
            minutes = f"{self._keep_seconds / 60:g}"
            raise NoBatchError(
                f"no batch has this id: batches are deleted {minutes} minutes after their last file"
                " and when the server restarts; send the files again"
            )
        return batch

    def _delete_expired(self) -> None:
        now = self._clock()
        for batch in list(self._batches.values()):
            if batch.expires is not None and batch.expires <= now:
                self._discard(batch)

    def _discard(self, batch: _Batch) -> None:
        """Forget a batch; the file that is being analysed is deleted when that ends."""
        batch.deleted = True
        for _, path in batch.waiting:
            batch.copies.pop(path).close()
        batch.waiting.clear()
        del self._batches[batch.id]

    def _work(self) -> None:
        """Analyse files until none is waiting, the batches in the order of their arrival."""
        while True:
            with self._lock:
                batch = next((one for one in self._batches.values() if one.waiting), None)
                if batch is None:
                    self._thread = None
                    return
                name, path = batch.waiting.pop(0)
                copy = batch.copies.pop(path)
            with copy:
                entry = self._entry(batch, name, path)
            with self._lock:
                batch.results.append(entry)
                if len(batch.results) == batch.files:
                    batch.expires = self._clock() + self._keep_seconds
                self._mark_as_used()

    def _entry(self, batch: _Batch, name: str, path: Path) -> dict[str, Any]:
        """The result of a file; for an error of the server, a problem instead."""
        REQUEST_ID.set(batch.request_id)  # in the log and in the problem
        try:
            result = self._service.predict_copy(path, name, batch.operating_point)
        except Exception:
            if not batch.deleted:  # else it ended with the server
                logger.exception("a file of batch %s could not be analysed", batch.id)
            problem = problem_details(FAILED, "the file could not be analysed: send it again")
            return {"path": name, "prediction": None, "problem": problem}
        self._report(result)
        record = as_record(result, batch.with_frames)
        return {"path": name, "prediction": record, "problem": None}

    def _mark_as_used(self) -> None:
        """Keep waiting files from looking stale to `uploads.delete_stale_uploads`."""
        for batch in self._batches.values():
            for _, path in batch.waiting:
                with suppress(OSError):
                    os.utime(path.parent)
