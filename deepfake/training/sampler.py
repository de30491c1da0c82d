"""Which crops an epoch of training reads, and in what order: pairs of a REAL and a FAKE crop."""

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch.utils.data import Sampler

from deepfake.core.labels import REAL, Floats, Integers
from deepfake.params.schema import TrainParams

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


class PairSampler(Sampler[ExampleKey]):
    """Pairs of a REAL and a FAKE example, as many as fill an epoch, drawn again for each epoch.

    Within a label every video is drawn equally often, so that long videos do not dominate. With
    `balance_methods`, so is every method. Augmentation uses the same random numbers for both
    examples of a pair, so that it cannot reveal the label. A pair is one of three kinds:

    - a REAL crop and a FAKE image blended from it alone, for the share `self_blended` of all pairs;
    - a FAKE crop and the crop of its original at the same moment, for the share `pairs` of the
      others, if the original is in the table;
    - a FAKE crop and any REAL crop.

    Args:
        table: one row per crop, with video_id, label, method, original and frame.
        blendable: whether the landmarks of each row are known. Only REAL rows among these are
            blended.
        params: the train section of params.yaml.
    """

    def __init__(
        self, table: pd.DataFrame, blendable: NDArray[np.bool_], params: TrainParams
    ) -> None:
        self.params = params
        self.epoch = 0
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

    def __len__(self) -> int:
        return 2 * -(-len(self.real_weights) // 2)

    def __iter__(self) -> Iterator[ExampleKey]:
        rng = np.random.default_rng([self.params.seed, self.epoch])
        count = len(self) // 2
        fakes = systematic_sample(self.fake_weights, count, rng)
        reals = systematic_sample(self.real_weights, count, rng)
        with_original = rng.random(count) < self.params.pairs
        self_blended = rng.random(count) < self.params.self_blended
        to_blend = (
            systematic_sample(self.blendable_weights, count, rng) if self_blended.any() else reals
        )
        seeds = rng.integers(2**62, size=count)
        for pair in range(count):
            seed = int(seeds[pair])
            if self_blended[pair]:
                row = int(to_blend[pair])
                yield from (ExampleKey(row, TARGET, seed), ExampleKey(row, BLENDED, seed))
                continue
            real, fake = int(reals[pair]), int(fakes[pair])
            if with_original[pair]:
                real = self._original_crop(fake, default=real)
            yield from (ExampleKey(real, UNCHANGED, seed), ExampleKey(fake, UNCHANGED, seed))

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
        weights: of each position; at least one is above 0.
        count: number of positions to draw.
        rng: source of the randomness.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> sorted(systematic_sample(np.array([1.0, 0.0, 3.0]), 4, rng).tolist())
        [0, 2, 2, 2]
    """
    order = rng.permutation(np.flatnonzero(weights))
    ends = np.cumsum(weights[order])
    marks = (np.arange(count) + rng.random()) * (ends[-1] / count)
    places = np.searchsorted(ends, marks, side="right").clip(max=len(order) - 1)
    return rng.permutation(order[places])
