"""False alarms by person."""

import numpy as np
import pandas as pd
import pytest

from deepfake.evaluation.people import MIN_PEOPLE, MIN_REALS, people_with_high_fpr


def videos_of(alarms: list[int], reals: int = 5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`reals` REAL videos and a FAKE of each person, of which so many REAL are called FAKE."""
    rows = [
        (f"{person}/{i}", int(i == reals), "FAKE" if i < count or i == reals else "REAL", person)
        for person, count in enumerate(alarms)
        for i in range(reals + 1)
    ]
    table = pd.DataFrame(rows, columns=["video_id", "label", "verdict", "person"])
    videos = table[["video_id", "label", "verdict"]].assign(dataset="d")
    people = table["person"].map("d#{}".format)
    return videos, table[["video_id"]].assign(clusters=people, target="")


def test_the_share_of_people_above_half() -> None:
    """Two of ten: exactly half of the videos is not more than half."""
    videos, split = videos_of([4, 6, 3, 2, 0, 0, 1, 0, 0, 3], reals=6)
    assert people_with_high_fpr(videos, split) == pytest.approx(0.2)


def test_people_without_a_face_cluster_go_by_their_name() -> None:
    videos, split = videos_of([5] * 3 + [0] * 7)
    named = split.assign(clusters="", target=split["clusters"])
    assert people_with_high_fpr(videos, named) == pytest.approx(0.3)
    assert np.isnan(people_with_high_fpr(videos, named.assign(target="")))
    other = videos.assign(dataset=np.where(videos["video_id"].str.startswith("9"), "e", "d"))
    same_name = named.assign(target=named["target"].replace("d#9", "d#8"))
    assert people_with_high_fpr(other, same_name) == pytest.approx(0.3), "names are of a data set"


def test_a_video_counts_for_each_of_its_people() -> None:
    videos, split = videos_of([5, *[0] * 8])
    pair = split["clusters"].replace("d#0", "d#0 d#20")
    assert people_with_high_fpr(videos, split.assign(clusters=pair)) == pytest.approx(0.2)


def test_few_people_or_videos_say_nothing() -> None:
    assert np.isnan(people_with_high_fpr(*videos_of([5] * (MIN_PEOPLE - 1))))
    assert np.isnan(people_with_high_fpr(*videos_of([4] * MIN_PEOPLE, reals=MIN_REALS - 1)))
    videos, split = videos_of([5] * MIN_PEOPLE)
    assert people_with_high_fpr(videos, split) == 1
    undecided = videos.assign(verdict=videos["verdict"].mask(videos.index == 0, "UNDECIDED"))
    assert np.isnan(people_with_high_fpr(undecided, split)), "nine people have five videos"
    assert np.isnan(people_with_high_fpr(videos[:0], split[:0]))
