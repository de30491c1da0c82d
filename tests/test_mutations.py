"""Tests of tests/mutations.py: corruptions are reproducible, effective and bounded."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import GROWTH, KINDS, mutate

Kind = Callable[[bytes, np.random.Generator], bytes]

DATA = np.random.default_rng(0).bytes(5000)


@given(st.binary(min_size=1, max_size=300), st.integers(0, 1000))
def test_data_changes_and_depends_on_the_seed(data: bytes, seed: int) -> None:
    before = bytes(data)
    changed = mutate(data, np.random.default_rng(seed))
    assert changed != data == before
    assert len(changed) <= len(data) + GROWTH
    assert changed == mutate(data, np.random.default_rng(seed))


@pytest.mark.parametrize("data", [b"\0", b"\xff", b"\0" * 2000, b"a"])
def test_uniform_and_tiny_data_changes(data: bytes) -> None:
    for seed in range(100):
        assert mutate(data, np.random.default_rng(seed)) != data


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_changes_a_file_in_many_ways(kind: Kind) -> None:
    results = {kind(DATA, np.random.default_rng(seed)) for seed in range(50)} - {DATA}
    assert len(results) >= 40
    lengths = {len(changed) for changed in results}
    if kind.__name__ in {"flip_bytes", "overwrite_block", "swap_parts", "change_size", "splice"}:
        assert lengths == {len(DATA)}
    elif kind.__name__ == "repeat_part":
        assert min(lengths) > len(DATA)
    else:
        assert max(lengths) < len(DATA)


def test_growth_is_bounded_for_large_files() -> None:
    data = bytes(range(256)) * 2000
    assert len(data) > 2 * GROWTH
    assert max(len(mutate(data, np.random.default_rng(seed))) for seed in range(200)) <= (
        len(data) + GROWTH
    )


def test_empty_data_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to corrupt"):
        mutate(b"", np.random.default_rng(0))
