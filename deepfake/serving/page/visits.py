"""The files and results of the people who use the page, within one bound of memory.

A visit has the files and results of one tab of a browser. It outlives the tab's connection, and a
reload, by a while: the address of the page has its token, which works in the same browser only.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, BinaryIO, Protocol

from deepfake.base.errors import DeepfakeError
from deepfake.serving.uploads import MEGABYTE

if TYPE_CHECKING:
    from deepfake.serving.page.file_list import FileList
    from deepfake.serving.service import Analysis

TOKEN_BYTES = 16  # of the name of a visit, which nobody can guess


class MemoryFullError(DeepfakeError):
    """The files and results of all people have the size that they may have."""


@dataclass(frozen=True)
class ChosenFile:
    """A file to analyse; its key differs from that of every other file, also of the same name.

    Attributes:
        key: begins with the place on the page where the file was chosen.
        name: as the person sees it.
        stream: the content.
        size: its bytes in memory; 0 if it is on the disk.
    """

    key: str
    name: str
    stream: BinaryIO = field(repr=False)
    size: int

    @property
    def content_id(self) -> str:
        """The same for two files that share their bytes: an upload has the id that Streamlit gave it."""
        return getattr(self.stream, "file_id", self.key)


@dataclass
class Visit:
    """The files and results of a tab.

    Attributes:
        token: its name.
        browser: identifies the browser; "" if that is unknown.
        make_room: `PageMemory.make_room`, to be called before a result is kept.
        sessions: when each connection of the tab was last seen, in seconds of the clock.
        files, analyses: by their keys.
        file_list: analyses several files in the background.
        judge: model and operating point of the results.
    """

    token: str
    browser: str
    make_room: Callable[[int], None]
    sessions: dict[str, float] = field(default_factory=dict)
    files: dict[str, ChosenFile] = field(default_factory=dict)
    analyses: "dict[str, Analysis]" = field(default_factory=dict)
    file_list: "FileList | None" = None
    judge: tuple[object, str] | None = None

    @property
    def last_seen(self) -> float:
        """When the tab was last connected."""
        return max(self.sessions.values(), default=0.0)

    @property
    def is_working(self) -> bool:
        """Whether files are being analysed in the background."""
        return self.file_list is not None and not self.file_list.is_finished

    def set_judge(self, model: object, point: str) -> None:
        """Forget the results of another model or operating point."""
        if self.judge != (model, point):
            self.analyses.clear()
            self.file_list, self.judge = None, (model, point)

    def keep_only(self, keys: set[str]) -> None:
        """Forget files and results that are no longer on the page."""
        for kept in (self.files, self.analyses):
            for key in set(kept) - keys:
                kept.pop(key, None)

    def results(self) -> "list[Analysis]":
        """All results, each once."""
        listed = self.file_list.files() if self.file_list else []
        found = [*self.analyses.values(), *(one.analysis for one in listed if one.analysis)]
        return list({id(one): one for one in found}.values())


class Sessions(Protocol):
    """The connections of the page's server."""

    def is_connected(self, session: str) -> bool:
        """Whether a tab is connected now."""

    def close(self, session: str) -> None:
        """Delete what the server keeps for a connection that was lost, uploads at once."""

    def uploads(self) -> Mapping[str, int]:
        """The bytes of each upload that the server keeps, by its id."""


class PageMemory:
    """All visits of a page.

    Args:
        max_bytes: bound of the files and results of all visits together.
        keep_seconds: how long a visit is kept after its tab was last connected.
        clock: seconds.
    """

    def __init__(
        self, max_bytes: int, keep_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_bytes = max_bytes
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._visits: dict[str, Visit] = {}
        self._refused: dict[str, MemoryFullError] = {}
        self._arriving = 0
        self._lock = RLock()
        self._sessions: Sessions | None = None

    def serve(self, sessions: Sessions) -> None:
        """Take the connections of a server into account."""
        self._sessions = sessions

    def visit(self, token: str, browser: str, session: str) -> Visit:
        """The visit with a token, if this session or this browser began it; else a new one."""
        with self._lock:
            found = self._visits.get(token)
            if found is None or not _may_see(found, browser, session):
                token = secrets.token_urlsafe(TOKEN_BYTES)
                found = self._visits[token] = Visit(token, browser, self.make_room)
            found.sessions[session] = self._clock()
            return found

    def size(self) -> int:
        """Bytes of all files, also those that are arriving, and of all results."""
        visits = list(self._visits.values())
        files = {one.content_id: one.size for visit in visits for one in list(visit.files.values())}
        files |= self._sessions.uploads() if self._sessions else {}
        results = sum(one.size for visit in visits for one in visit.results())
        return sum(files.values()) + results + self._arriving

    def make_room(self, size: int) -> None:
        """Delete visits whose tab is not connected, the oldest first, until `size` bytes are free.

        A visit whose files are still being analysed comes last.

        Raises:
            MemoryFullError: the connected tabs leave no room.
        """
        with self._lock:
            while self.size() + size > self._max_bytes:
                lost = [one for one in self._visits.values() if not self._is_connected(one)]
                if not lost:
                    raise MemoryFullError(
                        "the page is full: the files and results of all people may have"
                        f" {self._max_bytes / MEGABYTE:.0f} MB. Remove files, or try again later"
                    )
                self._forget(min(lost, key=lambda one: (one.is_working, one.last_seen)))

    @contextmanager
    def arriving(self, session: str, size: int) -> Iterator[None]:
        """Count an upload of a session while it arrives; raises as `make_room`."""
        with self._lock:
            try:
                self.make_room(size)
            except MemoryFullError as error:
                self._refused[session] = error
                raise
            self._arriving += size
        try:
            yield
        finally:
            with self._lock:
                self._arriving -= size

    def take_refusal(self, session: str) -> MemoryFullError | None:
        """Why an upload of a session was refused since the last call."""
        with self._lock:
            return self._refused.pop(session, None)

    def sweep(self) -> None:
        """Delete what was kept for its time; to be called now and then."""
        with self._lock:
            now = self._clock()
            for visit in list(self._visits.values()):
                for session, seen in list(visit.sessions.items()):
                    if self._sessions is None or self._sessions.is_connected(session):
                        visit.sessions[session] = now
                    elif now - seen > self._keep_seconds:
                        self._close(visit, session)
                if not visit.sessions:
                    self._forget(visit)

    def _is_connected(self, visit: Visit) -> bool:
        return self._sessions is None or any(map(self._sessions.is_connected, visit.sessions))

    def _forget(self, visit: Visit) -> None:
        del self._visits[visit.token]
        for session in list(visit.sessions):
            self._close(visit, session)

    def _close(self, visit: Visit, session: str) -> None:
        del visit.sessions[session]
        self._refused.pop(session, None)
        if self._sessions:
            self._sessions.close(session)


def _may_see(visit: Visit, browser: str, session: str) -> bool:
    is_same = bool(browser) and hmac.compare_digest(visit.browser.encode(), browser.encode())
    return session in visit.sessions or is_same


@cache
def shared_memory(megabytes: int, keep_minutes: float) -> PageMemory:
    """The memory of the page of this process, for its server and its script."""
    return PageMemory(megabytes * MEGABYTE, 60 * keep_minutes)
