"""A queue with a maximum length that lets one file in at a time, first come, first served."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from deepfake.base.errors import DeepfakeError

UPDATE_SECONDS = 1.0  # between two reports of the position; a waiting thread may leave at each


class QueueFullError(DeepfakeError):
    """The queue has its maximum length."""


class PredictionQueue:
    """A queue of threads, of which one predicts at a time.

    One thread at a time may use the network, because heat maps set hooks in it, and the process that
    decodes handles one file at a time.

    Args:
        max_waiting: maximum number of threads that wait behind the one that predicts.
    """

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._tickets: deque[object] = deque()
        self._changed = Condition()

    def __len__(self) -> int:
        return len(self._tickets)

    @contextmanager
    def turn(
        self, report_position: Callable[[int], None] = lambda _: None, may_be_full: bool = False
    ) -> Iterator[None]:
        """Wait for this thread's turn, which ends with the block, also by an error.

        Args:
            report_position: called with the number of threads ahead, when it changes and every
                second; an error that it raises leaves the queue.
            may_be_full: wait also behind a full queue.

        Raises:
            QueueFullError: the queue is full.
        """
        ticket = object()
        with self._changed:
            if len(self._tickets) > self._max_waiting and not may_be_full:
                raise QueueFullError(
                    f"the queue is full ({len(self._tickets)} files): try again later"
                )
            self._tickets.append(ticket)
        try:
            while ahead := self._ahead(ticket):
                report_position(ahead)
                self._wait(ticket, ahead)
            yield
        finally:
            with self._changed:
                self._tickets.remove(ticket)
                self._changed.notify_all()

    def _ahead(self, ticket: object) -> int:
        with self._changed:
            return self._tickets.index(ticket)

    def _wait(self, ticket: object, ahead: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._tickets.index(ticket) != ahead, UPDATE_SECONDS)
