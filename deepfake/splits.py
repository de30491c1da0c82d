"""Train, val and test without a person, source or video in two of them."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from deepfake.errors import LeakError, SplitError

NAMES = ("train", "val", "test")


def group_videos(manifest: pd.DataFrame) -> pd.Series:
    """A group number per video: connected through a target, source or original, however far.

    Groups are numbered in the order of the manifest, so equal tables get equal numbers.
    """
    links = [
        "video:" + manifest["video_id"],
        ("video:" + manifest["original"]).where(manifest["original"] != ""),
        _person(manifest, "target"),
        _person(manifest, "source"),
    ]
    codes, _ = pd.factorize(pd.concat(links, ignore_index=True))
    nodes = codes.reshape(len(links), len(manifest))
    known = nodes[1:] >= 0
    videos = np.broadcast_to(nodes[0], known.shape)[known]
    size = int(nodes.max()) + 1
    edges = coo_matrix((np.ones(len(videos)), (videos, nodes[1:][known])), shape=(size, size))
    _, component = connected_components(edges, directed=False)
    numbers, _ = pd.factorize(component[nodes[0]])
    return pd.Series(numbers, index=manifest.index, name="group")


def _person(table: pd.DataFrame, role: str) -> "pd.Series[Any]":
    """A name for the person in a role, unique across data sets; missing where not known."""
    return ("person:" + table["dataset"] + "/" + table[role]).where(table[role] != "")


def split_videos(
    manifest: pd.DataFrame, ratios: Mapping[str, float], seed: int
) -> dict[str, pd.DataFrame]:
    """Divide the manifest into whole groups, labels and methods as even as their sizes allow.

    Groups are dealt from the largest to the smallest, each to the split that it brings closest to
    its share of every label and method (the greedy rule of StratifiedGroupKFold in scikit-learn,
    for shares of any size).

    Args:
        manifest: rows as `manifest.build_manifest` gives them.
        ratios: share of the videos for train, val and test, adding up to 1; 0 leaves one empty.
        seed: decides between groups of the same size.

    Returns:
        For each name the rows of the manifest with a `group` column.

    Raises:
        SplitError: there are fewer groups than splits, or a split lacks one of the labels.
        LeakError: the result shares a person, source or video (never happens, always checked).
    """
    table = manifest.assign(group=group_videos(manifest))
    wanted = [name for name in NAMES if ratios[name] > 0]
    strata = pd.get_dummies(table["label"].astype(str) + ":" + table["method"], dtype=float)
    labels = pd.get_dummies(table["label"].astype(str), prefix="label", dtype=float)
    counts = pd.concat([strata, labels], axis=1).groupby(table["group"]).sum()
    if len(counts) < len(wanted):
        raise SplitError(
            f"{len(table)} videos form {len(counts)} groups of connected people, too few for"
            f" {len(wanted)} splits: add videos of other people, or set a split's ratio to 0"
        )
    shares = np.array([ratios[name] for name in wanted])
    chosen = _deal(counts.to_numpy(), shares, seed)
    names = pd.Series(np.array(wanted)[chosen], index=counts.index)
    of_row = table["group"].map(names)
    splits = {name: table[of_row == name].reset_index(drop=True) for name in NAMES}
    check_leaks(splits)
    for name in wanted:
        if splits[name]["label"].nunique() < table["label"].nunique():
            raise SplitError(
                f"the {name} split has no video of one label: it holds"
                f" {splits[name]['group'].nunique()} groups; add videos or change its ratio"
            )
    return splits


def _deal(counts: "np.ndarray[Any, Any]", shares: "np.ndarray[Any, Any]", seed: int) -> list[int]:
    """Index of the split for each row (group) of `counts` (groups x strata)."""
    generator = np.random.default_rng(seed)
    order = np.lexsort((generator.permutation(len(counts)), -counts.sum(axis=1)))
    scale = np.maximum(counts.sum(axis=0), 1)
    goal = shares[:, None] * counts.sum(axis=0)
    have = np.zeros_like(goal)
    chosen = [0] * len(counts)
    for group in order:
        # What each split would still lack or have too much of, squared, if it got this group.
        change = (goal - have - counts[group]) ** 2 - (goal - have) ** 2
        best = int((change / (scale * shares[:, None])).sum(axis=1).argmin())
        have[best] += counts[group]
        chosen[group] = best
    return chosen


def overlaps(splits: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, int]]:
    """How many people, sources and videos stand in two splits, by kind and pair of splits.

    This looks at the finished tables, not at the groups that were meant to keep them apart.
    """
    kinds = {"identities": _people, "sources": _videos, "files": _files}
    return {
        kind: {
            f"{a}_{b}": len(members(splits[a]) & members(splits[b]))
            for a, b in combinations(NAMES, 2)
        }
        for kind, members in kinds.items()
    }


def _people(table: pd.DataFrame) -> set[str]:
    return set(_person(table, "target").dropna()) | set(_person(table, "source").dropna())


def _videos(table: pd.DataFrame) -> set[str]:
    return set(table["video_id"]) | (set(table["original"]) - {""})


def _files(table: pd.DataFrame) -> set[str]:
    return set(table["dataset"] + "/" + table["path"])


def check_leaks(splits: Mapping[str, pd.DataFrame]) -> None:
    """Raise LeakError if `overlaps` finds any."""
    leaks = [
        f"  {count} {kind} in both of {pair.replace('_', ' and ')}"
        for kind, pairs in overlaps(splits).items()
        for pair, count in pairs.items()
        if count
    ]
    if leaks:
        raise LeakError("\n".join(["the splits leak:", *leaks]))


def split_metrics(splits: Mapping[str, pd.DataFrame], crops: pd.DataFrame) -> dict[str, Any]:
    """Sizes of the splits and their overlaps, for `metrics/split.json`."""
    sizes = {}
    for name, table in splits.items():
        sizes[name] = {
            "videos": len(table),
            "real": int((table["label"] == 0).sum()),
            "fake": int((table["label"] == 1).sum()),
            "crops": int(crops["video_id"].isin(table["video_id"]).sum()),
            "identities": len(_people(table)),
            "groups": int(table["group"].nunique()),
            "videos_of_unknown_people": int((table["target"] == "").sum()),
        }
    everything = pd.concat(list(splits.values()))
    largest = int(everything["group"].value_counts().max())
    return {**sizes, "largest_group": largest, "overlap": overlaps(splits)}
