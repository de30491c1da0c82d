"""Splits: nobody stands in two of them, whatever the data."""

from collections import defaultdict
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake import splits
from deepfake.errors import LeakError, SplitError

RATIOS = {"train": 0.6, "val": 0.2, "test": 0.2}
Rows = list[tuple[int, str, str, str, int]]  # label, data set, target, source, original's row


def table(rows: Rows) -> pd.DataFrame:
    """A manifest; an original of -1 means none."""
    return pd.DataFrame(
        [
            {
                "video_id": f"{dataset}/{i}",
                "path": f"{i}.mp4",
                "label": label,
                "dataset": dataset,
                "method": ["real", "swap"][label],
                "target": target,
                "source": source,
                "original": "" if original < 0 else f"{rows[original][1]}/{original}",
            }
            for i, (label, dataset, target, source, original) in enumerate(rows)
        ],
        columns=["video_id", "path", "label", "dataset", "method", "target", "source", "original"],
    )


# Sparse enough that most tables can be divided: else the splits would hardly be looked at.
people = st.sampled_from([*[""] * 8, *"abcdefghijkl"])
originals = st.sampled_from([*[-1] * 6, *range(6)])
row = st.tuples(st.integers(0, 1), st.sampled_from("de"), people, people, originals)


def with_known_originals(rows: Rows) -> Rows:
    return [(*rest, original if original < len(rows) else -1) for *rest, original in rows]


manifests = (
    st.integers(1, 30)
    .flatmap(lambda count: st.lists(row, min_size=count, max_size=count))
    .map(with_known_originals)
    .map(table)
)
ratio_sets = st.sampled_from(
    [
        RATIOS,
        {"train": 0.34, "val": 0.33, "test": 0.33},
        {"train": 0.5, "val": 0.0, "test": 0.5},
        {"train": 0.98, "val": 0.01, "test": 0.01},
        {"train": 1.0, "val": 0.0, "test": 0.0},
    ]
)


