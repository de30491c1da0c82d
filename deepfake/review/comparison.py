"""The scores of two revisions on the same videos: differences of metrics, and verdicts that changed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import pandas as pd

from deepfake.core.groups import count_groups
from deepfake.core.labels import FAKE, LABEL_NAMES, UNDECIDED, Floats, Labels
from deepfake.evaluation.intervals import Difference, paired_differences
from deepfake.evaluation.metrics import (
    Statistics,
    probability_statistics,
    rank_statistics,
    threshold_statistics,
)

# Metrics that are tested, and whether higher is better.
TESTED = {
    "roc_auc": True,
    "pr_auc": True,
    "tpr_at_5_percent_fpr": True,
    "balanced_accuracy": True,
    "f1": True,
    "false_positive_rate": False,
}
# Few rows in a bin make the calibration error too high, so a test of it means nothing
# (docs/metrics.md).
UNTESTED = ("calibration_error",)
LEVEL = 0.05  # of all tests together
MAX_GROUPS = 1000  # left out in turn, more are joined; as evaluate.max_groups in params.yaml
COLUMNS = ("video_id", "label", "method", "dataset", "group", "score", "verdict")


class Outcome(Enum):
    """What a difference shows."""

    BETTER = "better"
    WORSE = "worse"
    NO_EVIDENCE = "no evidence"
    NOT_COMPARABLE = "not comparable"  # the metric is undefined for one of them
    NOT_TESTED = "not tested"


@dataclass(frozen=True)
class MetricChange:
    """One metric of the compared videos.

    Attributes:
        name: as in `evaluation.metrics`.
        old, new: NaN where it is undefined.
        difference: new minus old, with an interval that is not corrected for other metrics.
        p_value: of `difference`, corrected by `holm`; NaN where there is no test.
        outcome: by the corrected p-value.
    """

    name: str
    old: float
    new: float
    difference: Difference
    p_value: float
    outcome: Outcome


@dataclass(frozen=True)
class CommonVideos:
    """The videos that two revisions share.

    Attributes:
        rows: one per video that has the same label and the same person in both: video_id, label,
            method, dataset, group, and score and verdict with _old and _new.
        only_old, only_new, relabelled, regrouped: numbers of videos that are left out.
    """

    rows: pd.DataFrame
    only_old: int
    only_new: int
    relabelled: int
    regrouped: int

    @property
    def is_same_set(self) -> bool:
        """Whether nothing is left out."""
        return not (self.only_old or self.only_new or self.relabelled or self.regrouped)

    @property
    def scored(self) -> pd.DataFrame:
        """The videos that have a score in both."""
        return self.rows[self.rows["score_old"].notna() & self.rows["score_new"].notna()]

    @property
    def flipped(self) -> pd.DataFrame:
        """The videos with another verdict, the largest change of the score first, UNDECIDED last.

        The column `now` says whether the new verdict is "right", "wrong" or "undecided".
        """
        rows = self.rows[self.rows["verdict_old"] != self.rows["verdict_new"]]
        is_right = rows["verdict_new"] == rows["label"].map(LABEL_NAMES)
        now = np.where(
            rows["verdict_new"] == UNDECIDED, "undecided", np.where(is_right, "right", "wrong")
        )
        change = (rows["score_new"] - rows["score_old"]).abs()
        rows = rows.assign(now=now, change=change)
        return rows.sort_values(["change", "video_id"], ascending=[False, True])


def common_videos(old: pd.DataFrame, new: pd.DataFrame) -> CommonVideos:
    """Match two tables plots/scores/SPLIT.tsv by video_id.

    A video with another label is another test for the model, and one whose person has other videos
    is not independent of those: both are left out. The number of a person (group) does not matter,
    since numbers change when videos are added.

    Args:
        old, new: with the columns of `COLUMNS`; the score is NaN where the verdict is UNDECIDED.
    """
    both = old[[*COLUMNS]].merge(
        new[["video_id", "label", "group", "score", "verdict"]],
        on="video_id",
        suffixes=("_old", "_new"),
        validate="one_to_one",
    )
    is_relabelled = both["label_old"] != both["label_new"]
    partners = [
        both.groupby(f"group_{one}")[f"group_{other}"].transform("nunique")
        for one, other in (("old", "new"), ("new", "old"))
    ]
    is_regrouped = ((partners[0] > 1) | (partners[1] > 1)) & ~is_relabelled
    rows = both[~is_relabelled & ~is_regrouped].rename(
        columns={"label_new": "label", "group_new": "group"}
    )
    return CommonVideos(
        rows=rows.drop(columns=["label_old", "group_old"]).reset_index(drop=True),
        only_old=len(old) - len(both),
        only_new=len(new) - len(both),
        relabelled=int(is_relabelled.sum()),
        regrouped=int(is_regrouped.sum()),
    )


def compare_metrics(common: CommonVideos) -> list[MetricChange]:
    """The metrics in `TESTED`, then those in `UNTESTED`, of the videos that have both scores.

    Each difference has an interval by leaving the people out in turn. It is better or worse if its
    p-value, corrected for the number of tests by `holm`, is below `LEVEL`. Metrics that need a
    threshold use the verdicts, so each model has its own threshold.
    """
    rows = common.scored
    labels = rows["label"].to_numpy(int)
    groups = pd.factorize(rows["group"])[0]
    old, new = (_statistics(labels, rows, side) for side in ("old", "new"))
    found = paired_differences(old, new, labels, groups, MAX_GROUPS)
    values = [statistics(np.ones((1, len(rows)))) for statistics in (old, new)]
    corrected = dict(zip(TESTED, holm([found[name].p_value for name in TESTED]), strict=True))
    return [
        MetricChange(
            name=name,
            old=float(values[0][name][0]),
            new=float(values[1][name][0]),
            difference=found[name],
            p_value=corrected.get(name, math.nan),
            outcome=_outcome(name, found[name].value, corrected.get(name, math.nan)),
        )
        for name in (*TESTED, *UNTESTED)
    ]


def _statistics(labels: Labels, rows: pd.DataFrame, side: str) -> Statistics:
    """The metrics of one revision as a function of weights."""
    scores = rows[f"score_{side}"].to_numpy(float)
    called_fake = np.where(rows[f"verdict_{side}"] == LABEL_NAMES[FAKE], 1.0, 0.0)
    parts = (
        rank_statistics(labels, scores),
        threshold_statistics(labels, called_fake, threshold=0.5),
        probability_statistics(labels, scores),
    )

    def statistics(weights: Floats) -> dict[str, Floats]:
        values = {name: value for part in parts for name, value in part(weights).items()}
        return {name: values[name] for name in (*TESTED, *UNTESTED)}

    return statistics


def _outcome(name: str, difference: float, p_value: float) -> Outcome:
    if math.isnan(difference):
        return Outcome.NOT_COMPARABLE
    if name not in TESTED:
        return Outcome.NOT_TESTED
    if not p_value < LEVEL:
        return Outcome.NO_EVIDENCE
    return Outcome.BETTER if (difference > 0) == TESTED[name] else Outcome.WORSE


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, so that all tests together err with `LEVEL` (Holm, 1979).

    NaN, of what could not be tested, stays NaN and does not count.

    >>> holm([0.01, 0.04, math.nan, 0.03])
    [0.03, 0.06, nan, 0.06]
    """
    tested = sorted((value, place) for place, value in enumerate(p_values) if not math.isnan(value))
    corrected = [math.nan] * len(p_values)
    largest = 0.0
    for rank, (value, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - rank) * value))
        corrected[place] = largest
    return corrected


def groups_of(rows: pd.DataFrame) -> tuple[int, int]:
    """How many people (groups) have a REAL among the rows, and how many a FAKE."""
    return count_groups(rows["label"].to_numpy(int), rows["group"].to_numpy())
