"""Measure what 95 % intervals that leave out one person at a time miss: people whom fakes link.

    python benchmarks/person_links.py .scratch/experiments/starter --dataset dfdc_faces

Test sets are drawn on the videos and people of the test split of a run that has evaluated its model. The
logits come from a normal model: each person has an effect on their REAL videos, on the FAKE in which their
face is replaced, and on those into which their face is put, and each pair of them has an effect too.
Variances and covariances are those of the logits of the run. Leaving out one person leaves out their REAL
videos and the FAKE in which their face is replaced, so what the other FAKE have in common is missed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from bench import markdown_table
from intervals import LIMIT, ROC_AUC
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from deepfake.core.labels import FAKE, REAL, Floats, Integers, Labels
from deepfake.core.tables import read_csv
from deepfake.evaluation.intervals import interval_of, leave_groups_out
from deepfake.evaluation.metrics import Statistics, rank_statistics, threshold_statistics
from deepfake.evaluation.predictions import Predictions
from deepfake.splits.groups import list_appearances

SHOWN = ["roc_auc", "pr_auc", "balanced_accuracy", "recall", "false_positive_rate"]
POPULATION = 100  # test sets, from which the true values are computed
AS_REAL, REPLACED, PUT_IN = range(3)  # of a person, the parts that have an effect


@dataclass(frozen=True)
class People:
    """The people of the videos of a test split.

    Attributes:
        labels: REAL or FAKE.
        people: the person that each video counts for, as `evaluation.people.main_people` has it.
        sources: the person whose face is put in, -1 if unknown or in a REAL.
    """

    labels: Labels
    people: Integers
    sources: Integers

    @property
    def pairs(self) -> Integers:
        """A number for each pair of people in a FAKE."""
        _, numbers = np.unique(np.stack([self.people, self.sources]), axis=1, return_inverse=True)
        return np.asarray(numbers.reshape(-1), np.int64)


@dataclass(frozen=True)
class Effects:
    """Variances of the logits.

    Attributes:
        people: covariance of the effects of a person, 3 x 3 in the order `AS_REAL`, `REPLACED`, `PUT_IN`.
        pairs: variance of the effects of pairs on FAKE.
        rest: variance within a person or pair, by label.
    """

    people: Floats
    pairs: float
    rest: Floats

    def draw(self, videos: People, roc_auc: float, rng: np.random.Generator) -> Floats:
        """The scores of one test set."""
        values, vectors = np.linalg.eigh(self.people)
        root = vectors * np.sqrt(values.clip(0))  # estimates may be no covariance
        count = max(videos.people.max(), videos.sources.max()) + 1
        of_people = rng.normal(size=(count, 3)) @ root.T
        of_pairs = rng.normal(size=len(videos.labels))[videos.pairs] * np.sqrt(self.pairs)
        put_in = np.where(videos.sources < 0, 0, of_people[videos.sources, PUT_IN])
        on_fake = of_people[videos.people, REPLACED] + put_in + of_pairs
        effects = np.where(videos.labels == FAKE, on_fake, of_people[videos.people, AS_REAL])
        noise = rng.normal(size=len(effects)) * np.sqrt(self.rest)[videos.labels]
        spread = np.sqrt(np.trace(self.people) + self.pairs + self.rest.sum())
        distance = norm.ppf(roc_auc) * spread
        scores: Floats = expit((videos.labels - 0.5) * distance + effects + noise)
        return scores


def find_people(split: pd.DataFrame) -> People:
    """The people of a split; in a FAKE with several, the first one who is not replaced is put in."""
    found = list_appearances(split)
    is_first = ~found.duplicated("row")
    others = found[~is_first].drop_duplicates("row").set_index("row")["person"]
    sources = others.reindex(range(len(split)), fill_value=-1).to_numpy(int)
    labels = split["label"].to_numpy(int)
    people = found.loc[is_first, "person"].to_numpy(int)
    return People(labels, people, np.where(labels == FAKE, sources, -1))


def estimate(videos: People, logits: Floats) -> Effects:
    """Variances and covariances by the mean products of pairs of videos that share a person."""
    centred = (
        logits
        - np.array([logits[videos.labels == one].mean() for one in (REAL, FAKE)])[videos.labels]
    )
    is_real, is_fake = videos.labels == REAL, videos.labels == FAKE
    roles = {
        AS_REAL: np.where(is_real, videos.people, -1),
        REPLACED: np.where(is_fake, videos.people, -1),
        PUT_IN: np.where(is_fake, videos.sources, -1),
    }
    products = np.outer(centred, centred)
    np.fill_diagonal(products, np.nan)

    def same(first: int, second: int) -> NDArray[np.bool_]:
        mine, other = roles[first][:, None], roles[second][None]
        found: NDArray[np.bool_] = (mine == other) & (mine >= 0)
        return found

    def mean(pairs: NDArray[np.bool_]) -> float:
        return float(np.nanmean(products[pairs]))

    replaced, put_in = same(REPLACED, REPLACED), same(PUT_IN, PUT_IN)
    covariance = np.zeros((3, 3))
    covariance[AS_REAL, AS_REAL] = mean(same(AS_REAL, AS_REAL))
    covariance[REPLACED, REPLACED] = mean(replaced & ~put_in)
    covariance[PUT_IN, PUT_IN] = mean(put_in & ~replaced)
    for first, second in ((AS_REAL, REPLACED), (AS_REAL, PUT_IN), (REPLACED, PUT_IN)):
        found = mean(same(first, second) & ~replaced & ~put_in)
        covariance[first, second] = covariance[second, first] = found
    fakes = covariance[REPLACED, REPLACED] + covariance[PUT_IN, PUT_IN]
    pairs = max(0.0, mean(replaced & put_in) - fakes)
    explained = np.array([covariance[AS_REAL, AS_REAL], fakes + pairs])
    total = np.array([centred[is_real].var(), centred[is_fake].var()])
    return Effects(covariance, pairs, (total - explained).clip(0))


def without_links(effects: Effects) -> Effects:
    """The same variances, if a FAKE has nothing in common with others of the person who is put in."""
    people = effects.people.copy()
    people[PUT_IN] = people[:, PUT_IN] = 0
    return replace(effects, people=people, pairs=effects.pairs + effects.people[PUT_IN, PUT_IN])


def shown_statistics(labels: Labels, scores: Floats) -> Statistics:
    """The metrics in `SHOWN` as a function of weights."""
    ranks, verdicts = rank_statistics(labels, scores), threshold_statistics(labels, scores, 0.5)

    def statistics(weights: Floats) -> dict[str, Floats]:
        values = ranks(weights) | verdicts(weights)
        return {name: values[name] for name in SHOWN}

    return statistics


def coverage(videos: People, effects: Effects, roc_auc: float, test_sets: int) -> list[float]:
    """The share of intervals that contain the true value, for each metric in `SHOWN`."""
    rng = np.random.default_rng(round(100 * roc_auc))
    scores = np.concatenate([effects.draw(videos, roc_auc, rng) for _ in range(POPULATION)])
    labels = np.tile(videos.labels, POPULATION)
    truth = shown_statistics(labels, scores)(np.ones((1, len(labels))))
    inside: dict[str, list[bool]] = {name: [] for name in SHOWN}
    for _ in range(test_sets):
        statistics = shown_statistics(videos.labels, effects.draw(videos, roc_auc, rng))
        jackknife = leave_groups_out(statistics, videos.people, LIMIT)
        for name in SHOWN:
            low, high = interval_of(jackknife, name)
            inside[name].append(bool(low <= truth[name][0] <= high))
    return [float(np.mean(values)) for values in inside.values()]


def main() -> None:
    """Print the variances, and coverage with and without links between people."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--dataset", required=True, help="the only data set that counts")
    parser.add_argument("--test-sets", type=int, default=1000, help="drawn for each column")
    args = parser.parse_args()
    split = read_csv(args.run / "data/splits/test.csv")
    scores = Predictions.read(args.run / "data/predictions", "test").videos.set_index("video_id")
    split["score"] = split["video_id"].map(scores["score"])
    split = split[(split["dataset"] == args.dataset) & split["score"].notna()].reset_index(
        drop=True
    )
    videos = find_people(split)
    effects = estimate(videos, logit(split["score"].to_numpy(float)))
    linked = int((videos.sources >= 0).sum())
    print(
        f"{len(np.unique(videos.people))} people, {linked} FAKE with a known second person\n{effects}"
    )
    kinds = {"with links": effects, "without": without_links(effects)}
    columns = {
        f"{roc_auc}: {kind}": coverage(videos, model, roc_auc, args.test_sets)
        for roc_auc in ROC_AUC
        for kind, model in kinds.items()
    }
    rows = [[name, *(f"{values[place]:.3f}" for values in columns.values())]
            for place, name in enumerate(SHOWN)]  # fmt: skip
    print(markdown_table(["metric", *columns], rows))


if __name__ == "__main__":
    main()