def components(manifest: pd.DataFrame) -> dict[str, set[str]]:
    """The videos connected with each video, by the simplest union-find there is."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for row in manifest.itertuples():
        nodes = [f"{row.dataset} person {name}" for name in (row.target, row.source) if name]
        if row.original:
            nodes.append(row.original)
        for node in nodes:
            parent[root(node)] = root(row.video_id)
    members = defaultdict(set)
    for video_id in manifest["video_id"]:
        members[root(video_id)].add(video_id)
    return {video_id: members[root(video_id)] for video_id in manifest["video_id"]}


@given(manifests)
def test_groups_are_the_connected_components(manifest: pd.DataFrame) -> None:
    groups = splits.group_videos(manifest)
    together = manifest["video_id"].groupby(groups).agg(set)
    found = {video_id: together[groups[i]] for i, video_id in manifest["video_id"].items()}
    assert found == components(manifest)
    assert list(dict.fromkeys(groups)) == list(range(groups.nunique()))


@given(manifests, ratio_sets, st.integers(0, 5))
def test_splits_never_leak(manifest: pd.DataFrame, ratios: dict[str, float], seed: int) -> None:
    try:
        found = splits.split_videos(manifest, ratios, seed)
    except SplitError:
        return
    assert list(found) == ["train", "val", "test"]
    of_video = {video: name for name, rows in found.items() for video in rows["video_id"]}
    assert sum(map(len, found.values())) == len(of_video) == len(manifest)
    assert of_video.keys() == set(manifest["video_id"])
    for video_id, others in components(manifest).items():
        assert {of_video[other] for other in others} == {of_video[video_id]}
    labels = set(manifest["label"])
    assert all(set(found[name]["label"]) == labels for name in ratios if ratios[name] > 0)
    assert all(found[name].empty for name in ratios if ratios[name] == 0)


@given(manifests, st.integers(0, 5))
def test_equal_tables_give_equal_splits(manifest: pd.DataFrame, seed: int) -> None:
    try:
        one = splits.split_videos(manifest, RATIOS, seed)
    except SplitError:
        with pytest.raises(SplitError):
            splits.split_videos(manifest.copy(), RATIOS, seed)
        return
    other = splits.split_videos(manifest.copy(), RATIOS, seed)
    for name in splits.NAMES:
        pd.testing.assert_frame_equal(one[name], other[name])


def pairs(count: int) -> pd.DataFrame:
    """People of their own, each with a real video and a fake made of it."""
    rows: Rows = []
    for i in range(count):
        rows += [(0, "d", f"p{i}", "", -1), (1, "d", f"p{i}", "", 2 * i)]
    return table(rows)


def test_shares_are_met_where_groups_are_small() -> None:
    found = splits.split_videos(pairs(50), RATIOS, 0)
    assert {name: len(rows) for name, rows in found.items()} == {"train": 60, "val": 20, "test": 20}
    assert [rows["label"].mean() for rows in found.values()] == [0.5, 0.5, 0.5]


def test_methods_are_spread() -> None:
    manifest = pairs(60)
    fakes = manifest["label"] == 1
    manifest.loc[fakes, "method"] = [f"m{i % 3}" for i in range(60)]
    found = splits.split_videos(manifest, RATIOS, 0)
    for name, share in RATIOS.items():
        counts = found[name]["method"].value_counts()
        assert [counts[f"m{i}"] for i in range(3)] == pytest.approx([20 * share] * 3, abs=1)


def test_seed_decides_between_equals() -> None:
    one, other = (splits.split_videos(pairs(30), RATIOS, seed)["test"] for seed in (0, 1))
    assert set(one["video_id"]) != set(other["video_id"])


def test_people_of_two_data_sets_are_different() -> None:
    manifest = table([(0, "d", "anna", "", -1), (0, "e", "anna", "", -1), (1, "d", "", "anna", -1)])
    assert splits.group_videos(manifest).tolist() == [0, 1, 0]


def test_a_fake_connects_its_two_people_and_its_original() -> None:
    manifest = table(
        [
            (0, "d", "anna", "", -1),
            (0, "d", "bob", "", -1),
            (0, "d", "", "", -1),
            (0, "d", "carl", "", -1),
            (1, "d", "anna", "bob", 2),
        ]
    )
    assert splits.group_videos(manifest).tolist() == [0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("manifest", "complaint"),
    [
        (pairs(2), "4 videos form 2 groups of connected people, too few for 3 splits"),
        (table([(i % 2, "d", "anna", "", -1) for i in range(9)]), "form 1 groups"),
        (
            table([(0, "d", f"p{i}", "", -1) for i in range(5)] + [(1, "d", "x", "", -1)]),
            "split has no video of one label",
        ),
    ],
    ids=["few groups", "one person", "one fake"],
)
def test_data_that_cannot_be_divided(manifest: pd.DataFrame, complaint: str) -> None:
    with pytest.raises(SplitError, match=complaint):
        splits.split_videos(manifest, RATIOS, 0)


def divided(train: Rows, test: Rows) -> dict[str, pd.DataFrame]:
    """Splits as somebody else might have made them."""
    whole = splits.split_videos(pairs(6), RATIOS, 0)["val"]
    both = table(train + test).assign(group=0)
    return {"train": both[: len(train)], "val": whole, "test": both[len(train) :]}


@pytest.mark.parametrize(
    ("train", "test", "leak"),
    [
        (
            [(0, "d", "a", "", -1)],
            [(0, "d", "a", "", -1)],
            "1 identities in both of train and test",
        ),
        ([(1, "d", "a", "b", -1)], [(1, "d", "b", "a", -1)], "2 identities"),
        ([(0, "d", "", "", -1)], [(1, "d", "", "", 0)], "1 sources in both of train and test"),
    ],
)
def test_leaks_are_found_in_finished_tables(train: Rows, test: Rows, leak: str) -> None:
    with pytest.raises(LeakError, match=leak):
        splits.check_leaks(divided(train, test))


def test_a_file_in_two_splits_is_a_leak() -> None:
    found = divided([(0, "d", "", "", -1)], [])
    found["test"] = found["train"].assign(video_id="d/other")
    with pytest.raises(LeakError, match="1 files in both of train and test"):
        splits.check_leaks(found)


def test_no_leak_is_no_error() -> None:
    found = divided([(0, "d", "x", "", -1)], [(1, "e", "x", "", -1)])
    splits.check_leaks(found)
    none = {"train_val": 0, "train_test": 0, "val_test": 0}
    assert splits.overlaps(found) == {"identities": none, "sources": none, "files": none}


def test_metrics_by_hand() -> None:
    train: Rows = [(0, "d", "a", "", -1), (1, "d", "a", "b", 0), (1, "d", "", "", -1)]
    found = divided(train, [(0, "d", "c", "", -1)])
    found["val"] = found["val"][:0]
    found["train"] = found["train"].assign(group=[0, 0, 1])
    found["test"] = found["test"].assign(group=2)
    crops = pd.DataFrame({"video_id": ["d/0", "d/0", "d/2", "d/3", "d/none"]})
    metrics: dict[str, Any] = splits.split_metrics(found, crops)
    assert metrics["train"] == {
        "videos": 3,
        "real": 1,
        "fake": 2,
        "crops": 3,
        "identities": 2,
        "groups": 2,
        "videos_of_unknown_people": 1,
    }
    assert set(metrics["val"].values()) == {0}
    assert metrics["test"]["crops"] == 1
    assert metrics["largest_group"] == 2
    assert metrics["overlap"]["identities"] == {"train_val": 0, "train_test": 0, "val_test": 0}
