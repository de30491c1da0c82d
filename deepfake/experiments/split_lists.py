"""Which split a video belongs to, by lists in the repository or at random."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from deepfake.core.labels import SPLITS
from deepfake.core.tables import read_csv
from deepfake.datasets.scanning import path_stem
from deepfake.params.overlay import ExperimentError

LIST_COLUMNS = ["video_id", "split"]  # of a list, a CSV file
LEFT_OUT = "left_out"  # the split of a video that takes no part


def video_ids(name: str, table: pd.DataFrame) -> list[str]:
    """The video_id that the manifest gives to each row of a listing of the data set `name`."""
    return [f"{name}/{path_stem(path)}" for path in table["path"]]


def with_official_split(
    table: pd.DataFrame, name: str, assignment: str, repository: Path
) -> pd.DataFrame:
    """A listing with the column `official_split`; prints how many videos were left out.

    Args:
        table: rows of a listing of the data set `name`.
        assignment: train, val or test for all videos, or the path of a list below `repository` with
            the columns video_id and split. Videos that the list lacks or calls left_out are dropped.

    Raises:
        ExperimentError: the list is not found, has other columns or names another split.
    """
    if assignment in SPLITS:
        return table.assign(official_split=assignment)
    splits = _read_list(repository / assignment, f"experiment.official_split.{name}")
    chosen = pd.Series(video_ids(name, table), index=table.index).map(splits)
    unknown, excluded = int(chosen.isna().sum()), int((chosen == LEFT_OUT).sum())
    print(
        f"{name}: {excluded} of {len(table)} videos are left out by {assignment},"
        f" and {unknown} are not in it",
        flush=True,
    )
    kept = chosen.isin(SPLITS)
    return table[kept].assign(official_split=chosen[kept])


def _read_list(path: Path, parameter: str) -> dict[str, str]:
    if not path.is_file():
        raise ExperimentError(
            f"{parameter}: {path} not found; name train, val, test or a list in the repository"
        )
    listed = read_csv(path)
    if list(listed.columns) != LIST_COLUMNS or listed["video_id"].duplicated().any():
        raise ExperimentError(
            f"{path}: must have the columns {', '.join(LIST_COLUMNS)} and each video once"
        )
    strange = sorted({*listed["split"]} - {*SPLITS, LEFT_OUT})
    if strange:
        raise ExperimentError(
            f"{path}: split {strange[0]} must be one of {', '.join([*SPLITS, LEFT_OUT])}"
        )
    return dict(zip(listed["video_id"], listed["split"], strict=True))


def make_split_list(
    table: pd.DataFrame, name: str, stratum: str, shares: Mapping[str, float], seed: int
) -> pd.DataFrame:
    """A list that divides the people of a data set at random, with equal shares in every stratum.

    Args:
        table: rows with path, target ("" for a person of whom this is the only video) and `stratum`.
        name: of the data set.
        stratum: column; within each of its values the shares are kept.
        shares: by the name of the split; they add up to 1.
        seed: of the choice.

    Returns:
        Columns video_id and split, sorted by video_id.
    """
    person = table["target"].where(table["target"] != "", table["path"])
    chosen: dict[str, str] = {}
    for _, people in person.groupby(table[stratum]):
        names = sorted(people.unique())
        chosen |= dict(zip(names, random_split(len(names), shares, seed), strict=True))
    listed = pd.DataFrame({"video_id": video_ids(name, table), "split": person.map(chosen)})
    return listed.sort_values("video_id", ignore_index=True)


def random_split(count: int, shares: Mapping[str, float], seed: int) -> list[str]:
    """A random split for each of `count` items."""
    ends = np.round(np.cumsum(list(shares.values())) * count).astype(int)
    order = np.random.default_rng(seed).permutation(count)
    names = np.repeat(list(shares), np.diff(ends, prepend=0))
    chosen = np.empty(count, names.dtype)
    chosen[order] = names
    return [str(name) for name in chosen]
