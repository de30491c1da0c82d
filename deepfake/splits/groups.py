"""Groups of linked videos, which must stay in one split.

Each video has names: of its people (target, source), of videos (itself and its original), of
clusters of faces, of near-duplicate content, and of its bytes. Videos that share a name are linked.
A group is a connected component: all videos that are linked, directly or through others. The same
names show whether finished splits leak.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from deepfake.core.labels import REAL

# Each kind of name, and the columns that hold such names. A table need not have all of them.
NAME_COLUMNS = {
    "identities": ("target", "source"),
    "originals": ("video_id", "original"),
    "clusters": ("clusters",),  # of faces; several are separated by spaces
    "content": ("content",),  # near-duplicate frames
    "files": ("path", "sha256"),
}
LOCAL_COLUMNS = ("target", "source", "path")  # their names mean something else in other data sets


def linking_names(table: pd.DataFrame) -> pd.DataFrame:
    """The names that link videos, one per row.

    Args:
        table: rows of videos with `dataset` and any of the columns in `NAME_COLUMNS`. People and
            paths are local to their data set, except people with a colon ("a:b").

    Returns:
        Columns row (position in `table`), kind (a key of `NAME_COLUMNS`) and name, without
        duplicates.
    """
    parts = []
    for kind, columns in NAME_COLUMNS.items():
        for column in columns:
            if column in table:
                values = table[column].reset_index(drop=True)
                values = values[values.notna() & (values != "")].astype(str)
                if column == "clusters":
                    values = values.str.split().explode()
                parts.append(_names_in(kind, column, values, table))
    empty = pd.DataFrame({"row": np.zeros(0, int), "kind": "", "name": ""})
    return pd.concat(parts or [empty], ignore_index=True).drop_duplicates(ignore_index=True)


def _names_in(
    kind: str, column: str, values: "pd.Series[Any]", table: pd.DataFrame
) -> pd.DataFrame:
    names = values
    if column in LOCAL_COLUMNS and "dataset" in table:
        dataset = table["dataset"].reset_index(drop=True).loc[values.index]
        everywhere = values.str.contains(":") & (kind == "identities")
        names = values.where(everywhere, dataset + "/" + values)
    return pd.DataFrame({"row": values.index.to_numpy(int), "kind": kind, "name": names.to_numpy()})


def group_videos(table: pd.DataFrame) -> "pd.Series[int]":
    """Group number of each video, in order of first appearance; deterministic."""
    names = linking_names(table)
    codes = _name_codes(names)
    component = _components(names["row"].to_numpy(), codes, len(table), _name_count(codes))
    numbers, _ = pd.factorize(component[: len(table)])
    return pd.Series(numbers, index=table.index, name="group")


def list_appearances(table: pd.DataFrame) -> pd.DataFrame:
    """Which people appear in which video, if only REAL videos link names.

    Names belong to one person here if a REAL video has both, or a cluster holds both. Links made by
    fakes are ignored, so that leaving out the fakes can cut them.

    Returns:
        Columns row (position in `table`) and person (a number), without duplicates. Every video has
        a row. The target of a fake comes first if it is known and appears elsewhere.
    """
    names = linking_names(table)
    labels = table["label"].to_numpy()
    codes = _name_codes(names)
    rows = names["row"].to_numpy()
    in_real = labels[rows] == REAL
    component = _components(rows[in_real], codes[in_real], len(table), _name_count(codes))
    names["person"] = component[len(table) + codes]
    # A name that only one fake has links nothing: that person needs no split of its own.
    unlinked = (np.bincount(codes)[codes] == 1) & ~in_real
    has_only_unlinked = ~names["row"].isin(names.loc[~unlinked, "row"])
    kept = ~unlinked | (has_only_unlinked & ~names.duplicated("row"))
    appearances: pd.DataFrame = names.loc[kept, ["row", "person"]]
    appearances = appearances.drop_duplicates()
    appearances = appearances.sort_values("row", kind="stable", ignore_index=True)
    appearances["person"], _ = pd.factorize(appearances["person"])
    return appearances


def independent_groups(table: pd.DataFrame) -> "pd.Series[int]":
    """Units to resample for intervals: groups, or people if one group holds most videos.

    If all people were swapped with each other, one group holds nearly everything and no interval
    can be computed. People are then the better unit, although their fakes link them.
    """
    groups = group_videos(table)
    if table.empty or groups.value_counts().max() <= len(table) / 2:
        return groups
    first = list_appearances(table).drop_duplicates("row")["person"]
    return pd.Series(pd.factorize(first)[0], index=table.index, name="group")


def find_leaks(splits: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Names that two splits share.

    They are found in the finished tables, independently of the groups that should prevent them.

    Returns:
        Columns kind, split, other (the two splits) and name, sorted by all of them.
    """
    names = {
        split: linking_names(table).drop(columns="row").drop_duplicates()
        for split, table in splits.items()
    }
    shared = [
        names[split].merge(names[other], on=["kind", "name"]).assign(split=split, other=other)
        for split, other in combinations(splits, 2)
    ]
    empty = pd.DataFrame(columns=["kind", "split", "other", "name"], dtype=str)
    leaks = pd.concat([empty, *shared])[list(empty.columns)]
    return leaks.sort_values(list(empty.columns), ignore_index=True)


def count_leaks(splits: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, int]]:
    """How many names two splits share, by kind and pair of splits ("train_test")."""
    counts = find_leaks(splits).groupby(["kind", "split", "other"]).size()
    return {
        kind: {
            f"{split}_{other}": int(counts.get((kind, split, other), 0))
            for split, other in combinations(splits, 2)
        }
        for kind in NAME_COLUMNS
    }


def _name_codes(names: pd.DataFrame) -> NDArray[np.int64]:
    codes, _ = pd.factorize(names["kind"] + ":" + names["name"])
    return codes.astype(np.int64)


def _name_count(codes: NDArray[np.int64]) -> int:
    return int(codes.max(initial=-1)) + 1


def _components(
    rows: NDArray[np.int64], codes: NDArray[np.int64], videos: int, names: int
) -> NDArray[np.int64]:
    """Component of every video, then of every name, linked by pairs of a video and a name."""
    size = videos + names
    edges = coo_matrix((np.ones(len(rows)), (rows, codes + videos)), shape=(size, size))
    _, component = connected_components(edges, directed=False)
    return np.asarray(component, np.int64)
