"""Several files, analysed one after the other in the background while the page shows the finished ones."""

import io
import logging
import time
import weakref
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from threading import Lock, Thread

from deepfake.base.errors import DeepfakeError
from deepfake.base.text import spreadsheet_text
from deepfake.predict.output import as_csv, as_json, csv_header
from deepfake.predict.report import report_name
from deepfake.serving.page.visits import ChosenFile
from deepfake.serving.queue import QueueFullError
from deepfake.serving.service import Analysis, Service

MAX_FILES = 20  # on a page
RETRY_SECONDS = 1.0  # until a full queue is tried again

logger = logging.getLogger(__name__)


class State(Enum):
    """How far a file is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "not analysed"
    CANCELLED = "cancelled"


FINISHED = (State.DONE, State.REFUSED, State.CANCELLED)


class _CancelledError(DeepfakeError):
    """The person has cancelled the analysis of the file."""


@dataclass(frozen=True)
class ListedFile:
    """A file of the list.

    Attributes:
        file: the file.
        state: how far it is.
        message: the step of a file that is being analysed, or why it is not analysed.
        analysis: of a file that is done.
        seconds: how long the analysis took.
    """

    file: ChosenFile
    state: State = State.WAITING
    message: str = ""
    analysis: Analysis | None = None
    seconds: float = 0.0


class FileList:
    """The files of one page, in their order, with a thread that analyses them.

    The thread ends when nothing waits, and when the list is forgotten with its visit.

    Args:
        service: analyses each file in its turn among those of other pages.
        make_room: called with the bytes of each analysis; raises MemoryFullError if it cannot be kept.
        clock: seconds.
    """

    def __init__(
        self,
        service: Service,
        make_room: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._make_room = make_room
        self._clock = clock
        self._files: dict[str, ListedFile] = {}
        self._lock = Lock()
        self._is_working = False

    def update(self, files: Sequence[ChosenFile], analyses: Mapping[str, Analysis]) -> None:
        """Make these the files of the list: analyse new ones, forget those that are not among them.

        Args:
            files: in the order of the list.
            analyses: those that exist already, by the key of their file.
        """
        with self._lock:
            self._files = {
                one.key: self._files.get(one.key) or _listed(one, analyses.get(one.key))
                for one in files
            }
            self._start()

    def cancel(self, key: str) -> None:
        """Do not analyse a file; if its analysis is running, it ends after the present step."""
        with self._lock:
            if key in self._files and self._files[key].state not in FINISHED:
                self._set(key, state=State.CANCELLED, message="cancelled")

    def retry(self, key: str) -> None:
        """Analyse a file again that was refused or cancelled."""
        with self._lock:
            if key in self._files and self._files[key].state in (State.REFUSED, State.CANCELLED):
                self._set(key, state=State.WAITING, message="")
                self._start()

    def files(self) -> list[ListedFile]:
        """The files as they are now."""
        with self._lock:
            return list(self._files.values())

    @property
    def is_finished(self) -> bool:
        """Whether no file waits or is being analysed."""
        return all(one.state in FINISHED for one in self.files())

    def _start(self) -> None:
        if not self._is_working:
            self._is_working = True
            Thread(target=_work, args=(weakref.ref(self),), daemon=True).start()

    def _set(self, key: str, **changes: object) -> None:
        self._files[key] = replace(self._files[key], **changes)  # type: ignore[arg-type]

    def _next(self) -> ListedFile | None:
        """The next file that waits, which is running now; None if there is none."""
        with self._lock:
            waiting = [one for one in self._files.values() if one.state is State.WAITING]
            self._is_working = bool(waiting)
            if not waiting:
                return None
            self._set(waiting[0].file.key, state=State.RUNNING)
            return waiting[0]

    def _report(self, key: str, message: str) -> None:
        with self._lock:
            if not self._is_running(key):
                raise _CancelledError
            self._set(key, message=message)

    def _is_running(self, key: str) -> bool:
        return key in self._files and self._files[key].state is State.RUNNING

    def _finish(self, key: str, **changes: object) -> None:
        with self._lock:
            if self._is_running(key):
                self._set(key, **changes)


def _listed(file: ChosenFile, analysis: Analysis | None) -> ListedFile:
    return ListedFile(file, State.DONE if analysis else State.WAITING, analysis=analysis)


def _work(reference: "weakref.ref[FileList]") -> None:
    """Analyse the files of a list while it exists and some of them wait."""
    while files := reference():
        if (one := files._next()) is None:
            return
        service, make_room, start = files._service, files._make_room, files._clock()
        del files  # so that it can be forgotten during the analysis
        changes: dict[str, object]
        try:
            analysis = _analyse(service, one.file, reference)
            make_room(analysis.size)
            changes = {"state": State.DONE, "analysis": analysis}
        except DeepfakeError as error:
            changes = {"state": State.REFUSED, "message": str(error)}
        except Exception:
            logger.exception("a file could not be analysed")
            changes = {"state": State.REFUSED, "message": "an error of the server: try again"}
        if files := reference():
            files._finish(one.file.key, seconds=files._clock() - start, **changes)


def _analyse(service: Service, file: ChosenFile, reference: "weakref.ref[FileList]") -> Analysis:
    def report(message: str) -> None:
        files = reference()
        if files is None:
            raise _CancelledError
        files._report(file.key, message)

    while True:
        report("Waiting for a place in the queue")
        try:
            file.stream.seek(0)
            return service.analyse(file.stream, file.name, report)
        except QueueFullError:
            time.sleep(RETRY_SECONDS)


def seconds_left(files: Sequence[ListedFile]) -> float | None:
    """About how long the unfinished files take, by those that are done; None before the first."""
    done = [one.seconds for one in files if one.state is State.DONE and one.seconds]
    unfinished = sum(one.state not in FINISHED for one in files)
    return sum(done) / len(done) * unfinished if done else None


def time_left_text(seconds: float | None) -> str:
    """The time left, in words.

    >>> time_left_text(150)
    ', about 3 minutes left'
    """
    if seconds is None:
        return ""
    if seconds < 60:
        return ", less than a minute left"
    minutes = -(-seconds // 60)
    return f", about {minutes:.0f} minutes left"


def results_csv(analyses: Sequence[Analysis]) -> str:
    """What `deepfake predict --csv` prints, safe to open in a spreadsheet."""
    results = [replace(one.result, path=spreadsheet_text(one.result.path)) for one in analyses]
    lines = [csv_header(with_frames=False), *(as_csv(one, with_frames=False) for one in results)]
    return "\n".join(lines) + "\n"


def results_json(analyses: Sequence[Analysis]) -> str:
    """What `deepfake predict --json` prints: one object a line."""
    return "".join(as_json(one.result, with_frames=False) + "\n" for one in analyses)


def reports_zip(analyses: Sequence[Analysis]) -> bytes:
    """A zip archive with the report of each file, under different names."""
    names: list[str] = []
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as reports:
        for one in analyses:
            names.append(report_name(one.result.path, names))
            reports.writestr(names[-1], one.report)
    return archive.getvalue()
