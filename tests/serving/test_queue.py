"""One thread at a time, in order, and a maximum length."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from deepfake.serving.queue import PredictionQueue, QueueFullError


def wait_for_length(queue: PredictionQueue, count: int) -> None:
    for _ in range(1000):
        if len(queue) == count:
            return
        time.sleep(0.01)
    raise AssertionError(f"{len(queue)} in the queue, not {count}")


def test_threads_take_turns_in_the_order_of_arrival() -> None:
    queue = PredictionQueue(max_waiting=5)
    order: list[int] = []
    inside = 0

    def work(number: int) -> None:
        nonlocal inside
        with queue.turn():
            inside += 1
            assert inside == 1
            order.append(number)
            inside -= 1

    with ThreadPoolExecutor(5) as threads:
        with queue.turn():
            futures = []
            for number in range(5):
                futures.append(threads.submit(work, number))
                wait_for_length(queue, number + 2)
        for future in futures:
            future.result(timeout=10)
    assert order == [0, 1, 2, 3, 4]
    assert len(queue) == 0


def test_a_waiting_thread_gets_its_position() -> None:
    queue = PredictionQueue(max_waiting=1)
    positions: list[int] = []
    reported = threading.Event()

    def report(ahead: int) -> None:
        positions.append(ahead)
        reported.set()

    def wait() -> None:
        with queue.turn(report):
            pass

    with ThreadPoolExecutor(1) as threads:
        with queue.turn(report):
            assert positions == [], "the first thread does not wait"
            future = threads.submit(wait)
            assert reported.wait(10)
        future.result(timeout=10)
    assert set(positions) == {1}


def test_a_full_queue_refuses() -> None:
    queue = PredictionQueue(max_waiting=0)
    with queue.turn():
        with pytest.raises(QueueFullError, match=r"the queue is full \(1 files\)"), queue.turn():
            pass
        assert len(queue) == 1
    with queue.turn():
        pass


def test_an_error_ends_the_turn() -> None:
    queue = PredictionQueue(max_waiting=0)
    for _ in range(2):
        with pytest.raises(RuntimeError), queue.turn():
            raise RuntimeError
    assert len(queue) == 0


def test_an_error_while_waiting_leaves_the_queue() -> None:
    queue = PredictionQueue(max_waiting=1)

    def leave(_: int) -> None:
        raise RuntimeError

    with queue.turn():
        with pytest.raises(RuntimeError), queue.turn(leave):
            pass
        assert len(queue) == 1
