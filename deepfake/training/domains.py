"""Domains: data sets that are trained on together, each domain with a fixed share of the pairs.

Domains differ in more than the label: photos and frames of videos, real people alone, generated
faces. With a share for each, none is drowned, and the checkpoint can be chosen by all of them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deepfake.base.errors import TrainingError
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, Integers
from deepfake.params.schema import TrainParams

if TYPE_CHECKING:
    from deepfake.training.crop_set import CropSet

ALL = "all"  # the domain of all data sets, if params.yaml names none


@dataclass(frozen=True)
class Domain:
    """The crops of one domain in one split.

    Attributes:
        name: of the domain.
        share: of the pairs of an epoch.
        self_blended: fraction of its pairs that are self-blended.
        rows: positions of its crops in the table of the split.
    """

    name: str
    share: float
    self_blended: float
    rows: Integers


def list_domains(table: pd.DataFrame, params: TrainParams, split: str) -> list[Domain]:
    """The domains of a split, in the order of params.yaml; one if it names none.

    Args:
        table: one row per crop, with dataset if there are domains.
        params: the train section of params.yaml.
        split: train or val, for the error.

    Raises:
        TrainingError: a data set is in no domain.
    """
    if not params.domains:
        return [Domain(ALL, 1.0, params.self_blended, np.arange(len(table)))]
    names = {dataset: name for name, one in params.domains.items() for dataset in one.datasets}
    missing = sorted({*table["dataset"]} - names.keys())
    if missing:
        raise TrainingError(
            f"train.domains: no domain has the data set {missing[0]} of the {split} split: add it to"
            " the datasets of one"
        )
    of_row = table["dataset"].map(names)
    return [
        Domain(name, one.share, one.self_blended, np.flatnonzero(of_row == name))
        for name, one in params.domains.items()
    ]


def check_domains(
    train_set: "CropSet", val_set: "CropSet", params: TrainParams, min_frames: int
) -> None:
    """Raise TrainingError if pairs cannot be made of a domain, or it cannot be measured on val.

    Args:
        train_set, val_set: the crops.
        params: the train section of params.yaml.
        min_frames: a person in fewer frames is not scored.
    """
    for domain in list_domains(train_set.table, params, "train"):
        _check_train(train_set, domain)
    table = val_set.table
    scored = table.groupby(["video_id", "track"])["label"].transform("size") >= min_frames
    for domain in list_domains(table, params, "val"):
        _check_val(val_set, domain, scored.to_numpy()[domain.rows], min_frames)


def _check_train(train_set: "CropSet", domain: Domain) -> None:
    labels = train_set.table["label"].to_numpy(int)[domain.rows]
    if REAL not in labels:
        raise TrainingError(
            f"the domain {domain.name} has no REAL crops in train: add some, or remove it from"
            " train.domains"
        )
    if FAKE not in labels and domain.self_blended < 1:
        raise TrainingError(
            f"the domain {domain.name} has no FAKE crops in train: set"
            f" train.domains.{domain.name}.self_blended to 1.0"
        )
    blendable = train_set.blendable()[domain.rows]
    if domain.self_blended > 0 and not (blendable & (labels == REAL)).any():
        raise TrainingError(
            f"the domain {domain.name} has no REAL crops with landmarks in train, which self_blended"
            " needs: set it to 0, or run `dvc repro landmarks`"
        )


def _check_val(
    val_set: "CropSet", domain: Domain, scored: NDArray[np.bool_], min_frames: int
) -> None:
    labels = val_set.table["label"].to_numpy(int)[domain.rows]
    has_fakes = FAKE in labels
    for label in (REAL, FAKE) if has_fakes else (REAL,):
        if label not in labels[scored]:
            raise TrainingError(
                f"the domain {domain.name} has no {LABEL_NAMES[label]} videos in val with a person in"
                f" at least score.min_frames = {min_frames} frames: add some, or lower it"
            )
    if not has_fakes and not val_set.blendable()[domain.rows].any():
        raise TrainingError(
            f"the domain {domain.name} has neither FAKE crops nor landmarks in val: set"
            f" train.domains.{domain.name}.self_blended above 0, or add FAKE videos to val"
        )
