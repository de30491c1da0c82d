"""Groups of files for the network: the same whichever file is ready first, and none is lost."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from deepfake.predict.batches import OrderedGroups

SIZES = [1, 3, 0, 5, 4, 1, 1, 9, 0, 2]
GROUPS = [[1, 3], [0, 5], [4], [1, 1, 9], [0, 2]]  # the last one is not full


@pytest.mark.parametrize("seed", range(5))
def test_groups_do_not_depend_on_which_file_is_ready_first(seed: int) -> None:
    computed: list[Sequence[tuple[int, int]]] = []

    def compute(group: Sequence[tuple[int, int]]) -> list[int]:
        computed.append(group)
        return [10 * position for position, _ in group]

    groups = OrderedGroups(len(SIZES), lambda item: item[1], 4, compute)
    positions = random.Random(seed).sample(range(len(SIZES)), len(SIZES))
    with ThreadPoolExecutor(3) as threads:
        added = threads.map(lambda at: (at, groups.add(at, (at, SIZES[at]))), positions)
        futures = dict(added)
    assert [futures[at].result(0) for at in range(len(SIZES))] == [*range(0, 100, 10)]
    assert [[size for _, size in group] for group in sorted(computed)] == GROUPS


def test_an_error_is_in_the_futures_of_its_group_only() -> None:
    def compute(group: Sequence[int]) -> list[float]:
        return [1 / item for item in group]

    groups = OrderedGroups(3, lambda _: 1, 2, compute)
    futures = [groups.add(position, item) for position, item in enumerate((1, 0, 2))]
    for future in futures[:2]:
        with pytest.raises(ZeroDivisionError):
            future.result(0)
    assert futures[2].result(0) == 0.5


def test_a_file_waits_for_the_rest_of_its_group() -> None:
    groups = OrderedGroups(3, lambda _: 1, 2, lambda group: group)
    first = groups.add(0, "a")
    assert not first.done()
    assert groups.add(1, "b").done()
    assert first.result(0) == "a"
