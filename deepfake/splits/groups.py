"""What must stay in one split: everything that shares a person, an original or content.

Each video names what it shows: people (target, source), videos (itself and its original), clusters
of faces, near-duplicate content, and its bytes. Videos that share a name are linked; a group is all
that is linked, however far. The same names tell whether finished splits leak.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

# Kind of name, and the columns that hold such names. A table need not have all of them.
KINDS = {
    "identities": ("target", "source"),
    "originals": ("video_id", "original"),
    "clusters": ("clusters",),  # of faces, several of them separated by blanks
    "content": ("content",),  # near-duplicate frames
    "files": ("path", "sha256"),
}
OF_DATA_SET = ("target", "source", "path")  # names that mean something else in another data set


def names_of(table: pd.DataFrame) -> pd.DataFrame:
    """What every video shows, one name per row.

    Args:
        table: rows of videos with any of the columns in `KINDS`, and `dataset`. A person "a:b" is
            the same in every data set, any other name is one of its data set.

    Returns:
        Columns row (position in `table`), kind (a key of `KINDS`) and name, without repetitions.
    """
    parts = []
    for kind, columns in KINDS.items():
        for column in columns:
            if column in table:
                values = table[column].reset_index(drop=True)
                values = values[values.notna() & (values != "")].astype(str)
                if column == "clusters":
                    values = values.str.split().explode()
                parts.append(_named(kind, column, values, table))
    empty = pd.DataFrame({"row": np.zeros(0, int), "kind": "", "name": ""})
    return pd.concat(parts or [empty], ignore_index=True).drop_duplicates(ignore_index=True)


def _named(kind: str, column: str, values: "pd.Series[Any]", table: pd.DataFrame) -> pd.DataFrame:
    names = values
    if column in OF_DATA_SET and "dataset" in table:
        dataset = table["dataset"].reset_index(drop=True).loc[values.index]
        everywhere = values.str.contains(":") & (kind == "identities")
        names = values.where(everywhere, dataset + "/" + values)
    return pd.DataFrame({"row": values.index.to_numpy(int), "kind": kind, "name": names.to_numpy()})


def group_videos(table: pd.DataFrame) -> "pd.Series[int]":
    """A group number per video, in order of first appearance; equal tables get equal numbers."""
    names = names_of(table)
    codes = _codes(names)
    component = _components(names["row"].to_numpy(), codes, len(table), _count(codes))
    numbers, _ = pd.factorize(component[: len(table)])
    return pd.Series(numbers, index=table.index, name="group")


def people_touched(table: pd.DataFrame) -> pd.DataFrame:
    """Which people every video shows, when only REAL videos link names.

    Two people are one here if a REAL video shows both, or a cluster holds both. What fakes link is
    left apart, so that it can be cut by leaving out the fakes.

    Returns:
        Columns row (position in `table`) and person (a number), without repetitions; every video
        has a row, and for a fake its target comes first where it is known and seen elsewhere.
    """
    names = names_of(table)
    labels = table["label"].to_numpy()
    codes = _codes(names)
    rows = names["row"].to_numpy()
    by_real = labels[rows] == 0
    component = _components(rows[by_real], codes[by_real], len(table), _count(codes))
    names["person"] = component[len(table) + codes]
    # What only one fake names is no link, and no person to whom a split need be found.
    idle = (np.bincount(codes)[codes] == 1) & ~by_real
    alone = ~names["row"].isin(names.loc[~idle, "row"]) & ~names.duplicated("row")
    touched: pd.DataFrame = names.loc[~idle | alone, ["row", "person"]]
    touched = touched.drop_duplicates().sort_values("row", kind="stable", ignore_index=True)
    touched["person"], _ = pd.factorize(touched["person"])
    return touched


def independent_groups(table: pd.DataFrame) -> "pd.Series[int]":
    """Units to resample for intervals: groups, or people where one group holds most videos.

    Where everybody was swapped with everybody a single group is left, and nothing could be said of
    the interval. People are then the better unit, though their fakes link them.
    """
    groups = group_videos(table)
    if table.empty or groups.value_counts().max() <= len(table) / 2:
        return groups
    first = people_touched(table).drop_duplicates("row")["person"]
    return pd.Series(pd.factorize(first)[0], index=table.index, name="group")


def overlapping_names(splits: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Names that stand in two splits: columns kind, a, b (the splits), name; sorted.

    This looks at the finished tables, not at the groups that were meant to keep them apart.
    """
    sets = {
        name: names_of(table).drop(columns="row").drop_duplicates()
        for name, table in splits.items()
    }
    shared = [
        sets[a].merge(sets[b], on=["kind", "name"]).assign(a=a, b=b)
        for a, b in combinations(splits, 2)
    ]
    empty = pd.DataFrame(columns=["kind", "a", "b", "name"], dtype=str)
    found = pd.concat([empty, *shared])[list(empty.columns)]
    return found.sort_values(list(empty.columns), ignore_index=True)


def overlaps(splits: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, int]]:
    """How many names stand in two splits, by kind and pair of splits."""
    found = overlapping_names(splits).groupby(["kind", "a", "b"]).size()
    return {
        kind: {f"{a}_{b}": int(found.get((kind, a, b), 0)) for a, b in combinations(splits, 2)}
        for kind in KINDS
    }


def _codes(names: pd.DataFrame) -> NDArray[np.int64]:
    codes, _ = pd.factorize(names["kind"] + ":" + names["name"])
    return codes.astype(np.int64)


def _count(codes: NDArray[np.int64]) -> int:
    return int(codes.max(initial=-1)) + 1


def _components(
    rows: NDArray[np.int64], codes: NDArray[np.int64], videos: int, names: int
) -> NDArray[np.int64]:
    """Component of every video, then of every name, linked by pairs of a video and a name."""
    size = videos + names
    edges = coo_matrix((np.ones(len(rows)), (rows, codes + videos)), shape=(size, size))
    _, component = connected_components(edges, directed=False)
    return np.asarray(component, np.int64)
