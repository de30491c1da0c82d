"""Groups of files whose crops share a batch of the network."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class OrderedGroups(Generic[T, R]):
    """Groups items by their order, whichever is ready first, and computes the results of each group.

    The thread that completes a group computes it, so threads that prepare items need no others
    beside them. Groups depend on the items alone, so that the same files give the same bytes.

    Args:
        count: number of items.
        size_of: size of an item.
        full: a group ends with the item with which its size reaches this one.
        compute: the results of a group, in its order.
    """

    def __init__(
        self,
        count: int,
        size_of: Callable[[T], int],
        full: int,
        compute: Callable[[Sequence[T]], Sequence[R]],
    ) -> None:
        self._count, self._size_of, self._full, self._compute = count, size_of, full, compute
        self._lock = Lock()
        self._early: dict[int, tuple[T, Future[R]]] = {}  # items before which one is missing
        self._next = 0  # position of the next item of the group
        self._group: list[tuple[T, Future[R]]] = []
        self._complete: deque[list[tuple[T, Future[R]]]] = deque()

    def add(self, position: int, item: T) -> "Future[R]":
        """Add an item, compute the groups that are complete, and return the item's future result.

        Any thread may add items, in any order. An error of `compute` is in the futures of its group.
        """
        future: Future[R] = Future()
        with self._lock:
            self._early[position] = item, future
            while self._next in self._early:
                self._group.append(self._early.pop(self._next))
                self._next += 1
                size = sum(self._size_of(one) for one, _ in self._group)
                if size >= self._full or self._next == self._count:
                    self._complete.append(self._group)
                    self._group = []
        while (group := self._take()) is not None:
            self._resolve(group)
        return future

    def _take(self) -> list[tuple[T, "Future[R]"]] | None:
        with self._lock:
            return self._complete.popleft() if self._complete else None

    def _resolve(self, group: list[tuple[T, "Future[R]"]]) -> None:
        try:
            results = self._compute([item for item, _ in group])
            for (_, future), result in zip(group, results, strict=True):
                future.set_result(result)
        except BaseException as error:  # whoever waits for a result raises it
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
