"""Scores of other detectors, matched with the videos of a split."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from deepfake.base.errors import format_list
from deepfake.core.labels import LABEL_NAMES
from deepfake.core.roc import roc_auc
from deepfake.core.tables import read_csv
from deepfake.evaluation.intervals import paired_differences
from deepfake.evaluation.metrics import rank_statistics
from deepfake.evaluation.people import main_people
from deepfake.evaluation.score_files import ScoreFile, ScoreFileError, check_unique
from deepfake.model.scores import verdicts
from deepfake.params.schema import EvaluateParams

NOT_IN_FILE, EMPTY_SCORE = "not in the file of scores", "no score in the file"  # why UNDECIDED


@dataclass(frozen=True)
class MatchedScores:
    """The videos of a split with the scores of a file.

    Attributes:
        videos: as `Predictions.videos`. A video without a score is UNDECIDED.
        threshold: scores in `videos` from here on are FAKE.
        file_threshold: the same in the scale of the file.
        unknown: names in the file that the split does not have.
        conflicts: names whose label in the file is not that of the split, which counts.
    """

    videos: pd.DataFrame
    threshold: float
    file_threshold: float
    unknown: list[str]
    conflicts: list[str]


@dataclass(frozen=True)
class Comparison:
    """ROC-AUC of two files on the videos that both have scored.

    Attributes:
        videos, groups: their numbers.
        first, second: the ROC-AUC of each file.
        low, high: 95 % interval of first - second.
    """

    videos: int
    groups: int
    first: float
    second: float
    low: float
    high: float


def own_split(scores: ScoreFile) -> pd.DataFrame:
    """The videos of a file that has labels, in the place of a split.

    Raises:
        ScoreFileError: the file has no labels.
    """
    if "label" not in scores.rows:
        raise ScoreFileError(
            f"{scores.path} has no labels: name a split with --split data/splits/test.csv, or add a"
            " column label (REAL or FAKE)"
        )
    return complete_split(scores.rows.rename(columns={"name": "video_id"}), scores.path)


def read_split(path: Path) -> pd.DataFrame:
    """One of data/splits/*.csv, or a table with fewer columns, see `complete_split`.

    Raises:
        ScoreFileError: the file cannot be read, or lacks a column.
    """
    try:
        return complete_split(read_csv(path), path)
    except (OSError, ValueError) as error:
        raise ScoreFileError(
            f"{path} cannot be read ({error}): run `dvc repro split`, or `dvc pull`"
        ) from error


def complete_split(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A table of videos with all columns of a split, whose groups are those of `people.main_people`.

    A missing group is the video itself.

    Raises:
        ScoreFileError: there is no label, or neither video_id nor path.
    """
    names = [column for column in ("video_id", "path") if column in table]
    if "label" not in table or not names:
        raise ScoreFileError(
            f"{path} is no split: it needs the columns path (or video_id) and label"
        )
    if not table["label"].isin(LABEL_NAMES).all():
        raise ScoreFileError(f"{path} has labels other than 0 (REAL) and 1 (FAKE): change them")
    split = table.assign(
        **{name: table[names[0]] for name in ("video_id", "path") if name not in table}
    )
    if "dataset" not in table:
        split["dataset"] = ""
    if "method" not in table:
        split["method"] = split["label"].map(LABEL_NAMES).str.lower()
    if "group" not in table:
        split["group"] = split["video_id"]
    groups = main_people(split)
    if not pd.api.types.is_integer_dtype(groups):
        groups = pd.Series(pd.factorize(groups)[0], split.index)
    return split.assign(group=groups)


def match_scores(
    scores: ScoreFile, split: pd.DataFrame, threshold: float | None = None
) -> MatchedScores:
    """The videos of a split with their scores, 0 to 1, and verdicts.

    A name in the file is a video_id or a path, with or without leading folders and suffix. Scores
    that are not all within 0 to 1 are scaled to that, which changes no rank.

    Args:
        scores: the file.
        split: as `complete_split` returns it.
        threshold: in the scale of the file, where scores from here on (with polarity "low": up to
            here) are FAKE; None for that of the file, or .5 if its scores are within 0
            to 1.

    Raises:
        ScoreFileError: a name fits several videos, several rows fit one video, or the threshold is
            needed.
    """
    threshold = _default_threshold(scores) if threshold is None else threshold
    values, cut = _fake_scores(scores, threshold)
    rows = scores.rows.assign(video_id=_find_videos(scores, split), score=values)
    known = rows[rows["video_id"].notna()]
    check_unique(known, "video_id", scores.path)
    columns = ["video_id", "dataset", "path", "label", "method", "group"]
    videos = verdicts(split[columns], known[["video_id", "score"]], known, cut)
    listed = videos["video_id"].isin(known["video_id"])
    reason = np.where(listed, EMPTY_SCORE, NOT_IN_FILE)
    videos = videos.assign(reason=np.where(videos["score"].isna(), reason, ""))
    unknown = rows.loc[rows["video_id"].isna(), "name"].tolist()
    return MatchedScores(videos, cut, threshold, unknown, _conflicts(known, split))


def compare_auc(first: pd.DataFrame, second: pd.DataFrame, params: EvaluateParams) -> Comparison:
    """ROC-AUC of two detectors on their common videos, with the interval of `paired_differences`.

    Args:
        first, second: `MatchedScores.videos` of the same split.
        params: the evaluate section of params.yaml.
    """
    columns = ["video_id", "label", "group", "score"]
    both = first[columns].merge(second[["video_id", "score"]], on="video_id").dropna()
    labels, groups = both["label"].to_numpy(int), both["group"].to_numpy(int)
    ours, theirs = (both[name].to_numpy(float) for name in ("score_x", "score_y"))
    statistics = rank_statistics(labels, theirs), rank_statistics(labels, ours)
    found = paired_differences(*statistics, labels, groups, params.max_groups)["roc_auc"]
    return Comparison(
        videos=len(both),
        groups=int(both["group"].nunique()),
        first=roc_auc(labels, ours),
        second=roc_auc(labels, theirs),
        low=found.low,
        high=found.high,
    )


def _fake_scores(scores: ScoreFile, threshold: float) -> tuple[pd.Series, float]:
    """Scores and threshold from 0 to 1, where a higher score means more likely FAKE."""
    values, low, high = scores.rows["score"], 0.0, 1.0
    if not scores.probabilities:
        low, high = min(float(values.min()), threshold), max(float(values.max()), threshold)
    width = (high - low) or 1.0
    values, cut = (values - low) / width, (threshold - low) / width
    return (values, cut) if scores.fake == "high" else (1 - values, 1 - cut)


def _default_threshold(scores: ScoreFile) -> float:
    if scores.threshold is not None:
        return scores.threshold
    if scores.probabilities:
        return 0.5
    values = scores.rows["score"]
    raise ScoreFileError(
        f"the scores of {scores.path} are {values.min():g} to {values.max():g}, not 0 to 1: name the"
        " score that divides REAL and FAKE with --threshold, such as 0 for logits"
    )


def _find_videos(scores: ScoreFile, split: pd.DataFrame) -> pd.Series:
    """The video_id for each row of a file; None for names that the split does not have."""
    whole, endings = _names_of_videos(split)
    found: list[str | None] = []
    ambiguous = []
    for name in scores.rows["name"]:
        ids = (
            whole.get(name)
            or endings.get(name)
            or next((whole[ending] for ending in _endings(name) if ending in whole), set())
        )
        found.append(min(ids) if ids else None)
        if len(ids) > 1:
            ambiguous.append(f"{name}: {', '.join(sorted(ids)[:3])}")
    if ambiguous:
        title = f"names in {scores.path} fit several videos, write video_id or more of the path:"
        raise ScoreFileError(format_list(title, ambiguous))
    return pd.Series(found, index=scores.rows.index, dtype=object)


def _names_of_videos(split: pd.DataFrame) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Videos by their whole names, and by the endings of these, each with and without suffix."""
    whole: dict[str, set[str]] = defaultdict(set)
    endings: dict[str, set[str]] = defaultdict(set)
    for video_id, dataset, path in zip(
        split["video_id"], split["dataset"], split["path"], strict=True
    ):
        for name in {path, str(PurePosixPath(path).with_suffix("")) if path else path}:
            for full in (video_id, name, f"{dataset}/{name}"):
                whole[full].add(video_id)
                for ending in _endings(full):
                    endings[ending].add(video_id)
    return dict(whole), dict(endings)


def _endings(name: str) -> Iterable[str]:
    """What follows each slash of a path, the longest first."""
    parts = name.split("/")
    return ("/".join(parts[start:]) for start in range(1, len(parts)))


def _conflicts(rows: pd.DataFrame, split: pd.DataFrame) -> list[str]:
    if "label" not in rows:
        return []
    both = rows.merge(split[["video_id", "label"]], on="video_id", suffixes=("", "_of_split"))
    names: list[str] = both.loc[both["label"] != both["label_of_split"], "name"].tolist()
    return names
