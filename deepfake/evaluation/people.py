"""How false alarms are spread over people."""

import pandas as pd

from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED

MIN_REALS = 5  # REAL videos of a person: fewer say little about that person's false positive rate
MIN_PEOPLE = 10  # fewer say little about other people
HIGH_FPR = 0.5


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
