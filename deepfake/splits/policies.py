"""Policies that divide the videos into train, val and test without leaks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepfake.base.errors import LeakError, ManifestError, SplitError, format_list
from deepfake.core.labels import SPLITS
from deepfake.core.tables import label_conflicts
from deepfake.params.schema import SplitParams
from deepfake.splits import groups, partition

LEFT_OUT = ""  # in place of a split's name
FAIR_SHARE = 0.5  # a split needs at least this part of its expected videos of every label
MAX_LISTED = 10  # names shown per kind of leak

# Reasons for leaving out a video, as in data/splits/left_out.csv
BRIDGE = "shows people of two splits"
NOT_OFFICIAL = "in none of the official splits"
SHARING = "shares a person or content with another split"


@dataclass(frozen=True)
class Splits:
    """Every video of the manifest, in exactly one of these tables.

    Attributes:
        tables: for train, val and test the rows of the manifest, with `group`: the unit to resample
            for intervals.
        left_out: the other rows, with `reason`.
    """

    tables: dict[str, pd.DataFrame]
    left_out: pd.DataFrame


def with_links(
    manifest: pd.DataFrame, identities: pd.DataFrame, duplicates: pd.DataFrame
) -> pd.DataFrame:
    """The manifest with the links found in the images.

    Args:
        manifest: rows as returned by `manifest.build_manifest`.
        identities: video_id and identity, a row per person in a video.
        duplicates: video_id and content.

    Returns:
        The same rows with `clusters` (identities, separated by spaces) and `content`, "" if nothing
        was found.
    """
    names = identities[["video_id", "identity"]].drop_duplicates()
    names = names.sort_values(["video_id", "identity"])
    people = names.groupby("video_id")["identity"].agg(" ".join).to_dict()
    content = dict(zip(duplicates["video_id"], duplicates["content"], strict=True))
    ids = manifest["video_id"]
    return manifest.assign(
        clusters=[people.get(video_id, "") for video_id in ids],
        content=[content.get(video_id, "") for video_id in ids],
    )


def with_digests(manifest: pd.DataFrame, digests: pd.DataFrame) -> pd.DataFrame:
    """The manifest with the SHA-256 of the remote videos, in place of their version.

    Args:
        manifest: rows as returned by `manifest.build_manifest`.
        digests: rows of data/digests.csv.

    Raises:
        ManifestError: identical files have different labels, as `build_manifest` finds for local ones.
    """
    if digests.empty:
        return manifest
    known = dict(zip(digests["video_id"], digests["sha256"], strict=True))
    filled = [known.get(*row) for row in zip(manifest["video_id"], manifest["sha256"], strict=True)]
    table = manifest.drop(columns="version").assign(sha256=filled)
    if conflicts := label_conflicts(table):
        title = f"the data sets have {len(conflicts)} errors; fix or remove these videos:"
        raise ManifestError(format_list(title, conflicts))
    return table


def split_videos(videos: pd.DataFrame, params: SplitParams) -> Splits:
    """Divide the videos by `params.policy`.

    - grouped: whole groups by ratio, with labels and methods as even as the groups' sizes allow.
    - official: as published by the authors of the data sets. Without a val, it is cut from train.
    - cross_dataset: the named data sets are test. The others are divided as by grouped.
    - kfold: one of `folds` equal parts is test, the next is val.

    If groups are too large, `bridges: drop` divides people instead and leaves out the fakes that
    show people of two splits.

    Args:
        videos: rows of the manifest, as returned by `with_links`.
        params: the split section of params.yaml.

    Raises:
        SplitError: the videos cannot be divided as the parameters ask, or a split lacks one of the
            labels.
        LeakError: cross-data-set or official splits share a name, and the parameters do not say how
            to resolve it.
    """
    chosen, reasons = POLICIES[params.policy](videos, params)
    tables = {name: videos[chosen == name].reset_index(drop=True) for name in SPLITS}
    leaks_allowed = params.policy == "official" and params.official_leaks == "keep"
    if not leaks_allowed:
        check_leaks(tables)
    for name in _required_splits(params):
        if tables[name]["label"].nunique() < videos["label"].nunique():
            raise SplitError(
                f"the {name} split has {len(tables[name])} videos and lacks one of the labels:"
                " add videos of other people, or change the split section of params.yaml"
            )
    numbers = groups.independent_groups(pd.concat(list(tables.values()), ignore_index=True))
    ends = np.cumsum([len(table) for table in tables.values()])
    for table, part in zip(tables.values(), np.split(numbers.to_numpy(), ends[:-1]), strict=True):
        table["group"] = part
    excluded = chosen == LEFT_OUT
    left_out = videos[excluded].assign(reason=reasons[excluded]).reset_index(drop=True)
    return Splits(tables, left_out)


def check_leaks(tables: Mapping[str, pd.DataFrame]) -> None:
    """Raise LeakError with the names that two of the tables share."""
    leaks = groups.find_leaks(tables)
    if len(leaks):
        advice = "See split.bridges and split.official_leaks in params.yaml."
        raise LeakError("\n".join(["the splits leak:", *describe_leaks(leaks), advice]))


def describe_leaks(leaks: pd.DataFrame) -> list[str]:
    """One line per kind and pair of splits, from the rows of `groups.find_leaks`."""
    lines = []
    for (kind, split, other), rows in leaks.groupby(["kind", "split", "other"], sort=False):
        names = ", ".join(rows["name"][:MAX_LISTED]) + ", ..." * (len(rows) > MAX_LISTED)
        lines.append(f"  {len(rows)} {kind} in both {split} and {other}: {names}")
    return lines


Assignment = tuple["pd.Series[str]", "pd.Series[str]"]  # split of each video; why it is left out


def _required_splits(params: SplitParams) -> list[str]:
    """Splits that must not be empty."""
    if params.policy in ("official", "kfold"):
        return list(SPLITS)
    shares = {"train": params.train, "val": params.val, "test": params.test}
    return [name for name, share in shares.items() if share > 0]


def _grouped(videos: pd.DataFrame, params: SplitParams) -> Assignment:
    shares = {"train": params.train, "val": params.val, "test": params.test}
    return _assign_by_shares(videos, shares, params)


def _kfold(videos: pd.DataFrame, params: SplitParams) -> Assignment:
    shares = {str(fold): 1 / params.folds for fold in range(params.folds)}
    folds, reasons = _assign_by_shares(videos, shares, params)
    test, val = params.fold, (params.fold + 1) % params.folds
    names = {str(fold): "train" for fold in range(params.folds)} | {
        str(val): "val",
        str(test): "test",
    }
    return folds.map({**names, LEFT_OUT: LEFT_OUT}), reasons


def _cross_dataset(videos: pd.DataFrame, params: SplitParams) -> Assignment:
    chosen = pd.Series("test", index=videos.index)
    reasons = pd.Series("", index=videos.index)
    rest = ~videos["dataset"].isin(params.test_datasets)
    chosen[rest], reasons[rest] = _assign_by_shares(
        videos[rest], {"train": params.train, "val": params.val}, params
    )
    if params.bridges == "drop":
        chosen, reasons = _drop_sharing(videos, chosen, reasons)
    return chosen, reasons


def _official(videos: pd.DataFrame, params: SplitParams) -> Assignment:
    chosen = videos["official_split"].copy()
    for dataset, rows in videos.groupby("dataset"):
        names = set(rows["official_split"]) - {""}
        if not names:
            raise SplitError(
                f"no official split is known for the data set {dataset}: add its lists of splits"
                " (see docs/datasets), or choose another split.policy"
            )
        train = rows[rows["official_split"] == "train"]
        if "val" not in names and len(train) and params.val > 0:
            shares = {"train": params.train, "val": params.val}
            chosen[train.index], _ = _assign_by_shares(train, shares, params)
    official = videos["official_split"] != ""
    reasons = official.map({True: BRIDGE, False: NOT_OFFICIAL})
    if params.official_leaks == "merge":
        return _merge_leaks(videos, chosen), reasons
    if params.official_leaks == "drop":
        return _drop_sharing(videos, chosen, reasons)
    return chosen, reasons


def _assign_by_shares(
    videos: pd.DataFrame, shares: Mapping[str, float], params: SplitParams
) -> Assignment:
    """Assign whole groups if the result is near the shares, else divide people and drop bridges."""
    total = sum(shares.values())
    normalized = {name: share / total for name, share in shares.items() if share > 0}
    whole = _assign_whole_groups(videos, normalized, params.seed)
    if whole is not None and (params.bridges == "error" or _is_fair(videos, whole, normalized)):
        return whole, pd.Series("", index=videos.index)
    if params.bridges == "error":
        count = groups.group_videos(videos).nunique()
        raise SplitError(
            f"{len(videos)} videos form {count} groups of connected people, too few for"
            f" {len(normalized)} splits: add videos of other people, set a split's ratio to 0, or"
            " set split.bridges to drop, which leaves out fakes that connect people of two splits"
        )
    return _divide_people(videos, normalized, params.seed), pd.Series(BRIDGE, index=videos.index)


def _assign_whole_groups(
    videos: pd.DataFrame, shares: Mapping[str, float], seed: int
) -> "pd.Series[str] | None":
    """The split of each video, or None if there are fewer groups than splits."""
    group = groups.group_videos(videos)
    strata = pd.get_dummies(videos["label"].astype(str) + ":" + videos["method"], dtype=float)
    labels = pd.get_dummies(videos["label"].astype(str), prefix="label", dtype=float)
    counts = pd.concat([strata, labels], axis=1).groupby(group).sum()
    if len(counts) < len(shares):
        return None
    split = partition.assign_groups(counts.to_numpy(), np.array(list(shares.values())), seed)
    names = np.array(list(shares))[split]
    return pd.Series(names[group.to_numpy()], index=videos.index)


def _is_fair(videos: pd.DataFrame, chosen: "pd.Series[str]", shares: Mapping[str, float]) -> bool:
    """Whether every split has at least `FAIR_SHARE` of its expected videos of every label."""
    actual = pd.crosstab(chosen, videos["label"]).reindex(list(shares), fill_value=0)
    expected = np.outer(list(shares.values()), actual.sum(axis=0))
    return bool((actual.to_numpy() >= FAIR_SHARE * expected).all())


def _divide_people(
    videos: pd.DataFrame, shares: Mapping[str, float], seed: int
) -> "pd.Series[str]":
    appearances = groups.list_appearances(videos)
    people = appearances["person"].nunique()
    if people < len(shares):
        raise SplitError(
            f"the REAL videos show {people} people, too few for {len(shares)} splits: add videos of"
            " other people, or set a split's ratio to 0"
        )
    split = partition.divide_people(appearances, np.array(list(shares.values())), seed)
    by_video = pd.Series(split[appearances["person"]]).groupby(appearances["row"].to_numpy())
    names = np.array(list(shares))[by_video.first()]
    kept = np.where(by_video.nunique() == 1, names, LEFT_OUT)
    return pd.Series(kept.tolist(), index=videos.index)


def _merge_leaks(videos: pd.DataFrame, chosen: "pd.Series[str]") -> "pd.Series[str]":
    """Move each group that is in several splits into the one with most of its videos."""
    included = chosen != LEFT_OUT
    group = groups.group_videos(videos[included])
    counts = pd.crosstab(group, chosen[included]).reindex(columns=list(SPLITS), fill_value=0)
    merged = chosen.copy()
    merged[included] = group.map(counts.idxmax(axis=1))
    return merged


def _drop_sharing(
    videos: pd.DataFrame, chosen: "pd.Series[str]", reasons: "pd.Series[str]"
) -> Assignment:
    """Leave out videos of train that share a name with val or test, and of val with test."""
    names = groups.linking_names(videos)
    chosen, reasons = chosen.copy(), reasons.copy()
    for protected, others in (("test", ("train", "val")), ("val", ("train",))):
        split = chosen.to_numpy()[names["row"]]
        theirs = names[split == protected][["kind", "name"]].drop_duplicates()
        shared = names[np.isin(split, others)].merge(theirs, on=["kind", "name"])["row"].unique()
        chosen.iloc[shared] = LEFT_OUT
        reasons.iloc[shared] = SHARING
    return chosen, reasons


POLICIES = {
    "grouped": _grouped,
    "official": _official,
    "cross_dataset": _cross_dataset,
    "kfold": _kfold,
}
