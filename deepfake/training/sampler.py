"""Which crops an epoch of training sees, and in what order: REAL and FAKE in pairs."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch.utils.data import Sampler

from deepfake.core.labels import Floats
from deepfake.params.schema import TrainParams

Rows = NDArray[np.int64]
WHOLE: Literal["whole"] = "whole"
BLENDED: Literal["blended"] = "blended"
TARGET: Literal["target"] = "target"


class Draw(NamedTuple):
    """One example of an epoch.

    Attributes:
        row: of the table of crops.
        part: the crop as it is, or one half of the self-blended pair that is made of it: the FAKE
            ("blended") or the REAL one ("target").
        seed: of all that is random in it; the two of a pair have the same.
    """

    row: int
    part: Literal["whole", "blended", "target"]
    seed: int


class PairSampler(Sampler[Draw]):
    """Pairs of a REAL and a FAKE crop, as many as fill an epoch, drawn anew in each.

    Within a label every video comes equally often, so long ones do not dominate, and with
    `balance_methods` so does every method. In a pair, augmentation draws the same random numbers, so
    that it cannot tell the label. What is beside a FAKE is one of, by the shares in `params`,

    - `self_blended`: a REAL crop, and the FAKE that is blended of it alone;
    - `pairs` of the others: the crop of its own original at the same time of the video, where that
      is in the table;
    - any REAL crop.

    Args:
        table: rows with video_id, label, method, original and frame.
        blendable: of every row, whether landmarks are known; `self_blended` uses REAL ones of these.
        params: the train section of params.yaml.
    """

    def __init__(
        self, table: pd.DataFrame, blendable: NDArray[np.bool_], params: TrainParams
    ) -> None:
        self.params = params
        self.epoch = 0
        real = (table["label"] == 0).to_numpy()
        by_video = 1 / table.groupby("video_id")["label"].transform("size").to_numpy(float)
        self.real = by_video * real
        self.fake = by_video * ~real
        if params.balance_methods:
            of_method = pd.Series(self.fake).groupby(table["method"].to_numpy()).transform("sum")
            self.fake /= of_method.to_numpy().clip(1e-9)  # 0 for "real"
        self.blendable = self.real * blendable
        self.frames = table["frame"].to_numpy()
        self.originals = _crops_of_originals(table)

    def __len__(self) -> int:
        return 2 * -(-len(self.real) // 2)

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self.params.seed, self.epoch])
        pairs = len(self) // 2
        fakes, reals = drawn(self.fake, pairs, rng), drawn(self.real, pairs, rng)
        beside = rng.random(pairs) < self.params.pairs
        blended = rng.random(pairs) < self.params.self_blended
        bases = drawn(self.blendable, pairs, rng) if blended.any() else reals
        seeds = rng.integers(2**62, size=pairs)
        for pair in range(pairs):
            seed = int(seeds[pair])
            if blended[pair]:
                row = int(bases[pair])
                yield from (Draw(row, TARGET, seed), Draw(row, BLENDED, seed))
                continue
            real, fake = int(reals[pair]), int(fakes[pair])
            if beside[pair]:
                real = self._original(fake, real)
            yield from (Draw(real, WHOLE, seed), Draw(fake, WHOLE, seed))

    def _original(self, fake: int, otherwise: int) -> int:
        """The row of the same moment of a FAKE's original, if there is one."""
        rows = self.originals.get(fake)
        if rows is None:
            return otherwise
        return int(rows[np.abs(self.frames[rows] - self.frames[fake]).argmin()])


def _crops_of_originals(table: pd.DataFrame) -> dict[int, Rows]:
    """For the rows of FAKE crops whose original is in the table, the rows of the original's crops.

    A FAKE names the video_id of its original; where originals are names only, both have the name.
    """
    number = pd.Series(np.arange(len(table)), index=table.index)
    real = table["label"] == 0
    rows: dict[str, Rows] = {}
    for column in ("original", "video_id"):
        named = number[real & (table[column] != "")]
        rows |= {str(name): part.to_numpy() for name, part in named.groupby(table[column])}
    fakes = zip(number[~real], table.loc[~real, "original"], strict=True)
    return {int(row): rows[name] for row, name in fakes if name in rows}


def drawn(weights: Floats, count: int, rng: np.random.Generator) -> Rows:
    """Positions, each as often as its weight says to less than one more or less, in random order.

    This is systematic sampling: equal steps through the summed weights, from a random start.

    Args:
        weights: at least one is above 0.
        count: how many are drawn.

    Example:
        >>> sorted(drawn(np.array([1.0, 0.0, 3.0]), 4, np.random.default_rng(0)).tolist())
        [0, 2, 2, 2]
    """
    order = rng.permutation(np.flatnonzero(weights))
    ends = np.cumsum(weights[order])
    marks = (np.arange(count) + rng.random()) * (ends[-1] / count)
    found = np.searchsorted(ends, marks, side="right").clip(max=len(order) - 1)
    return rng.permutation(order[found])
