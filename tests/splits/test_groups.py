"""Groups of videos linked by a person, an original or content, and leaks between splits."""

from collections import defaultdict
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity_graphs import identity_graph, table

from deepfake.core.labels import REAL
from deepfake.splits import groups

# Sampled by NumPy, since the rows that Hypothesis prefers are too alike to be divided.
manifests = st.builds(
    identity_graph, st.integers(0, 30), st.sampled_from([0.0, 0.2, 0.4, 1.0]), st.integers(0, 999)
)


def components(videos: pd.DataFrame, linking: set[int] | None = None) -> dict[str, set[str]]:
    """The videos connected with each video, by a simple union-find."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for i, row in enumerate(videos.itertuples()):
        nodes = [f"{row.dataset} person {name}" for name in (row.target, row.source) if name]
        nodes += [f"cluster {name}" for name in row.clusters.split()]
        nodes += [f"content {row.content}"] * bool(row.content)
        nodes += [row.original] * bool(row.original)
        for node in nodes if linking is None or i in linking else []:
            parent[root(node)] = root(row.video_id)
    members = defaultdict(set)
    for video_id in videos["video_id"]:
        members[root(video_id)].add(video_id)
    return {video_id: members[root(video_id)] for video_id in videos["video_id"]}


@given(manifests)
def test_groups_are_the_connected_components(videos: pd.DataFrame) -> None:
    found = groups.group_videos(videos)
    together = videos["video_id"].groupby(found).agg(set)
    of_video = {video_id: together[found[i]] for i, video_id in videos["video_id"].items()}
    assert of_video == components(videos)
    assert list(dict.fromkeys(found)) == list(range(found.nunique()))


@given(manifests)
def test_only_real_videos_link_names_to_people(videos: pd.DataFrame) -> None:
    appearances = groups.list_appearances(videos)
    assert set(appearances["row"]) == set(range(len(videos))), "every video has a person"
    real = [i for i, label in enumerate(videos["label"]) if label == REAL]
    expected = components(videos, linking=set(real))
    person = appearances.groupby("row")["person"].agg(list)
    assert all(len(person[i]) == 1 for i in real), "a REAL video has one person"
    ids = videos["video_id"].tolist()
    for i in real:
        same = {ids[j] for j in real if person[j] == person[i]}
        assert same == expected[ids[i]] & {ids[j] for j in real}


@pytest.mark.slow
@given(manifests)
def test_videos_without_a_common_person_share_no_name(videos: pd.DataFrame) -> None:
    """So people can be divided without leaks, if the fakes of people on both sides are left out."""
    appearances = groups.list_appearances(videos).groupby("row")["person"].agg(set)
    names = groups.linking_names(videos)
    of_row = names.groupby("row")[["kind", "name"]].apply(lambda rows: set(map(tuple, rows.values)))
    for i in range(len(videos)):
        for j in range(i):
            if not appearances[i] & appearances[j]:
                assert not of_row[i] & of_row[j]


def test_people_of_two_data_sets_are_different() -> None:
    videos = table([(0, "d", "anna", "", -1), (0, "e", "anna", "", -1), (1, "d", "", "anna", -1)])
    assert groups.group_videos(videos).tolist() == [0, 1, 0]


def test_people_with_a_colon_are_the_same_in_every_data_set() -> None:
    videos = table([(0, "d", "ffpp:001", "", -1), (1, "e", "ffpp:001", "", -1)])
    assert groups.group_videos(videos).tolist() == [0, 0]


def test_a_fake_connects_its_two_people_and_its_original() -> None:
    rows = [(0, "d", "anna", "", -1), (0, "d", "bob", "", -1), (0, "d", "", "", -1)]
    videos = table([*rows, (0, "d", "carl", "", -1), (1, "d", "anna", "bob", 2)])
    assert groups.group_videos(videos).tolist() == [0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("column", "values"),
    [("clusters", ["d#1 d#2", "", "d#2"]), ("content", ["d~1", "", "d~1"])],
)
def test_clusters_and_content_connect(column: str, values: list[str]) -> None:
    videos = table([(0, "d", "", "", -1)] * 3).assign(**{column: values})
    assert groups.group_videos(videos).tolist() == [0, 1, 0]


def test_equal_digests_connect_and_missing_ones_do_not() -> None:
    videos = table([(0, "d", "", "", -1)] * 4).assign(sha256=["a", "", "", "a"])
    assert groups.group_videos(videos).tolist() == [0, 1, 2, 0]


def test_missing_columns_connect_nothing() -> None:
    videos = pd.DataFrame({"video_id": ["a", "b"], "label": [0, 1]})
    assert groups.group_videos(videos).tolist() == [0, 1]
    assert groups.list_appearances(videos)["person"].nunique() == 2


def test_independent_groups_are_people_if_all_are_connected() -> None:
    swapped = [(1, "d", f"p{i}", f"p{(i + 1) % 5}", -1) for i in range(5)]
    videos = table([*[(0, "d", f"p{i}", "", -1) for i in range(5)], *swapped])
    assert groups.group_videos(videos).nunique() == 1
    assert groups.independent_groups(videos).tolist() == [0, 1, 2, 3, 4] * 2
    apart = table([(i % 2, "d", f"p{i // 2}", "", -1) for i in range(10)])
    assert groups.independent_groups(apart).tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert groups.independent_groups(apart[:0]).empty


Tables = dict[str, pd.DataFrame]


def splits_of(train: list[Any], test: list[Any]) -> Tables:
    """Splits that were not made by this project."""
    both = table(train + test)
    return {"train": both[: len(train)], "val": both[:0], "test": both[len(train) :]}


@pytest.mark.parametrize(
    ("train", "test", "kind", "names"),
    [
        ([(0, "d", "a", "", -1)], [(0, "d", "a", "", -1)], "identities", ["d/a"]),
        ([(1, "d", "a", "b", -1)], [(1, "d", "b", "a", -1)], "identities", ["d/a", "d/b"]),
        ([(0, "d", "", "", -1)], [(1, "d", "", "", 0)], "originals", ["d/0"]),
    ],
)
def test_leaks_are_found_in_finished_tables(
    train: list[Any], test: list[Any], kind: str, names: list[str]
) -> None:
    found = groups.find_leaks(splits_of(train, test))
    assert found.values.tolist() == [[kind, "train", "test", name] for name in names]
    counts = groups.count_leaks(splits_of(train, test))
    assert counts[kind] == {"train_val": 0, "train_test": len(names), "val_test": 0}
    assert sum(sum(pairs.values()) for pairs in counts.values()) == len(names)


@pytest.mark.parametrize(
    ("column", "kind"),
    [("clusters", "clusters"), ("content", "content"), ("sha256", "files"), ("path", "files")],
)
def test_every_kind_of_leak_is_counted(column: str, kind: str) -> None:
    tables = splits_of([(0, "d", "", "", -1)], [(0, "d", "", "", -1)])
    tables = {name: rows.assign(**{column: "same"}) for name, rows in tables.items()}
    assert groups.count_leaks(tables)[kind]["train_test"] == 1


def test_clean_splits_have_no_leaks() -> None:
    tables = splits_of([(0, "d", "x", "", -1)], [(1, "e", "x", "", -1)])
    assert groups.find_leaks(tables).empty
    none = {"train_val": 0, "train_test": 0, "val_test": 0}
    assert groups.count_leaks(tables) == dict.fromkeys(groups.NAME_COLUMNS, none)


def test_large_tables_are_grouped_fast() -> None:
    rows = np.random.default_rng(0).integers(2000, size=(20_000, 2))
    videos = table([(i % 2, "d", f"p{a}", f"p{b}", -1) for i, (a, b) in enumerate(rows)])
    assert groups.group_videos(videos).nunique() == 1
