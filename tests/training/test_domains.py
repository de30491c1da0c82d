"""Domains: every data set is in one, and each can be trained on and measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepfake.base.errors import TrainingError
from deepfake.core.labels import FAKE, REAL
from deepfake.params.schema import DomainParams, Params, TrainParams
from deepfake.training.crop_set import CropSet
from deepfake.training.domains import check_domains, list_domains

ROWS = [
    ("swaps/r", "swaps", REAL),
    ("swaps/f", "swaps", FAKE),
    ("swaps/f", "swaps", FAKE),
    ("photos/r", "photos", REAL),
]


def crops(rows: list[tuple[str, str, int]] = ROWS, known: bool = True) -> CropSet:
    """One crop per row, with or without landmarks."""
    table = pd.DataFrame(rows, columns=["video_id", "dataset", "label"]).assign(track=0)
    landmarks = np.full((len(table), 68, 2), 1.0 if known else np.nan, np.float16)
    return CropSet(table, Path(), landmarks, 1.3)


def with_domains(params: Params, **self_blended: float) -> TrainParams:
    share = 1 / len(self_blended)
    domains = {
        name: DomainParams(datasets=[name], share=share, self_blended=value)
        for name, value in self_blended.items()
    }
    return params.train.model_copy(update={"domains": domains})


def test_without_domains_there_is_one(params: Params) -> None:
    (domain,) = list_domains(crops().table.drop(columns="dataset"), params.train, "train")
    assert (domain.share, domain.self_blended) == (1.0, params.train.self_blended)
    assert domain.rows.tolist() == [0, 1, 2, 3]


def test_rows_of_each_domain(params: Params) -> None:
    found = list_domains(crops().table, with_domains(params, photos=1.0, swaps=0.0), "train")
    assert [(one.name, one.rows.tolist()) for one in found] == [
        ("photos", [3]),
        ("swaps", [0, 1, 2]),
    ]
    check_domains(crops(), crops(), with_domains(params, photos=1.0, swaps=0.0), 1)


REAL_SWAPS, FAKE_SWAPS = ([row for row in ROWS if row[2] != label] for label in (FAKE, REAL))
CASES: list[tuple[dict[str, float], dict[str, Any], dict[str, Any], str]] = [
    ({"swaps": 0.0}, {}, {}, r"no domain has the data set photos of the train split"),
    ({"swaps": 0.0}, {"rows": ROWS[:3]}, {}, r"no domain has the data set photos of the val split"),
    ({"swaps": 0.0, "photos": 0.5}, {}, {}, r"set train\.domains\.photos\.self_blended to 1\.0"),
    ({"swaps": 0.0, "photos": 1.0}, {"rows": ROWS[:3]}, {}, "photos has no REAL crops in train"),
    ({"swaps": 0.5, "photos": 1.0}, {"known": False}, {}, "swaps has no REAL crops with landmarks"),
    ({"swaps": 0.0, "photos": 1.0}, {}, {"rows": ROWS[:3]}, "photos has no REAL videos in val"),
    (
        {"swaps": 0.0, "photos": 1.0},
        {},
        {"known": False},
        "neither FAKE crops nor landmarks in val",
    ),
]


@pytest.mark.parametrize(("self_blended", "train", "val", "complaint"), CASES)
def test_what_does_not_fit_is_named(
    params: Params,
    self_blended: dict[str, float],
    train: dict[str, Any],
    val: dict[str, Any],
    complaint: str,
) -> None:
    with pytest.raises(TrainingError, match=complaint):
        check_domains(crops(**train), crops(**val), with_domains(params, **self_blended), 1)


def test_videos_of_a_domain_must_be_scored(params: Params) -> None:
    complaint = r"swaps has no REAL videos in val .* score\.min_frames = 2 frames"
    with pytest.raises(TrainingError, match=complaint):
        check_domains(crops(), crops(), with_domains(params, swaps=0.0, photos=1.0), 2)
