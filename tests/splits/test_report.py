"""Metrics, tables and text about splits, by hand."""

from typing import Any

import pandas as pd
from identity_graphs import pairs, split_params, table

from deepfake.splits import policies, report


def test_metrics_by_hand() -> None:
    rows = [
        (0, "d", "a", "", -1),
        (1, "d", "a", "b", 0),
        (1, "d", "", "", -1),
        (0, "e", "c", "", -1),
    ]
    videos = table(rows)
    left = table([(1, "d", "a", "c", -1)]).assign(reason=policies.BRIDGE)
    found = policies.Splits(
        {
            "train": videos[:3].assign(group=[0, 0, 1]),
            "val": videos[:0].assign(group=0),
            "test": videos[3:].assign(group=2),
        },
        left,
    )
    crops = pd.DataFrame({"video_id": ["d/0", "d/0", "d/2", "e/3", "d/none"]})
    metrics: dict[str, Any] = report.summarize_splits(found, videos, crops)
    assert metrics["train"] == {
        "videos": 3,
        "share": 0.75,
        "real": 1,
        "fake": 2,
        "methods": {"swap": 2},
        "datasets": {"d": 3},
        "crops": 3,
        "identities": 2,
        "groups": 2,
        "videos_of_unknown_people": 1,
    }
    assert metrics["val"]["videos"] == metrics["val"]["groups"] == 0
    assert metrics["test"]["crops"] == 1
    assert metrics["largest_group"] == 2
    assert metrics["all_groups"] == 3
    assert metrics["left_out"] == {"bridges": 1, "not_official": 0, "sharing": 0}
    assert metrics["overlap"]["identities"] == {"train_val": 0, "train_test": 0, "val_test": 0}


def test_headline_counts_people_by_their_faces_or_else_by_name() -> None:
    rows = [(0, "d", "anna", "", -1), (1, "d", "bob", "carl", -1), (0, "e", "anna", "", -1)]
    videos = table(rows).assign(group=[0, 1, 2])
    parts = {"train": videos[:2], "val": videos[:0], "test": videos[2:]}
    assert report.headline(policies.Splits(parts, videos[:0])) == {
        "leaks": 0,
        "people": 4,
        "groups": 3,
    }
    faces = videos.assign(clusters=["d#1", "d#1 d#2", "d#1"])
    leaking = {"train": faces[:2], "val": faces[:0], "test": faces[2:]}
    assert report.headline(policies.Splits(leaking, videos[:0])) == {
        "leaks": 1,
        "people": 2,
        "groups": 3,
    }


def test_every_reason_is_counted() -> None:
    reasons = {policies.BRIDGE, policies.NOT_OFFICIAL, policies.SHARING}
    assert set(report.LEFT_OUT_METRICS) == reasons


def test_balance_and_groups() -> None:
    found = policies.split_videos(pairs(10), split_params())
    table = report.balance_table(found, split_params())
    assert table.values.tolist() == [
        ["train", 0, "real", 6, 12.0],
        ["train", 1, "swap", 6, 12.0],
        ["val", 0, "real", 2, 4.0],
        ["val", 1, "swap", 2, 4.0],
        ["test", 0, "real", 2, 4.0],
        ["test", 1, "swap", 2, 4.0],
    ]
    assert report.balance_table(found, split_params(policy="kfold"))["wanted"].isna().all()
    sizes = report.group_table(found)
    assert sizes.groupby("split")["videos"].sum().to_dict() == {"train": 12, "val": 4, "test": 4}
    assert sizes["group"].is_unique


def test_description_names_what_was_left_out_and_what_leaks() -> None:
    rows = table([(0, "d", name, "", -1) for name in ("anna", "bob", "anna", "anna")])
    left_out = rows[3:].assign(reason=policies.BRIDGE)
    parts = {"train": rows[:1], "val": rows[1:2], "test": rows[:0]}
    text = report.describe(policies.Splits(parts, left_out))
    assert text.splitlines() == [
        "train: 1 videos",
        "val: 1 videos",
        "test: 0 videos",
        "left out: 1 videos, shows people of two splits",
    ]
    of_val = left_out.assign(official_split="val", reason=policies.SHARING)
    assert report.describe(policies.Splits(parts, of_val)).splitlines()[-1] == (
        "left out: 1 videos of val, shares a person or content with another split"
    )
    parts["test"] = rows[2:3]
    text = report.describe(policies.Splits(parts, left_out))
    assert "WARNING: kept leak: 1 identities in both train and test: d/anna" in text
