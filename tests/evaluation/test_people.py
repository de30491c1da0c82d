"""Which person a video belongs to, and false alarms by person."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_graphs import identity_graph, table

from deepfake.core.labels import FAKE, REAL
from deepfake.evaluation.intervals import group_intervals
from deepfake.evaluation.metrics import rank_statistics
from deepfake.evaluation.people import (
    MIN_PEOPLE,
    MIN_REALS,
    main_people,
    people_with_high_fpr,
)
from deepfake.splits.groups import group_videos


def chain(people: int) -> pd.DataFrame:
    """Two REAL videos of each person, and FAKE with the next person's face, so that all are linked."""
    real = [(REAL, "d", f"p{i}", "", -1) for i in range(people)]
    fake = [(FAKE, "d", f"p{i}", f"p{(i + 1) % people}", -1) for i in range(people)]
    return table([*real, *real, *fake])


def test_a_fake_belongs_to_the_person_whose_face_it_replaces() -> None:
    people = [(REAL, "d", "a", "", -1), (REAL, "d", "b", "", -1), (REAL, "e", "a", "", -1)]
    by_target, by_original = (FAKE, "d", "a", "b", -1), (FAKE, "d", "", "a", 1)
    videos = table([*people, by_target, by_original, (FAKE, "d", "", "", -1)])
    videos["clusters"] = ["", "", "e#7", "", "", "e#7"]
    assert main_people(videos).tolist() == [0, 1, 2, 0, 1, 2]
    assert main_people(videos.iloc[::-1]).tolist() == [0, 1, 2, 0, 1, 2]


def test_people_without_names_or_faces_are_those_of_the_split() -> None:
    videos = chain(3).assign(target="", source="", group=[4, 4, 4, 5, 5, 5, 6, 6, 6])
    assert main_people(videos).tolist() == videos["group"].tolist()
    assert main_people(videos[["video_id", "label", "group"]]).tolist() == videos["group"].tolist()
    assert main_people(videos[:0]).empty


def test_people_that_fakes_link_have_an_interval() -> None:
    """One group holds all videos, so leaving out groups would say nothing about other people."""
    videos = chain(12)
    labels = videos["label"].to_numpy(int)
    statistics = rank_statistics(labels, np.random.default_rng(0).normal(labels))
    assert group_videos(videos).nunique() == 1
    low, high = group_intervals(statistics, labels, main_people(videos).to_numpy(), 1000)["roc_auc"]
    assert 0 < low < high < 1
    few = chain(9)
    labels = few["label"].to_numpy(int)
    statistics = rank_statistics(labels, labels.astype(float))
    found = group_intervals(statistics, labels, main_people(few).to_numpy(), 1000)["roc_auc"]
    assert np.isnan(found).all()


@settings(max_examples=30)
@given(st.integers(1, 30), st.sampled_from([0.2, 0.4, 1.0]), st.integers(0, 999))
def test_people_divide_groups(count: int, known: float, seed: int) -> None:
    """No person is in two groups, and all REAL videos of a name are of one person."""
    videos = identity_graph(count, known, seed)
    groups = group_videos(videos)
    people = main_people(videos.assign(group=groups))
    assert people.index.equals(videos.index)
    assert groups.groupby(people).nunique().max() == 1
    real = videos[(videos["label"] == REAL) & (videos["target"] != "")]
    assert people[real.index].groupby([real["dataset"], real["target"]]).nunique().le(1).all()


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
