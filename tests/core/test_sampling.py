"""Tests of core/sampling.py: the requested number of indices, with gaps as equal as possible."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake.core.sampling import evenly_spaced


@given(st.integers(0, 3000), st.integers(1, 300))
def test_evenly_spaced(count: int, wanted: int) -> None:
    indices = evenly_spaced(count, wanted)
    assert len(indices) == min(count, wanted)
    assert indices == sorted(set(indices))
    assert all(0 <= index < count for index in indices)
    if count >= wanted:
        gaps = np.diff(indices)
        assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1
        before, after = indices[0], count - 1 - indices[-1]
        assert abs(before - after) <= 1


@pytest.mark.parametrize(
    ("count", "wanted", "indices"),
    [
        (0, 4, []),
        (1, 1, [0]),
        (3, 8, [0, 1, 2]),
        (8, 8, list(range(8))),
        (9, 1, [4]),
        (10, 4, [1, 3, 6, 8]),
        (100, 4, [12, 37, 62, 87]),
    ],
)
def test_evenly_spaced_by_hand(count: int, wanted: int, indices: list[int]) -> None:
    assert evenly_spaced(count, wanted) == indices
