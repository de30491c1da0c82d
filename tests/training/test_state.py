"""The file of a run's state: other inputs have another file. `test_loop.py` tests resuming."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from deepfake.core.landmarks import NO_LANDMARKS
from deepfake.params.loading import load_params
from deepfake.params.schema import ScoreParams, TrainParams
from deepfake.training.crop_set import CropSet
from deepfake.training.state import state_path


@pytest.fixture
def train_params(repository: Path) -> TrainParams:
    return load_params(repository / "params.yaml").train


def test_state_path_depends_on_everything_that_decides_the_result(
    train_params: TrainParams, tmp_path: Path
) -> None:
    table = pd.DataFrame({"video_id": ["a", "b", "c"], "label": [0, 1, 0]})
    train_set = CropSet(table, tmp_path, NO_LANDMARKS, 1.3)
    val_set = dataclasses.replace(train_set, table=table[::-1])
    smaller_val_set = dataclasses.replace(val_set, table=val_set.table[:-1])
    more_epochs = train_params.model_copy(update={"epochs": train_params.epochs + 1})
    score_params = ScoreParams(
        video_score="mean_logit", calibration="temperature", min_frames=1, mirror=False
    )
    two_frames = score_params.model_copy(update={"min_frames": 2})

    def path(
        crop_sets: tuple[CropSet, CropSet] = (train_set, val_set),
        params: tuple[TrainParams, ScoreParams] = (train_params, score_params),
        code: str = "code",
        weights: str = "weights",
    ) -> Path:
        return state_path(tmp_path, crop_sets, params, code, weights)

    others = [
        path((val_set, train_set)),
        path((train_set, smaller_val_set)),
        path((train_set, dataclasses.replace(val_set, version="crops of another JPEG quality"))),
        path(params=(more_epochs, score_params)),
        path(params=(train_params, two_frames)),
        path(code="other code"),
        path(weights="other weights of the same name"),
    ]
    assert path() == path()
    assert len({path(), *others}) == 8
