"""Policies: no leaks, for any data and any policy."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity_graphs import Row, identity_graph, pairs, split_params, table

from deepfake.base.errors import LeakError, SplitError
from deepfake.core.labels import FAKE, REAL, SPLITS
from deepfake.splits import groups, policies

manifests = st.builds(
    identity_graph, st.integers(1, 40), st.sampled_from([0.0, 0.2, 0.4, 1.0]), st.integers(0, 999)
)
settings = st.fixed_dictionaries(
    {
        "policy": st.sampled_from(["grouped", "kfold", "cross_dataset", "official"]),
        "bridges": st.sampled_from(["error", "drop"]),
        "official_leaks": st.sampled_from(["merge", "drop"]),
        "fold": st.integers(0, 4),
        "seed": st.integers(0, 3),
    }
)
ratio_sets = st.sampled_from(
    [(0.6, 0.2, 0.2), (0.34, 0.33, 0.33), (0.5, 0.0, 0.5), (0.98, 0.01, 0.01), (1.0, 0.0, 0.0)]
)


def with_official(videos: pd.DataFrame) -> pd.DataFrame:
    names = ["train", "test", "train", "val", "train", "", "train"]
    return videos.assign(official_split=[names[i % len(names)] for i in range(len(videos))])


@pytest.mark.slow
@given(manifests, settings, ratio_sets)
def test_splits_never_leak_and_lose_nothing(
    videos: pd.DataFrame, changes: dict[str, Any], ratios: tuple[float, float, float]
) -> None:
    shares = dict(zip(SPLITS, ratios, strict=True))
    try:
        found = policies.split_videos(
            with_official(videos), split_params(test_datasets=["e"], **shares, **changes)
        )
    except (SplitError, LeakError):
        return
    tables = {**found.tables, "left_out": found.left_out}
    ids = [video_id for rows in tables.values() for video_id in rows["video_id"]]
    assert sorted(ids) == sorted(videos["video_id"]), "each in one split, or left out"
    assert groups.find_leaks(found.tables).empty
    assert (found.left_out["reason"] != "").all()
    if changes["bridges"] == "error" and changes["policy"] != "official":
        assert found.left_out.empty
    if changes["policy"] in ("grouped", "kfold"):
        assert (found.left_out["label"] == FAKE).all(), "no REAL video is left out"


@pytest.mark.slow
@given(manifests)
def test_whole_groups_stay_together(videos: pd.DataFrame) -> None:
    try:
        found = policies.split_videos(videos, split_params())
    except SplitError:
        return
    of_video = {video: name for name, rows in found.tables.items() for video in rows["video_id"]}
    number = groups.group_videos(videos)
    assert (videos["video_id"].map(of_video).groupby(number).nunique() == 1).all()


@pytest.mark.slow
@given(manifests, settings)
def test_equal_tables_give_equal_splits(videos: pd.DataFrame, changes: dict[str, Any]) -> None:
    params = split_params(test_datasets=["e"], **changes)

    def outcome() -> Any:
        try:
            found = policies.split_videos(with_official(videos), params)
        except (SplitError, LeakError) as error:
            return str(error)
        return [rows.to_csv() for rows in (*found.tables.values(), found.left_out)]

    assert outcome() == outcome()


def all_swapped(people: int) -> pd.DataFrame:
    """Five REAL videos of each person, and a fake for every ordered pair of people."""
    rows: list[Row] = [(0, "d", f"p{i}", "", -1) for i in range(people) for _ in range(5)]
    rows += [(1, "d", f"p{a}", f"p{b}", -1) for a in range(people) for b in range(people) if a != b]
    return table(rows)


def sizes(found: policies.Splits) -> dict[str, int]:
    return {name: len(rows) for name, rows in found.tables.items()}


def test_shares_are_met_if_groups_are_small() -> None:
    found = policies.split_videos(pairs(50), split_params())
    assert sizes(found) == {"train": 60, "val": 20, "test": 20}
    assert [rows["label"].mean() for rows in found.tables.values()] == [0.5, 0.5, 0.5]
    assert found.left_out.empty


def test_methods_are_spread() -> None:
    videos = pairs(60)
    videos.loc[videos["label"] == FAKE, "method"] = [f"m{i % 3}" for i in range(60)]
    found = policies.split_videos(videos, split_params())
    for name, share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
        counts = found.tables[name]["method"].value_counts()
        assert [counts[f"m{i}"] for i in range(3)] == pytest.approx([20 * share] * 3, abs=1)


def test_seed_decides_between_equal_groups() -> None:
    one, other = (
        policies.split_videos(pairs(30), split_params(seed=seed)).tables["test"] for seed in (0, 1)
    )
    assert set(one["video_id"]) != set(other["video_id"])


@pytest.mark.parametrize(
    ("videos", "complaint"),
    [
        (pairs(2), "4 videos form 2 groups of connected people, too few for 3 splits"),
        (table([(i % 2, "d", "anna", "", -1) for i in range(9)]), "form 1 groups"),
        (all_swapped(9), "set split.bridges to drop"),
        (
            table([(0, "d", f"p{i}", "", -1) for i in range(5)] + [(1, "d", "x", "", -1)]),
            "lacks one of the labels",
        ),
    ],
    ids=["few groups", "one person", "one circle", "one fake"],
)
def test_data_that_cannot_be_divided_is_an_error(videos: pd.DataFrame, complaint: str) -> None:
    with pytest.raises(SplitError, match=complaint):
        policies.split_videos(videos, split_params())


def test_one_person_cannot_be_divided() -> None:
    videos = table([(i % 2, "d", "anna", "", -1) for i in range(9)])
    with pytest.raises(SplitError, match="REAL videos show 1 people, too few for 3 splits"):
        policies.split_videos(videos, split_params(bridges="drop"))


def test_bridges_are_dropped_if_all_people_are_connected() -> None:
    videos = all_swapped(20)
    found = policies.split_videos(videos, split_params(bridges="drop"))
    side = {
        person: name for name, rows in found.tables.items() for person in rows["target"] if person
    }
    fakes = videos[videos["label"] == FAKE]
    expected = fakes[fakes["target"].map(side) != fakes["source"].map(side)]
    assert set(found.left_out["video_id"]) == set(expected["video_id"])
    assert set(found.left_out["reason"]) == {policies.BRIDGE}
    reals = {name: (rows["label"] == REAL).mean() for name, rows in found.tables.items()}
    assert all(share > 0 for share in reals.values())
    assert found.tables["train"]["group"].nunique() > 1, "people, since one group holds all"


def test_nothing_is_dropped_if_whole_groups_fit() -> None:
    found = policies.split_videos(pairs(50), split_params(bridges="drop"))
    assert found.left_out.empty


def test_folds_are_disjoint_and_cover_everything() -> None:
    videos = pairs(25)
    found = [
        policies.split_videos(videos, split_params(policy="kfold", fold=fold)) for fold in range(5)
    ]
    tests = [set(each.tables["test"]["video_id"]) for each in found]
    assert sum(map(len, tests)) == len(set.union(*tests)) == len(videos)
    for fold, each in enumerate(found):
        assert set(each.tables["val"]["video_id"]) == tests[(fold + 1) % 5]
        assert len(each.tables["train"]) == 30


def two_data_sets() -> pd.DataFrame:
    """Ten people in d, and ten in e, one of whom is also in d (names with a colon are global)."""
    rows: list[Row] = []
    for dataset, first in (("d", 0), ("e", 9)):
        for i in range(first, first + 10):
            rows += [(0, dataset, f"s:{i}", "", -1), (1, dataset, f"s:{i}", "", -1)]
    return table(rows)


def test_cross_dataset_tests_on_the_named_data_set() -> None:
    videos = two_data_sets()
    videos = videos[videos["target"] != "s:9"].reset_index(drop=True)
    found = policies.split_videos(videos, split_params(policy="cross_dataset", test_datasets=["e"]))
    assert set(found.tables["test"]["dataset"]) == {"e"}
    assert set(found.tables["train"]["dataset"]) == {"d"} == set(found.tables["val"]["dataset"])
    assert sizes(found) == {"train": 14, "val": 4, "test": 18}


def test_cross_dataset_leaks_are_an_error_or_left_out_of_train() -> None:
    params = {"policy": "cross_dataset", "test_datasets": ["e"]}
    with pytest.raises(LeakError, match=r"1 identities in both (train|val) and test: s:9"):
        policies.split_videos(two_data_sets(), split_params(**params))
    found = policies.split_videos(two_data_sets(), split_params(bridges="drop", **params))
    assert sizes(found)["test"] == 20
    assert found.left_out["video_id"].tolist() == ["d/18", "d/19"]
    assert set(found.left_out["reason"]) == {policies.SHARING}


def official() -> pd.DataFrame:
    """Twelve people, the first six in train; p0 also in test, and one video in no official split."""
    videos = pairs(12)
    names = ["train"] * 12 + ["val"] * 6 + ["test"] * 6
    extra = table([(0, "d", "p0", "", -1), (0, "d", "p99", "", -1)])
    extra = extra.assign(video_id=["d/x", "d/y"], path=["x.mp4", "y.mp4"])
    joined = pd.concat([videos, extra], ignore_index=True)
    return joined.assign(official_split=[*names, "test", ""])


def test_official_splits_are_kept() -> None:
    videos = official()[:-2]
    found = policies.split_videos(videos, split_params(policy="official"))
    assert sizes(found) == {"train": 12, "val": 6, "test": 6}
    assert (pd.concat(found.tables.values())["official_split"] != "").all()


def test_official_leaks_are_merged_dropped_or_kept() -> None:
    def official_splits(leaks: str) -> policies.Splits:
        return policies.split_videos(
            official(), split_params(policy="official", official_leaks=leaks)
        )

    merged = official_splits("merge")
    assert sizes(merged) == {"train": 13, "val": 6, "test": 6}
    assert merged.left_out[["video_id", "reason"]].values.tolist() == [
        ["d/y", policies.NOT_OFFICIAL]
    ]
    dropped = official_splits("drop")
    assert sizes(dropped) == {"train": 10, "val": 6, "test": 7}
    assert sorted(dropped.left_out["video_id"]) == ["d/0", "d/1", "d/y"]
    kept = official_splits("keep")
    assert sizes(kept) == {"train": 12, "val": 6, "test": 7}
    assert groups.count_leaks(kept.tables)["identities"]["train_test"] == 1


def test_val_is_cut_from_official_train_if_there_is_none() -> None:
    videos = official()[:-2]
    videos["official_split"] = videos["official_split"].replace("val", "train")
    found = policies.split_videos(videos, split_params(policy="official"))
    assert sizes(found) == {"train": 14, "val": 4, "test": 6}
    assert set(found.tables["val"]["official_split"]) == {"train"}


def test_a_data_set_without_official_splits_is_named() -> None:
    with pytest.raises(SplitError, match="no official split is known for the data set d"):
        policies.split_videos(pairs(9), split_params(policy="official"))


def test_links_are_added_to_the_manifest() -> None:
    manifest = pairs(2).drop(columns=["clusters", "content"])
    identities = pd.DataFrame(
        {"video_id": ["d/0", "d/0", "d/0"], "identity": ["d#2", "d#1", "d#1"]}
    )
    duplicates = pd.DataFrame({"video_id": ["d/3"], "content": ["d~0"]})
    videos = policies.with_links(manifest, identities, duplicates)
    assert videos["clusters"].tolist() == ["d#1 d#2", "", "", ""]
    assert videos["content"].tolist() == ["", "", "", "d~0"]
    nothing = policies.with_links(manifest, identities[:0], duplicates[:0])
    assert (nothing[["clusters", "content"]] == "").all(axis=None)


def test_leaks_are_named() -> None:
    tables = {"train": pairs(12), "test": pairs(12)}
    with pytest.raises(LeakError) as caught:
        policies.check_leaks(tables)
    assert "  12 identities in both train and test: d/p0, d/p1" in str(caught.value)
    assert str(caught.value).count("...") == 3
