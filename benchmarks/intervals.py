"""Measure how often 95 % intervals contain the true value, and how long they take.

    python benchmarks/intervals.py .scratch/experiments/starter/data/predictions/test.csv --dataset dfdc_faces

The file gives the sizes of the groups, which are people, and how much the logits of one have in common,
by label. Test sets with the same properties are then drawn from a normal model whose true metrics are
known. `person_links.py` measures what links between people change.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from bench import markdown_table
from scipy.special import expit, logit
from scipy.stats import norm

from deepfake.core.groups import enough_groups
from deepfake.core.labels import FAKE, REAL, Floats, Integers, Labels
from deepfake.core.tables import read_csv
from deepfake.evaluation.intervals import (
    group_intervals,
    interval_of,
    leave_groups_out,
    paired_differences,
)
from deepfake.evaluation.metrics import Statistics, all_statistics, rank_statistics

GROUPS = [10, 20, 50, 150]
ROC_AUC = (0.6, 0.8, 0.95)
POPULATION = 20_000  # groups, from which the true values are computed
RESAMPLES = 400  # of the bootstrap
MAX_DRAWS = 50  # test sets for each with an interval
LIMIT = 1000  # groups left out in turn, as params.yaml has it
SHARED = 0.8  # correlation of the logits of two models
TIMED_VIDEOS, TIMED_GROUPS = 100_000, 2000


@dataclass(frozen=True)
class Model:
    """A normal model of logits with effects of groups.

    Attributes:
        sizes: REAL and FAKE videos of each group, groups x 2.
        within: variance of the logits of one group, by label.
        between: covariance of the effects of groups on REAL and FAKE, 2 x 2.
    """

    sizes: Integers
    within: Floats
    between: Floats

    def distance(self, roc_auc: float) -> float:
        """The difference of the mean logits of FAKE and REAL that gives a ROC-AUC."""
        spread = np.sqrt(self.within.sum() + np.trace(self.between))
        return float(norm.ppf(roc_auc) * spread)

    def draw(
        self, groups: int, roc_auc: float, rng: np.random.Generator
    ) -> tuple[Labels, Integers, Floats]:
        """Labels, groups, and the scores of two models (rows x 2) of one test set."""
        sizes = self.sizes[rng.integers(len(self.sizes), size=groups)]
        group = np.repeat(np.arange(groups), sizes.sum(axis=1))
        label = np.concatenate([np.repeat([REAL, FAKE], pair) for pair in sizes])
        effects = _correlated(rng, (groups, 2)) @ np.linalg.cholesky(self.between).T
        noise = _correlated(rng, (len(label),)) * np.sqrt(self.within)[label]
        logits = label * self.distance(roc_auc) + effects[:, group, label] + noise
        return label, group, expit(logits - self.distance(roc_auc) / 2).T


def _correlated(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Normal numbers for two models, 2 x shape, whose correlation is `SHARED`."""
    first, other = rng.normal(size=(2, *shape))
    return np.stack([first, SHARED * first + np.sqrt(1 - SHARED**2) * other])


def fit_model(videos: pd.DataFrame) -> Model:
    """The model of a table with label, group and score, by analysis of variance."""
    videos = videos[videos["score"].notna()]
    videos = videos.assign(logit=logit(videos["score"].to_numpy(float)))
    sizes = videos.groupby(["group", "label"]).size().unstack(fill_value=0)[[REAL, FAKE]]
    within, between = np.zeros(2), np.zeros((2, 2))
    for label in (REAL, FAKE):
        rows = videos[videos["label"] == label]
        values, counts = rows.groupby("group")["logit"], rows.groupby("group").size()
        residuals = rows["logit"] - values.transform("mean")
        within[label] = (residuals**2).sum() / (len(rows) - len(counts))
        squares = (counts * (values.mean() - rows["logit"].mean()) ** 2).sum()
        typical = (len(rows) - (counts**2).sum() / len(rows)) / (len(counts) - 1)
        between[label, label] = (squares / (len(counts) - 1) - within[label]) / typical
    means = videos.groupby(["group", "label"])["logit"].mean().unstack().dropna()
    covariance = np.cov(means[REAL], means[FAKE], aweights=sizes.loc[means.index, REAL])
    between[0, 1] = between[1, 0] = covariance[0, 1]
    return Model(sizes.to_numpy(), within, between)


