"""Train, val and test without a person, original or content in two of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepfake.base.errors import LeakError, SplitError
from deepfake.core.labels import SPLITS
from deepfake.params.schema import SplitParams
from deepfake.splits import groups, partition

LEFT_OUT = ""  # in place of a split's name
FAIR_SHARE = (
    0.5  # a split with less than this part of the videos asked for is not what was asked for
)
MAX_LISTED = 10  # names shown per kind of leak

BRIDGE = "shows people of two splits"
NOT_OFFICIAL = "in none of the official splits"
TOUCHES = "shares a person or content with another split"


@dataclass(frozen=True)
class Splits:
    """Every video of the manifest, in exactly one of these tables.

    Attributes:
        tables: for train, val and test the rows of the manifest, with `group`: videos of two
            groups are independent enough to be resampled.
        left_out: the other rows, with `reason`.
    """

    tables: dict[str, pd.DataFrame]
    left_out: pd.DataFrame


def with_links(
    manifest: pd.DataFrame, identities: pd.DataFrame, duplicates: pd.DataFrame
) -> pd.DataFrame:
    """The manifest with what was found in the pictures.

    Args:
        manifest: rows as `manifest.build_manifest` gives them.
        identities: video_id and identity, a row per person in a video.
        duplicates: video_id and content.

    Returns:
        The same rows with `clusters` (identities, separated by blanks) and `content`, "" where
        nothing was found.
    """
    people = identities.groupby("video_id")["identity"].agg(
        lambda names: " ".join(sorted({*names}))
    )
    content = duplicates.set_index("video_id")["content"]
    ids = manifest["video_id"]
    return manifest.assign(
        clusters=[people.get(video_id, "") for video_id in ids],
        content=[content.get(video_id, "") for video_id in ids],
    )


def split_videos(videos: pd.DataFrame, params: SplitParams) -> Splits:
    """Divide the videos by `params.policy`.

    - grouped: whole groups by ratio, labels and methods as even as the groups' sizes allow;
    - official: as the data sets' authors did; where they name no val, it is cut out of train;
    - cross_dataset: the named data sets are test, the others are divided as by grouped;
    - kfold: one of `folds` equal parts is test, the next is val.

    Where groups are too large, `bridges: drop` cuts between people and leaves out the fakes that
    show people of both sides.

    Args:
        videos: rows of the manifest, as `with_links` gives them.
        params: the split section of params.yaml.

    Raises:
        SplitError: the videos cannot be divided like that, or a split lacks one of the labels.
        LeakError: the result leaks: cross-data-set or official splits that share something, and
            no parameter says what to do about it.
    """
    chosen, reasons = POLICIES[params.policy](videos, params)
    tables = {name: videos[chosen == name].reset_index(drop=True) for name in SPLITS}
    kept = params.policy == "official" and params.official_leaks == "keep"
    if not kept:
        check_leaks(tables)
    for name in _needed(params):
        if tables[name]["label"].nunique() < videos["label"].nunique():
            raise SplitError(
                f"the {name} split has {len(tables[name])} videos and lacks one of the labels:"
                " add videos of other people, or change the split section of params.yaml"
            )
    numbered = groups.independent_groups(pd.concat(list(tables.values()), ignore_index=True))
    ends = np.cumsum([len(table) for table in tables.values()])
    for table, part in zip(tables.values(), np.split(numbered.to_numpy(), ends[:-1]), strict=True):
        table["group"] = part
    left = chosen == LEFT_OUT
    left_out = videos[left].assign(reason=reasons[left]).reset_index(drop=True)
    return Splits(tables, left_out)


def check_leaks(tables: Mapping[str, pd.DataFrame]) -> None:
    """Raise LeakError naming what stands in two of the tables."""
    found = groups.overlapping_names(tables)
    if len(found):
        advice = "See split.bridges and split.official_leaks in params.yaml."
        raise LeakError("\n".join(["the splits leak:", *describe_leaks(found), advice]))


def describe_leaks(found: pd.DataFrame) -> list[str]:
    """A line per kind and pair of splits of `groups.overlapping_names`."""
    lines = []
    for (kind, a, b), rows in found.groupby(["kind", "a", "b"], sort=False):
        shown = ", ".join(rows["name"][:MAX_LISTED]) + ", ..." * (len(rows) > MAX_LISTED)
        lines.append(f"  {len(rows)} {kind} in both of {a} and {b}: {shown}")
    return lines


Chosen = tuple["pd.Series[str]", "pd.Series[str]"]  # split of each video; why it is left out


def _needed(params: SplitParams) -> list[str]:
    """Splits that must not be empty."""
    if params.policy in ("official", "kfold"):
        return list(SPLITS)
    shares = {"train": params.train, "val": params.val, "test": params.test}
    return [name for name, share in shares.items() if share > 0]


def _grouped(videos: pd.DataFrame, params: SplitParams) -> Chosen:
    shares = {"train": params.train, "val": params.val, "test": params.test}
    return _assign(videos, shares, params)


def _kfold(videos: pd.DataFrame, params: SplitParams) -> Chosen:
    shares = {str(fold): 1 / params.folds for fold in range(params.folds)}
    folds, reasons = _assign(videos, shares, params)
    test, val = params.fold, (params.fold + 1) % params.folds
    names = {str(fold): "train" for fold in range(params.folds)} | {
        str(val): "val",
        str(test): "test",
    }
    return folds.map({**names, LEFT_OUT: LEFT_OUT}), reasons


def _cross_dataset(videos: pd.DataFrame, params: SplitParams) -> Chosen:
    chosen = pd.Series("test", index=videos.index)
    reasons = pd.Series("", index=videos.index)
    rest = ~videos["dataset"].isin(params.test_datasets)
    chosen[rest], reasons[rest] = _assign(
        videos[rest], {"train": params.train, "val": params.val}, params
    )
    if params.bridges == "drop":
        chosen, reasons = _drop_touching(videos, chosen, reasons)
    return chosen, reasons


def _official(videos: pd.DataFrame, params: SplitParams) -> Chosen:
    chosen = videos["official_split"].copy()
    for dataset, rows in videos.groupby("dataset"):
        names = set(rows["official_split"]) - {""}
        if not names:
            raise SplitError(
                f"no official split is known for the data set {dataset}: its page in docs/datasets"
                " says which list it needs, or choose another split.policy"
            )
        inside = rows[rows["official_split"] == "train"]
        if "val" not in names and len(inside) and params.val > 0:
            shares = {"train": params.train, "val": params.val}
            chosen[inside.index], _ = _assign(inside, shares, params)
    official = videos["official_split"] != ""
    reasons = official.map({True: BRIDGE, False: NOT_OFFICIAL})
    if params.official_leaks == "merge":
        return _merge_leaks(videos, chosen), reasons
    if params.official_leaks == "drop":
        return _drop_touching(videos, chosen, reasons)
    return chosen, reasons


def _assign(videos: pd.DataFrame, shares: Mapping[str, float], params: SplitParams) -> Chosen:
    """Whole groups where that comes near the shares asked for, else people with bridges dropped."""
    total = sum(shares.values())
    wanted = {name: share / total for name, share in shares.items() if share > 0}
    whole = _whole_groups(videos, wanted, params.seed)
    if whole is not None and (params.bridges == "error" or _is_fair(videos, whole, wanted)):
        return whole, pd.Series("", index=videos.index)
    if params.bridges == "error":
        count = groups.group_videos(videos).nunique()
        raise SplitError(
            f"{len(videos)} videos form {count} groups of connected people, too few for"
            f" {len(wanted)} splits: add videos of other people, set a split's ratio to 0, or set"
            " split.bridges to drop, which leaves out fakes that connect people of two splits"
        )
    return _cut_people(videos, wanted, params.seed), pd.Series(BRIDGE, index=videos.index)


def _whole_groups(
    videos: pd.DataFrame, shares: Mapping[str, float], seed: int
) -> "pd.Series[str] | None":
    number = groups.group_videos(videos)
    strata = pd.get_dummies(videos["label"].astype(str) + ":" + videos["method"], dtype=float)
    labels = pd.get_dummies(videos["label"].astype(str), prefix="label", dtype=float)
    counts = pd.concat([strata, labels], axis=1).groupby(number).sum()
    if len(counts) < len(shares):
        return None
    split = partition.deal(counts.to_numpy(), np.array(list(shares.values())), seed)
    names = np.array(list(shares))[split]
    return pd.Series(names[number.to_numpy()], index=videos.index)


def _is_fair(videos: pd.DataFrame, chosen: "pd.Series[str]", shares: Mapping[str, float]) -> bool:
    """Whether every split has at least half of what it should have of every label."""
    have = pd.crosstab(chosen, videos["label"]).reindex(list(shares), fill_value=0)
    goal = np.outer(list(shares.values()), have.sum(axis=0))
    return bool((have.to_numpy() >= FAIR_SHARE * goal).all())


def _cut_people(videos: pd.DataFrame, shares: Mapping[str, float], seed: int) -> "pd.Series[str]":
    touched = groups.people_touched(videos)
    people = touched["person"].nunique()
    if people < len(shares):
        raise SplitError(
            f"the REAL videos show {people} people, too few for {len(shares)} splits: add videos of"
            " other people, or set a split's ratio to 0"
        )
    split = partition.cut(touched, np.array(list(shares.values())), seed)
    side = pd.Series(split[touched["person"]]).groupby(touched["row"].to_numpy())
    names = np.array(list(shares))[side.first()]
    kept = np.where(side.nunique() == 1, names, LEFT_OUT)
    return pd.Series(kept.tolist(), index=videos.index)


def _merge_leaks(videos: pd.DataFrame, chosen: "pd.Series[str]") -> "pd.Series[str]":
    """Move groups that stand in several splits into the one that holds most of their videos."""
    inside = chosen != LEFT_OUT
    number = groups.group_videos(videos[inside])
    counts = pd.crosstab(number, chosen[inside]).reindex(columns=list(SPLITS), fill_value=0)
    merged = chosen.copy()
    merged[inside] = number.map(counts.idxmax(axis=1))
    return merged


def _drop_touching(
    videos: pd.DataFrame, chosen: "pd.Series[str]", reasons: "pd.Series[str]"
) -> Chosen:
    """Leave out of train what shares a name with val or test, and out of val what does with test."""
    names = groups.names_of(videos)
    chosen, reasons = chosen.copy(), reasons.copy()
    for protected, others in (("test", ("train", "val")), ("val", ("train",))):
        split = chosen.to_numpy()[names["row"]]
        theirs = names[split == protected][["kind", "name"]].drop_duplicates()
        shared = names[np.isin(split, others)].merge(theirs, on=["kind", "name"])["row"].unique()
        chosen.iloc[shared] = LEFT_OUT
        reasons.iloc[shared] = TOUCHES
    return chosen, reasons


POLICIES = {
    "grouped": _grouped,
    "official": _official,
    "cross_dataset": _cross_dataset,
    "kfold": _kfold,
}
