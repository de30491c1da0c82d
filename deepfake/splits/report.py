"""Sizes, balance and leaks of the splits, as metrics, tables and text."""

from typing import Any, cast

import pandas as pd

from deepfake.core.labels import FAKE, REAL
from deepfake.params.schema import SplitParams
from deepfake.splits.groups import count_leaks, find_leaks, group_videos, linking_names
from deepfake.splits.policies import BRIDGE, NOT_OFFICIAL, SHARING, Splits, describe_leaks

# Metrics that count the videos left out, by reason
LEFT_OUT_METRICS = {BRIDGE: "bridges", NOT_OFFICIAL: "not_official", SHARING: "sharing"}


def summarize_splits(splits: Splits, videos: pd.DataFrame, crops: pd.DataFrame) -> dict[str, Any]:
    """Sizes, balance, groups, videos left out and leaks, for plots/split/summary.tsv.

    Args:
        splits: as returned by `policies.split_videos`.
        videos: all videos that were divided.
        crops: data/crops.csv.
    """
    total = sum(len(table) for table in splits.tables.values())
    sizes = {}
    for name, table in splits.tables.items():
        unknown = (table["target"] == "") & (table["clusters"] == "")
        fake = table["label"] == FAKE
        sizes[name] = {
            "videos": len(table),
            "share": len(table) / total,
            "real": int((table["label"] == REAL).sum()),
            "fake": int(fake.sum()),
            "methods": _counts(table.loc[fake, "method"]),
            "datasets": _counts(table["dataset"]),
            "crops": int(crops["video_id"].isin(table["video_id"]).sum()),
            "identities": _people(table),
            "groups": int(table["group"].nunique()),
            "videos_of_unknown_people": int(unknown.sum()),
        }
    group_sizes = group_videos(videos).value_counts()
    left_out = splits.left_out["reason"].map(LEFT_OUT_METRICS).value_counts()
    return {
        **sizes,
        "all_groups": len(group_sizes),
        "largest_group": int(group_sizes.max()),
        "left_out": {name: int(left_out.get(name, 0)) for name in LEFT_OUT_METRICS.values()},
        "overlap": count_leaks(splits.tables),
    }


def headline(splits: Splits) -> dict[str, float]:
    """Number of leaks, people and groups, for metrics/split.json.

    A leak is a name of a person, video, face cluster, content or file that two splits share. People
    are clusters of faces or, if faces are not clustered, the names that the data sets give.
    """
    videos = pd.concat(list(splits.tables.values()))
    names = linking_names(videos)
    kind = "clusters" if (names["kind"] == "clusters").any() else "identities"
    return {
        "leaks": len(find_leaks(splits.tables)),
        "people": names.loc[names["kind"] == kind, "name"].nunique(),
        "groups": videos["group"].nunique(),
    }


def describe(splits: Splits) -> str:
    """Sizes, videos left out with their reasons, and warnings of leaks that were kept, as text."""
    lines = [f"{name}: {len(table)} videos" for name, table in splits.tables.items()]
    counts = splits.left_out.groupby(["reason", "official_split"]).size()
    for key, count in counts.sort_values(ascending=False, kind="stable").items():
        reason, split = cast(tuple[str, str], key)
        lines.append(f"left out: {count} videos{f' of {split}' if split else ''}, {reason}")
    leaks = describe_leaks(find_leaks(splits.tables))
    return "\n".join([*lines, *(f"WARNING: kept leak: {leak.strip()}" for leak in leaks)])


def balance_table(splits: Splits, params: SplitParams) -> pd.DataFrame:
    """Videos per split, label and method, with the expected size of the split (`wanted`).

    Only the policy grouped has an expected size; otherwise it is NaN.
    """
    total = sum(len(table) for table in splits.tables.values())
    shares = {"train": params.train, "val": params.val, "test": params.test}
    rows = [
        {"split": name, "label": label, "method": method, "videos": len(part)}
        for name, table in splits.tables.items()
        for (label, method), part in table.groupby(["label", "method"])
    ]
    table = pd.DataFrame(rows, columns=["split", "label", "method", "videos"])
    by_ratio = params.policy == "grouped"
    return table.assign(wanted=table["split"].map(shares) * total if by_ratio else float("nan"))


def group_table(splits: Splits) -> pd.DataFrame:
    """Videos per split and group, the largest group of each split first."""
    parts = [
        table["group"].value_counts().rename("videos").reset_index().assign(split=name)
        for name, table in splits.tables.items()
    ]
    columns = ["split", "group", "videos"]
    return pd.concat(parts)[columns].sort_values(
        ["split", "videos", "group"], ascending=[True, False, True], ignore_index=True
    )


def _counts(values: "pd.Series[str]") -> dict[str, int]:
    return {str(name): int(count) for name, count in sorted(values.value_counts().items())}


def _people(table: pd.DataFrame) -> int:
    return int(pd.concat([table["target"], table["source"]]).replace("", pd.NA).nunique())
