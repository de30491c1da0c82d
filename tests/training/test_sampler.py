"""What an epoch draws: pairs, balanced, repeatable, each FAKE beside its original if so wished."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepfake.params.loading import load_params
from deepfake.params.schema import TrainParams
from deepfake.training.sampler import BLENDED, TARGET, WHOLE, Draw, PairSampler, drawn

LENGTHS = {"r0": 10, "r1": 90, "f0": 20, "f1": 180, "f2": 201}
METHODS = {"r0": "real", "r1": "real", "f0": "swap", "f1": "swap", "f2": "drive"}
ORIGINALS = {"r0": "", "r1": "", "f0": "r0", "f1": "r1", "f2": "elsewhere"}


@pytest.fixture
def params(repository: Path) -> TrainParams:
    changes = {"pairs": 0.0, "self_blended": 0.0, "balance_methods": False, "seed": 0}
    return load_params(repository / "params.yaml").train.model_copy(update=changes)


@pytest.fixture
def table() -> pd.DataFrame:
    """REAL to FAKE as 1 to 4 in crops, and videos of very different lengths."""
    rows = [
        (video, int(video[0] == "f"), METHODS[video], ORIGINALS[video], 3 * number)
        for video, count in LENGTHS.items()
        for number in range(count)
    ]
    return pd.DataFrame(rows, columns=["video_id", "label", "method", "original", "frame"])


def epoch(
    table: pd.DataFrame,
    params: TrainParams,
    number: int = 0,
    blendable: Any = False,
    **changes: Any,
) -> list[Draw]:
    known = np.broadcast_to(blendable, len(table))
    sampler = PairSampler(table, known, params.model_copy(update=changes))
    sampler.epoch = number
    found = list(sampler)
    assert len(found) == len(sampler)
    return found


def shares(table: pd.DataFrame, draws: list[Draw]) -> dict[str, float]:
    counts = Counter(table["video_id"].iloc[draw.row] for draw in draws)
    return {video: count / len(draws) for video, count in counts.items()}


def test_an_epoch_is_pairs_of_real_and_fake(table: pd.DataFrame, params: TrainParams) -> None:
    draws = epoch(table, params)
    assert len(draws) == 502  # one more than there are crops: the number is odd
    assert [int(table["label"].iloc[draw.row]) for draw in draws] == [0, 1] * 251
    assert all(draw.part == WHOLE for draw in draws)
    seeds = [draw.seed for draw in draws]
    assert seeds[::2] == seeds[1::2]
    assert len(set(seeds)) == 251


def test_videos_are_drawn_evenly(table: pd.DataFrame, params: TrainParams) -> None:
    expected = {"r0": 1 / 4, "r1": 1 / 4, "f0": 1 / 6, "f1": 1 / 6, "f2": 1 / 6}
    draws = [draw for number in range(10) for draw in epoch(table, params, number)]
    assert shares(table, draws) == pytest.approx(expected, abs=0.01)


def test_methods_are_drawn_evenly(table: pd.DataFrame, params: TrainParams) -> None:
    expected = {"r0": 1 / 4, "r1": 1 / 4, "f0": 1 / 8, "f1": 1 / 8, "f2": 1 / 4}
    draws = [
        draw for number in range(10) for draw in epoch(table, params, number, balance_methods=True)
    ]
    assert shares(table, draws) == pytest.approx(expected, abs=0.01)


def test_a_fake_stands_beside_its_original(table: pd.DataFrame, params: TrainParams) -> None:
    """At the same moment where there is one, else at the nearest; and any REAL where there is none."""
    draws = epoch(table, params, pairs=1.0)
    beside: dict[str, set[str]] = {}
    for one, other in zip(draws[::2], draws[1::2], strict=True):
        real, fake = table.iloc[one.row], table.iloc[other.row]
        beside.setdefault(fake["video_id"], set()).add(real["video_id"])
        if fake["original"] != "elsewhere":
            last = 3 * (LENGTHS[real["video_id"]] - 1)
            assert real["frame"] == min(fake["frame"], last)
    assert beside == {"f0": {"r0"}, "f1": {"r1"}, "f2": {"r0", "r1"}}


def test_originals_may_be_names_that_both_have(table: pd.DataFrame, params: TrainParams) -> None:
    """As in tables of images, where a REAL has the name of its fakes too."""
    names = table["video_id"].replace({"r0": "x", "r1": "y", "f0": "x", "f1": "y", "f2": "none"})
    draws = epoch(table.assign(original=names), params, pairs=1.0)
    beside = {
        (table["video_id"].iloc[fake.row], table["video_id"].iloc[real.row])
        for real, fake in zip(draws[::2], draws[1::2], strict=True)
    }
    assert beside == {("f0", "r0"), ("f1", "r1"), ("f2", "r0"), ("f2", "r1")}


def test_share_of_pairs(table: pd.DataFrame, params: TrainParams) -> None:
    together = 0
    for number in range(20):
        draws = epoch(table, params, number, pairs=0.5)
        for real, fake in zip(draws[::2], draws[1::2], strict=True):
            names = table["video_id"].iloc[[real.row, fake.row]].tolist()
            together += names in (["r0", "f0"], ["r1", "f1"])
    # Of two thirds of the fakes, half for sure and of the rest half by chance.
    assert together / (20 * 251) == pytest.approx(2 / 3 * 3 / 4, abs=0.03)


def test_self_blended_pairs(table: pd.DataFrame, params: TrainParams) -> None:
    """Of REAL crops with landmarks alone; the others stay as they are."""
    known = np.arange(len(table)) % 2 == 0
    draws = epoch(table, params, blendable=known, self_blended=0.5)
    blended = [draw for draw in draws if draw.part != WHOLE]
    assert len(blended) / len(draws) == pytest.approx(0.5, abs=0.1)
    for target, fake in zip(blended[::2], blended[1::2], strict=True):
        assert (target.part, fake.part) == (TARGET, BLENDED)
        assert (target.row, target.seed) == (fake.row, fake.seed)
        assert known[target.row]
        assert table["label"].iloc[target.row] == 0
    whole = [table["label"].iloc[draw.row] for draw in draws if draw.part == WHOLE]
    assert whole == [0, 1] * (len(whole) // 2)


def test_reals_alone(table: pd.DataFrame, params: TrainParams) -> None:
    draws = epoch(table, params, blendable=True, self_blended=1.0)
    assert {table["label"].iloc[draw.row] for draw in draws} == {0}
    assert {draw.part for draw in draws} == {TARGET, BLENDED}


def test_draws_follow_seed_and_epoch(table: pd.DataFrame, params: TrainParams) -> None:
    first = epoch(table, params)
    assert epoch(table, params) == first
    assert epoch(table, params, 1) != first
    assert epoch(table, params, seed=7) != first


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_systematic_sampling(count: int) -> None:
    weights = np.array([0.0, 1.0, 0.5, 3.0, 0.0])
    for seed in range(50):
        found = np.bincount(drawn(weights, count, np.random.default_rng(seed)), minlength=5)
        assert found.sum() == count
        assert (np.abs(found - count * weights / weights.sum()) < 1).all()


def test_order_of_draws_is_random() -> None:
    found = drawn(np.ones(50), 50, np.random.default_rng(0))
    assert sorted(found) == list(range(50))
    assert (np.diff(found) < 0).sum() > 10
