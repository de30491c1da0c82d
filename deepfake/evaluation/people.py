"""Which person a video belongs to, and how false alarms are spread over people."""

import numpy as np
import pandas as pd

from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED
from deepfake.splits.groups import list_appearances

MIN_REALS = 5  # REAL videos of a person: fewer say little about that person's false positive rate
MIN_PEOPLE = 10  # fewer say little about other people
HIGH_FPR = 0.5
NAMES_OF_PEOPLE = ("target", "source", "original", "clusters")


def main_people(split: pd.DataFrame) -> "pd.Series[int]":
    """The person of each video, whose videos are left out together for intervals.

    A FAKE belongs to the person whose face it replaces, who is its target or the person of its
    original, or else of its face. The person whose face is put in links it to other videos too, but
    all linked videos together (`splits.groups.group_videos`) are most of a split where many people are
    swapped with each other. docs/metrics.md says what is missed.

    Args:
        split: rows of a split, or of a table with some of its columns.

    Returns:
        Numbers from 0 in order of appearance, named group; the column group of the table if no video
        has a name in `NAMES_OF_PEOPLE`.
    """
    columns = [column for column in NAMES_OF_PEOPLE if column in split]
    if split[columns].replace("", np.nan).isna().all(axis=None):
        return split["group"]
    if {"source", "original"} <= set(columns):  # else the source would count before the original
        split = split.assign(source=split["source"].where(split["original"] == "", ""))
    first = list_appearances(split).drop_duplicates("row")["person"]
    return pd.Series(pd.factorize(first)[0], index=split.index, name="group")


def people_with_high_fpr(videos: pd.DataFrame, split: pd.DataFrame) -> float:
    """Share of the people of whose REAL videos more than half are called FAKE.

    A person is a cluster of faces or, in a video without one, the `target` of its data set. A video
    with several people counts for each. UNDECIDED videos are left out.

    Args:
        videos: as `Predictions.videos`.
        split: rows of the same videos with `clusters` and `target`.

    Returns:
        The share among people with at least `MIN_REALS` REAL videos; NaN if there are fewer than
        `MIN_PEOPLE` such people.
    """
    reals = videos[(videos["label"] == REAL) & (videos["verdict"] != UNDECIDED)]
    table = reals[["video_id", "dataset", "verdict"]].merge(
        split[["video_id", "clusters", "target"]], on="video_id"
    )
    targets = (table["dataset"] + "/" + table["target"]).where(table["target"] != "", "")
    names = table["clusters"].where(table["clusters"] != "", targets)
    alarms = (table["verdict"] == LABEL_NAMES[FAKE]).astype(float)
    rows = pd.DataFrame({"person": names.str.split(" "), "alarm": alarms}).explode("person")
    people = rows[rows["person"] != ""].groupby("person")["alarm"].agg(["size", "mean"])
    rates = people.loc[people["size"] >= MIN_REALS, "mean"]
    return float((rates > HIGH_FPR).mean()) if len(rates) >= MIN_PEOPLE else float("nan")
