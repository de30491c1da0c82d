"""Which crops an epoch of training reads, and in what order: pairs of a REAL and a FAKE crop."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch.utils.data import Sampler

from deepfake.core.labels import REAL, Floats, Integers
from deepfake.params.schema import TrainParams
from deepfake.training.domains import list_domains
from deepfake.training.processes import Processes

UNCHANGED: Final = "unchanged"
BLENDED: Final = "blended"
TARGET: Final = "target"


class ExampleKey(NamedTuple):
    """What `CropDataset` needs to make one training example.

    Attributes:
        row: of the table of crops.
        variant: the crop unchanged, or one image of the self-blended pair made from it: the FAKE
            image ("blended") or the REAL one ("target").
        seed: of everything random in the example. Both examples of a pair have the same seed.
    """

    row: int
    variant: Literal["unchanged", "blended", "target"]
    seed: int


Pair = tuple[ExampleKey, ExampleKey]  # REAL, FAKE


class EpochSampler(Sampler[ExampleKey]):
    """The examples of an epoch, as many as there are crops, drawn again for each epoch.

    Every domain gives its share of the pairs. They are interleaved, so that every batch has the
    domains in about these shares.

    Args:
        table: one row per crop, with video_id, label, method, original and frame, and dataset if
            there are domains.
        blendable: whether the landmarks of each row are known.
        params: the train section of params.yaml.

    Raises:
        TrainingError: a data set is in no domain.
    """

    def __init__(
        self, table: pd.DataFrame, blendable: NDArray[np.bool_], params: TrainParams
    ) -> None:
        self.seed = params.seed
        self.epoch = 0
        self.pair_count = -(-len(table) // 2)
        self.domains = list_domains(table, params, "train")
        self.samplers = [
            PairSampler(
                table.iloc[domain.rows], blendable[domain.rows], params, domain.self_blended
            )
            for domain in self.domains
        ]

    def __len__(self) -> int:
        return 2 * self.pair_count

    def __iter__(self) -> Iterator[ExampleKey]:
        rng = np.random.default_rng([self.seed, self.epoch])
        counts = share_out(self.pair_count, [domain.share for domain in self.domains])
        pairs = [
            [key._replace(row=int(domain.rows[key.row])) for key in pair]
            for domain, sampler, count in zip(self.domains, self.samplers, counts, strict=True)
            for pair in sampler.pairs(count, rng)
        ]
        for position in interleaved(counts):
            yield from pairs[position]


class BatchShares(Sampler[list[ExampleKey]]):
    """The examples of one process in each batch of an epoch.

    Args:
        examples: of an epoch.
        batch_size: number of examples in a batch of all processes.
        processes: this process among those that train.
    """

    def __init__(self, examples: EpochSampler, batch_size: int, processes: Processes) -> None:
        self.examples, self.batch_size, self.processes = examples, batch_size, processes

    def __len__(self) -> int:
        return -(-len(self.examples) // self.batch_size)

    def __iter__(self) -> Iterator[list[ExampleKey]]:
        examples = iter(self.examples)
        while batch := list(islice(examples, self.batch_size)):
            yield self.processes.share(batch)


def share_out(count: int, shares: Sequence[float]) -> list[int]:
    """Divide `count` in the proportion of `shares`, each part rounded up or down.

    Example:
        >>> share_out(10, [0.6, 0.25, 0.15])
        [6, 2, 2]
    """
    ends = np.round(np.cumsum(shares) / np.sum(shares) * count).astype(int)
    return [int(part) for part in np.diff(ends, prepend=0)]


def interleaved(counts: Sequence[int]) -> Integers:
    """An even mixture of several sequences: positions in their concatenation.

    Example:
        >>> interleaved([4, 2]).tolist()
        [0, 4, 1, 2, 5, 3]
    """
    places = np.concatenate([(np.arange(count) + 0.5) / max(1, count) for count in counts])
    return np.argsort(places, kind="stable")


class PairSampler:
    """Pairs of a REAL and a FAKE example of one domain.

    Within a label every video is drawn equally often, so that long videos do not dominate. With
    `balance_methods`, so is every method. Augmentation uses the same random numbers for both
    examples of a pair, so that it cannot reveal the label. A pair is one of three kinds:

    - a REAL crop and a FAKE image blended from it alone, for the share `self_blended` of all pairs;
    - a FAKE crop and the crop of its original at the same moment, for the share `pairs` of the
      others, if the original is in the table;
    - a FAKE crop and any REAL crop.

    Args:
        table: one row per crop, with video_id, label, method, original and frame. It may lack FAKE
            if all pairs are self-blended.
        blendable: whether the landmarks of each row are known. Only REAL rows among these are
            blended.
        params: the train section of params.yaml.
        self_blended: fraction of the pairs that are self-blended.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        blendable: NDArray[np.bool_],
        params: TrainParams,
        self_blended: float,
    ) -> None:
        self.with_original = params.pairs
        self.self_blended = self_blended
        real = (table["label"] == REAL).to_numpy()
        by_video = 1 / table.groupby("video_id")["label"].transform("size").to_numpy(float)
        self.real_weights = by_video * real
        self.fake_weights = by_video * ~real
        if params.balance_methods:
            by_method = pd.Series(self.fake_weights).groupby(table["method"].to_numpy())
            # The sum of the method "real" is 0.
            self.fake_weights /= by_method.transform("sum").to_numpy().clip(1e-9)
        self.blendable_weights = self.real_weights * blendable
        self.frames = table["frame"].to_numpy()
        self.originals = _rows_of_originals(table)

    def pairs(self, count: int, rng: np.random.Generator) -> Iterator[Pair]:
        """`count` pairs; the rows of their keys are positions in the table of the domain."""
        if count == 0:
            return
        fakes = systematic_sample(self.fake_weights, count, rng)
        reals = systematic_sample(self.real_weights, count, rng)
        with_original = rng.random(count) < self.with_original
        self_blended = rng.random(count) < self.self_blended
        to_blend = (
            systematic_sample(self.blendable_weights, count, rng) if self_blended.any() else reals
        )
        seeds = rng.integers(2**62, size=count)
        for pair in range(count):
            seed = int(seeds[pair])
            if self_blended[pair]:
                row = int(to_blend[pair])
                yield ExampleKey(row, TARGET, seed), ExampleKey(row, BLENDED, seed)
                continue
            real, fake = int(reals[pair]), int(fakes[pair])
            if with_original[pair]:
                real = self._original_crop(fake, default=real)
            yield ExampleKey(real, UNCHANGED, seed), ExampleKey(fake, UNCHANGED, seed)

    def _original_crop(self, fake: int, default: int) -> int:
        """The row of the original of a FAKE crop, nearest in time; `default` if there is none."""
        rows = self.originals.get(fake)
        if rows is None:
            return default
        return int(rows[np.abs(self.frames[rows] - self.frames[fake]).argmin()])


