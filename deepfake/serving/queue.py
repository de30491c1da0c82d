"""One file at a time, in the order of their coming, and no endless queue."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from deepfake.base.errors import DeepfakeError

PATIENCE = 1.0  # seconds after which a waiting one is told its place again, and may give up


class BusyError(DeepfakeError):
    """So many are waiting already that one more would wait too long."""


class Turns:
    """A queue of threads.

    The network is used by one thread at a time, since heat maps are taken with hooks in it; and the
    process that decodes does one file at a time.

    Args:
        waiting: how many may wait behind the one whose turn it is.
    """

    def __init__(self, waiting: int) -> None:
        self._waiting = waiting
        self._line: deque[object] = deque()
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._line)

    @contextmanager
    def turn(self, tell: Callable[[int], None] = lambda _: None) -> Iterator[None]:
        """Wait until it is one's turn; whoever leaves, by an error too, lets the next one in.

        Args:
            tell: is given how many are before one, when that changes and every second.

        Raises:
            BusyError: the queue is full.
        """
        ticket = object()
        with self._changed:
            if len(self._line) > self._waiting:
                raise BusyError(f"{len(self._line)} files are waiting already: try again later")
            self._line.append(ticket)
        try:
            while ahead := self._ahead(ticket):
                tell(ahead)
                self._wait(ticket, ahead)
            yield
        finally:
            with self._changed:
                self._line.remove(ticket)
                self._changed.notify_all()

    def _ahead(self, ticket: object) -> int:
        with self._changed:
            return self._line.index(ticket)

    def _wait(self, ticket: object, ahead: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._line.index(ticket) != ahead, PATIENCE)
