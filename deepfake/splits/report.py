"""What a reviewer asks of splits: how large, how even, how far from what was asked, and do they leak."""

from typing import Any

import pandas as pd

from deepfake.params.schema import SplitParams
from deepfake.splits.groups import group_videos, overlapping_names, overlaps
from deepfake.splits.policies import Splits, describe_leaks

REASONS = {  # of videos left out, as metrics
    "shows people of two splits": "bridges",
    "in none of the official splits": "not_official",
    "shares a person or content with another split": "sharing",
}


def split_metrics(splits: Splits, videos: pd.DataFrame, crops: pd.DataFrame) -> dict[str, Any]:
    """Sizes, balance, groups, what was left out, and overlaps, for `metrics/split.json`.

    Args:
        splits: as `splits.split_videos` gives them.
        videos: what was divided.
        crops: data/crops.csv.
    """
    kept = sum(len(table) for table in splits.tables.values())
    sizes = {}
    for name, table in splits.tables.items():
        unknown = (table["target"] == "") & (table["clusters"] == "")
        sizes[name] = {
            "videos": len(table),
            "share": len(table) / kept,
            "real": int((table["label"] == 0).sum()),
            "fake": int((table["label"] == 1).sum()),
            "methods": _counts(table.loc[table["label"] == 1, "method"]),
            "datasets": _counts(table["dataset"]),
            "crops": int(crops["video_id"].isin(table["video_id"]).sum()),
            "identities": _people(table),
            "groups": int(table["group"].nunique()),
            "videos_of_unknown_people": int(unknown.sum()),
        }
    group_sizes = group_videos(videos).value_counts()
    reasons = splits.left_out["reason"].map(REASONS).value_counts()
    return {
        **sizes,
        "all_groups": len(group_sizes),
        "largest_group": int(group_sizes.max()),
        "left_out": {name: int(reasons.get(name, 0)) for name in REASONS.values()},
        "overlap": overlaps(splits.tables),
    }


def describe(splits: Splits) -> str:
    """Sizes, what was left out and why, and warnings of leaks that were kept, for people."""
    lines = [f"{name}: {len(table)} videos" for name, table in splits.tables.items()]
    reasons = splits.left_out["reason"].value_counts()
    lines += [f"left out: {count} videos, {reason}" for reason, count in reasons.items()]
    leaks = describe_leaks(overlapping_names(splits.tables))
    return "\n".join([*lines, *(f"WARNING: kept leak: {leak.strip()}" for leak in leaks)])


def balance(splits: Splits, params: SplitParams) -> pd.DataFrame:
    """Videos per split, label and method, with the number that the split was to have (`wanted`)."""
    kept = sum(len(table) for table in splits.tables.values())
    wanted = {"train": params.train, "val": params.val, "test": params.test}
    rows = [
        {"split": name, "label": label, "method": method, "videos": len(part)}
        for name, table in splits.tables.items()
        for (label, method), part in table.groupby(["label", "method"])
    ]
    table = pd.DataFrame(rows, columns=["split", "label", "method", "videos"])
    by_ratio = params.policy == "grouped"
    return table.assign(wanted=table["split"].map(wanted) * kept if by_ratio else float("nan"))


def group_table(splits: Splits) -> pd.DataFrame:
    """Videos per split and group, the largest first."""
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