def percentile_bootstrap(
    statistics: Statistics, groups: Integers, rng: np.random.Generator
) -> tuple[float, float]:
    """What this project had before: percentiles of the ROC-AUC of resampled groups."""
    count = int(groups.max()) + 1
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    low, high = np.nanpercentile(statistics(drawn[:, groups].astype(float))["roc_auc"], [2.5, 97.5])
    return float(low), float(high)


def measure(model: Model, groups: int, roc_auc: float, test_sets: int) -> dict[str, float]:
    """The share of test sets with intervals, and of intervals that contain the true value, by metric."""
    rng = np.random.default_rng([groups, round(100 * roc_auc)])
    label, group, scores = model.draw(POPULATION, roc_auc, rng)
    one = np.ones((1, len(label)))
    truth = all_statistics(label, scores[:, 0], 0.5)(one)
    gain = rank_statistics(label, scores[:, 1])(one)["roc_auc"] - truth["roc_auc"]
    inside: dict[str, list[bool]] = {name: [] for name in (*truth, "bootstrap", "difference")}
    drawn = number = 0
    while number < test_sets and drawn < MAX_DRAWS * test_sets:
        label, group, scores = model.draw(groups, roc_auc, rng)
        drawn += 1
        if len(np.unique(label)) < 2 or not enough_groups(label, group):
            continue
        number += 1
        statistics = all_statistics(label, scores[:, 0], 0.5)
        jackknife = leave_groups_out(statistics, group, LIMIT)
        found = {name: interval_of(jackknife, name) for name in truth}
        for name, (low, high) in found.items():
            if not np.isnan(low):
                inside[name].append(bool(low <= truth[name][0] <= high))
        first, second = (rank_statistics(label, column) for column in scores.T)
        difference = paired_differences(first, second, label, group, LIMIT)["roc_auc"]
        if not np.isnan(difference.low):
            inside["difference"].append(bool(difference.low <= gain[0] <= difference.high))
        if number <= test_sets // 4:  # it takes longer
            low, high = percentile_bootstrap(first, group, rng)
            inside["bootstrap"].append(bool(low <= truth["roc_auc"][0] <= high))
    shares = {name: float(np.mean(values)) if values else np.nan for name, values in inside.items()}
    return {"have intervals": number / drawn, **shares}


def seconds_of_intervals() -> tuple[float, float]:
    """Wall and processor seconds for all metrics of 100,000 videos with 2,000 groups left out."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, TIMED_VIDEOS)
    scores = expit(label + rng.normal(size=TIMED_VIDEOS))
    group = rng.integers(0, TIMED_GROUPS, TIMED_VIDEOS)
    start, start_cpu = time.perf_counter(), time.process_time()
    group_intervals(all_statistics(label, scores, 0.5), label, group, TIMED_GROUPS)
    return time.perf_counter() - start, time.process_time() - start_cpu


def main() -> None:
    """Print the model, coverage by metric, number of groups and ROC-AUC, and the time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("predictions", type=Path, help="data/predictions/test.csv of a run")
    parser.add_argument("--dataset", help="the only data set that counts")
    parser.add_argument(
        "--test-sets", type=int, default=2000, help="with intervals, for each column"
    )
    parser.add_argument("--groups", type=int, nargs="+", default=GROUPS, help="of a test set")
    arguments = parser.parse_args()
    videos = read_csv(arguments.predictions)
    if arguments.dataset:
        videos = videos[videos["dataset"] == arguments.dataset]
    model = fit_model(videos)
    shares = np.diag(model.between) / (np.diag(model.between) + model.within)
    print(
        f"{len(model.sizes)} groups; share of the variance between groups, REAL and FAKE: {shares}"
    )
    print("all metrics, {} videos, {} groups: {:.1f} s, {:.1f} s of one core".format(
        TIMED_VIDEOS, TIMED_GROUPS, *seconds_of_intervals()))  # fmt: skip
    columns = {
        f"{groups}: {roc_auc}": measure(model, groups, roc_auc, arguments.test_sets)
        for groups in arguments.groups
        for roc_auc in ROC_AUC
    }
    table = pd.DataFrame(columns)
    body = [[str(name), *(f"{value:.3f}" for value in row)] for name, row in table.iterrows()]
    print("\ncoverage by number of groups and ROC-AUC")
    print(markdown_table(["metric", *columns], body))


if __name__ == "__main__":
    main()
