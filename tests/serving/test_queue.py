"""One at a time, in order, and no endless queue."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from deepfake.serving.queue import BusyError, Turns


def until(turns: Turns, count: int) -> None:
    for _ in range(1000):
        if len(turns) == count:
            return
        time.sleep(0.01)
    raise AssertionError(f"{len(turns)} in line, not {count}")


def test_one_at_a_time_in_the_order_of_their_coming() -> None:
    turns = Turns(waiting=5)
    order: list[int] = []
    inside = 0

    def work(number: int) -> None:
        nonlocal inside
        with turns.turn():
            inside += 1
            assert inside == 1
            order.append(number)
            inside -= 1

    with ThreadPoolExecutor(5) as threads:
        with turns.turn():
            futures = []
            for number in range(5):
                futures.append(threads.submit(work, number))
                until(turns, number + 2)
        for future in futures:
            future.result(timeout=10)
    assert order == [0, 1, 2, 3, 4]
    assert len(turns) == 0


def test_who_waits_is_told_how_many_come_first() -> None:
    turns = Turns(waiting=1)
    told: list[int] = []
    heard = threading.Event()

    def tell(ahead: int) -> None:
        told.append(ahead)
        heard.set()

    def wait() -> None:
        with turns.turn(tell):
            pass

    with ThreadPoolExecutor(1) as threads:
        with turns.turn(tell):
            assert told == [], "nobody is before the first"
            future = threads.submit(wait)
            assert heard.wait(10)
        future.result(timeout=10)
    assert set(told) == {1}


def test_a_full_queue_turns_away() -> None:
    turns = Turns(waiting=0)
    with turns.turn():
        with pytest.raises(BusyError, match="1 files are waiting already"), turns.turn():
            pass
        assert len(turns) == 1
    with turns.turn():
        pass


def test_an_error_lets_the_next_one_in() -> None:
    turns = Turns(waiting=0)
    for _ in range(2):
        with pytest.raises(RuntimeError), turns.turn():
            raise RuntimeError
    assert len(turns) == 0


def test_who_gives_up_while_waiting_leaves_the_queue() -> None:
    turns = Turns(waiting=1)

    def give_up(_: int) -> None:
        raise RuntimeError

    with turns.turn():
        with pytest.raises(RuntimeError), turns.turn(give_up):
            pass
        assert len(turns) == 1
