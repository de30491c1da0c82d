"""The examples of an epoch: pairs, balanced and repeatable, with originals or self-blended."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepfake.core.labels import FAKE, REAL
from deepfake.params.loading import load_params
from deepfake.params.schema import DomainParams, TrainParams
from deepfake.training.sampler import (
    BLENDED,
    TARGET,
    UNCHANGED,
    EpochSampler,
    ExampleKey,
    interleaved,
    share_out,
    systematic_sample,
)

LENGTHS = {"r0": 10, "r1": 90, "f0": 20, "f1": 180, "f2": 201}
METHODS = {"r0": "real", "r1": "real", "f0": "swap", "f1": "swap", "f2": "drive"}
ORIGINALS = {"r0": "", "r1": "", "f0": "r0", "f1": "r1", "f2": "elsewhere"}


@pytest.fixture
def params(repository: Path) -> TrainParams:
    changes = {"pairs": 0.0, "self_blended": 0.0, "balance_methods": False, "seed": 0}
    return load_params(repository / "params.yaml").train.model_copy(update=changes)


@pytest.fixture
def table() -> pd.DataFrame:
    """Four times as many FAKE as REAL crops, and videos of very different lengths."""
    rows = [
        (video, FAKE if video[0] == "f" else REAL, METHODS[video], ORIGINALS[video], 3 * number)
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
) -> list[ExampleKey]:
    """The examples of an epoch, with some parameters changed."""
    blendable_rows = np.broadcast_to(blendable, len(table))
    sampler = EpochSampler(table, blendable_rows, params.model_copy(update=changes))
    sampler.epoch = number
    keys = list(sampler)
    assert len(keys) == len(sampler)
    return keys


def shares(table: pd.DataFrame, keys: list[ExampleKey]) -> dict[str, float]:
    """Fraction of the examples by video."""
    counts = Counter(table["video_id"].iloc[key.row] for key in keys)
    return {video: count / len(keys) for video, count in counts.items()}


def test_an_epoch_is_pairs_of_real_and_fake(table: pd.DataFrame, params: TrainParams) -> None:
    keys = epoch(table, params)
    assert len(keys) == 502  # one more than the odd number of crops
    assert [int(table["label"].iloc[key.row]) for key in keys] == [REAL, FAKE] * 251
    assert all(key.variant == UNCHANGED for key in keys)
    seeds = [key.seed for key in keys]
    assert seeds[::2] == seeds[1::2]
    assert len(set(seeds)) == 251


def test_videos_are_drawn_evenly(table: pd.DataFrame, params: TrainParams) -> None:
    expected = {"r0": 1 / 4, "r1": 1 / 4, "f0": 1 / 6, "f1": 1 / 6, "f2": 1 / 6}
    keys = [key for number in range(10) for key in epoch(table, params, number)]
    assert shares(table, keys) == pytest.approx(expected, abs=0.01)


def test_methods_are_drawn_evenly(table: pd.DataFrame, params: TrainParams) -> None:
    expected = {"r0": 1 / 4, "r1": 1 / 4, "f0": 1 / 8, "f1": 1 / 8, "f2": 1 / 4}
    keys = [
        key for number in range(10) for key in epoch(table, params, number, balance_methods=True)
    ]
    assert shares(table, keys) == pytest.approx(expected, abs=0.01)


def test_a_fake_is_paired_with_its_original(table: pd.DataFrame, params: TrainParams) -> None:
    """With its crop nearest in time; without an original in the table, with any REAL crop."""
    keys = epoch(table, params, pairs=1.0)
    paired: dict[str, set[str]] = {}
    for one, other in zip(keys[::2], keys[1::2], strict=True):
        real, fake = table.iloc[one.row], table.iloc[other.row]
        paired.setdefault(fake["video_id"], set()).add(real["video_id"])
        if fake["original"] != "elsewhere":
            last = 3 * (LENGTHS[real["video_id"]] - 1)
            assert real["frame"] == min(fake["frame"], last)
    assert paired == {"f0": {"r0"}, "f1": {"r1"}, "f2": {"r0", "r1"}}


def test_original_may_be_a_name_shared_by_both(table: pd.DataFrame, params: TrainParams) -> None:
    """As in tables of images, where a REAL image has the same `original` as its fakes."""
    names = table["video_id"].replace({"r0": "x", "r1": "y", "f0": "x", "f1": "y", "f2": "none"})
    keys = epoch(table.assign(original=names), params, pairs=1.0)
    paired = {
        (table["video_id"].iloc[fake.row], table["video_id"].iloc[real.row])
        for real, fake in zip(keys[::2], keys[1::2], strict=True)
    }
    assert paired == {("f0", "r0"), ("f1", "r1"), ("f2", "r0"), ("f2", "r1")}


def test_share_of_pairs(table: pd.DataFrame, params: TrainParams) -> None:
    with_original = 0
    for number in range(20):
        keys = epoch(table, params, number, pairs=0.5)
        for real, fake in zip(keys[::2], keys[1::2], strict=True):
            names = table["video_id"].iloc[[real.row, fake.row]].tolist()
            with_original += names in (["r0", "f0"], ["r1", "f1"])
    # Two thirds of the fakes have an original: half of them get it, the rest in half of the cases.
    assert with_original / (20 * 251) == pytest.approx(2 / 3 * 3 / 4, abs=0.03)


def test_self_blended_pairs(table: pd.DataFrame, params: TrainParams) -> None:
    """They come from REAL crops with landmarks alone; the other pairs are unchanged crops."""
    blendable = np.arange(len(table)) % 2 == 0
    keys = epoch(table, params, blendable=blendable, self_blended=0.5)
    blended = [key for key in keys if key.variant != UNCHANGED]
    assert len(blended) / len(keys) == pytest.approx(0.5, abs=0.1)
    for target, fake in zip(blended[::2], blended[1::2], strict=True):
        assert (target.variant, fake.variant) == (TARGET, BLENDED)
        assert (target.row, target.seed) == (fake.row, fake.seed)
        assert blendable[target.row]
        assert table["label"].iloc[target.row] == REAL
    unchanged = [table["label"].iloc[key.row] for key in keys if key.variant == UNCHANGED]
    assert unchanged == [REAL, FAKE] * (len(unchanged) // 2)


def test_self_blended_pairs_alone_use_no_fake_crop(
    table: pd.DataFrame, params: TrainParams
) -> None:
    keys = epoch(table, params, blendable=True, self_blended=1.0)
    assert {table["label"].iloc[key.row] for key in keys} == {REAL}
    assert {key.variant for key in keys} == {TARGET, BLENDED}


def test_examples_depend_on_seed_and_epoch(table: pd.DataFrame, params: TrainParams) -> None:
    first = epoch(table, params)
    assert epoch(table, params) == first
    assert epoch(table, params, 1) != first
    assert epoch(table, params, seed=7) != first


DOMAINS = {
    "swaps": DomainParams(datasets=["a", "b"], share=0.6, self_blended=0.25),
    "photos": DomainParams(datasets=["photos"], share=0.25, self_blended=1.0),
    "faces": DomainParams(datasets=["faces"], share=0.15, self_blended=0.0),
}


@pytest.fixture
def mixed(table: pd.DataFrame) -> pd.DataFrame:
    """Three domains: swaps in two data sets, photos that are all REAL, faces of both labels."""
    parts = [
        table.assign(dataset=np.where(table["video_id"].isin(["r0", "f0"]), "a", "b")),
        table[table["label"] == REAL].assign(dataset="photos"),
        table.query("frame == 0").assign(dataset="faces", original=""),
    ]
    joined = pd.concat(parts, ignore_index=True)
    return joined.assign(video_id=joined["dataset"] + "/" + joined["video_id"])


def test_every_batch_has_the_share_of_every_domain(
    mixed: pd.DataFrame, params: TrainParams
) -> None:
    keys = epoch(mixed, params, blendable=True, domains=DOMAINS)
    names = {name: key for key, one in DOMAINS.items() for name in one.datasets}
    domains = mixed["dataset"].map(names).to_numpy()[[key.row for key in keys[::2]]]
    assert (mixed["label"].to_numpy()[[key.row for key in keys[1::2]]] == FAKE).any()
    for start in range(0, len(domains) - 32, 32):
        counts = Counter(domains[start : start + 32])
        for name, domain in DOMAINS.items():
            assert counts[name] == pytest.approx(32 * domain.share, abs=1.01)


def test_pairs_stay_in_their_domain_and_blend_as_it_says(
    mixed: pd.DataFrame, params: TrainParams
) -> None:
    keys = epoch(mixed, params, blendable=True, domains=DOMAINS, pairs=1.0)
    blended: dict[str, list[bool]] = {}
    for real, fake in zip(keys[::2], keys[1::2], strict=True):
        one, other = mixed.iloc[real.row], mixed.iloc[fake.row]
        groups = [
            {"a": "ab", "b": "ab"}.get(row["dataset"], row["dataset"]) for row in (one, other)
        ]
        assert groups[0] == groups[1]
        assert real.seed == fake.seed
        assert one["label"] == REAL
        blended.setdefault(groups[0], []).append(fake.variant == BLENDED)
        assert (other["label"] == FAKE) == (fake.variant == UNCHANGED)
    assert np.mean(blended["ab"]) == pytest.approx(0.25, abs=0.08)
    assert all(blended["photos"])
    assert not any(blended["faces"])


def test_one_domain_of_everything_is_the_same_as_none(
    mixed: pd.DataFrame, params: TrainParams
) -> None:
    everything = DomainParams(datasets=["a", "b", "photos", "faces"], share=1.0, self_blended=0.5)
    one = epoch(mixed, params, blendable=True, domains={"everything": everything})
    assert one == epoch(mixed, params, blendable=True, self_blended=0.5)


@pytest.mark.parametrize("counts", [[], [0], [5], [0, 3], [6, 2, 2], [1, 1, 1], [100, 7]])
def test_interleaving_is_even(counts: list[int]) -> None:
    order = interleaved(counts) if counts else np.zeros(0, int)
    assert sorted(order) == list(range(sum(counts)))
    source = np.repeat(np.arange(len(counts)), counts)[order.astype(int)]
    for number, count in enumerate(counts):
        seen = np.cumsum(source == number)
        expected = np.arange(1, len(source) + 1) * count / max(1, len(source))
        assert (np.abs(seen - expected) <= len(counts)).all()


@pytest.mark.parametrize("count", [0, 1, 10, 11, 999])
def test_shares_are_kept(count: int) -> None:
    shares = [0.6, 0.25, 0.15]
    parts = share_out(count, shares)
    assert sum(parts) == count
    assert all(abs(part - share * count) < 1 for part, share in zip(parts, shares, strict=True))


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_systematic_sampling(count: int) -> None:
    weights = np.array([0.0, 1.0, 0.5, 3.0, 0.0])
    for seed in range(50):
        positions = systematic_sample(weights, count, np.random.default_rng(seed))
        counts = np.bincount(positions, minlength=5)
        assert counts.sum() == count
        assert (np.abs(counts - count * weights / weights.sum()) < 1).all()


def test_order_of_the_sample_is_random() -> None:
    positions = systematic_sample(np.ones(50), 50, np.random.default_rng(0))
    assert sorted(positions) == list(range(50))
    assert (np.diff(positions) < 0).sum() > 10