def _rows_of_originals(table: pd.DataFrame) -> dict[int, Integers]:
    """The rows of the original's crops, by the row of each FAKE crop whose original is in the table.

    A FAKE names the video_id of its original, or a name that the `original` column of both holds.
    """
    row_numbers = pd.Series(np.arange(len(table)), index=table.index)
    real = table["label"] == REAL
    rows: dict[str, Integers] = {}
    for column in ("original", "video_id"):
        named = row_numbers[real & (table[column] != "")]
        rows |= {str(name): part.to_numpy() for name, part in named.groupby(table[column])}
    fakes = zip(row_numbers[~real], table.loc[~real, "original"], strict=True)
    return {int(row): rows[name] for row, name in fakes if name in rows}


def systematic_sample(weights: Floats, count: int, rng: np.random.Generator) -> Integers:
    """Positions drawn in proportion to their weights, in random order.

    Systematic sampling: equal steps through the cumulative weights from a random start. Each
    position occurs as often as expected from its weight, rounded up or down.

    Args:
        weights: of each position.
        count: number of positions to draw.
        rng: source of the randomness.

    Returns:
        `count` positions; none if no weight is above 0.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> sorted(systematic_sample(np.array([1.0, 0.0, 3.0]), 4, rng).tolist())
        [0, 2, 2, 2]
    """
    order = rng.permutation(np.flatnonzero(weights))
    if not len(order):
        return order
    ends = np.cumsum(weights[order])
    marks = (np.arange(count) + rng.random()) * (ends[-1] / count)
    places = np.searchsorted(ends, marks, side="right").clip(max=len(order) - 1)
    return rng.permutation(order[places])
