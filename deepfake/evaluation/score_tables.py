"""Scores of the videos of a split as a small table for git, so that two revisions can be compared."""

import hashlib
from typing import Literal

import pandas as pd

COLUMNS = [
    *("video_id", "label", "method", "dataset", "group"),
    *("score", "verdict", "reason", "frames"),
]
FLOAT_FORMAT = "%.5g"  # of the file
DIGEST_LENGTH = 16  # hexadecimal digits, 64 bits: no two of a million videos share one

ScoresInGit = Literal["names", "digests", "none"]


def score_table(videos: pd.DataFrame, names: ScoresInGit) -> pd.DataFrame:
    """One row per video with its score and verdict, sorted by its name.

    Args:
        videos: as `Predictions.videos`.
        names: "names" keeps `video_id`; "digests" replaces it by the start of its SHA-256, which is
            the same in every run; "none" leaves out all rows.

    Returns:
        `COLUMNS`; score and frames are missing where the verdict is UNDECIDED.
    """
    table = videos[COLUMNS]
    if names == "none":
        table = table[:0]
    if names == "digests":
        table = table.assign(video_id=[name_digest(name) for name in table["video_id"]])
    return table.sort_values("video_id", ignore_index=True)


def name_digest(video_id: str) -> str:
    """What stands for a video whose name is not published.

    >>> name_digest("mine/real//a")
    'd701610eaffc9509'
    """
    return hashlib.sha256(video_id.encode()).hexdigest()[:DIGEST_LENGTH]
