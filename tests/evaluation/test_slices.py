"""Slices: by the face that decides, in thirds, and by the values of columns."""

import numpy as np
import pandas as pd
import pytest

from deepfake.evaluation.predictions import Predictions
from deepfake.evaluation.slices import THIRDS, evaluate_slices, face_quantities
from deepfake.evaluation.split_metrics import MAIN_METRICS
from deepfake.params.schema import EvaluateParams

SETTINGS = EvaluateParams(max_groups=1000, scores_in_git="names", seed=0)


def crops_of(videos: pd.DataFrame) -> pd.DataFrame:
    """Three crops of each of two people per video; the second one's face is larger."""
    rows = [
        (video_id, track, f"0 0 {10 + number} {20 + number + 50 * track + crop}", number, crop)
        for number, video_id in enumerate(videos["video_id"])
        for track in (0, 1)
        for crop in (0, 1, 7)
    ]
    return pd.DataFrame(rows, columns=["video_id", "track", "box", "sharpness", "brightness"])


def videos_of(count: int) -> pd.DataFrame:
    numbers = np.arange(count)
    return pd.DataFrame(
        {
            "video_id": [f"v/{i:03d}" for i in numbers],
            "label": numbers % 2,
            "group": numbers // 2,
            "track": (numbers // 2 % 2).astype(float),
            "score": 0.3 + 0.4 * (numbers % 2) - 0.01 * (numbers % 5),
            "verdict": np.where(numbers % 2, "FAKE", "REAL"),
        }
    )


def test_quantities_are_those_of_the_person_who_decides() -> None:
    videos = videos_of(4)
    found = face_quantities(videos, crops_of(videos))
    assert found["face_pixels"].tolist() == [21, 22, 73, 74]
    assert found["sharpness"].tolist() == [0, 1, 2, 3]
    assert (found["brightness"] == 1).all()


def test_slices_have_all_main_metrics_and_add_up() -> None:
    videos = videos_of(120)
    split = videos[["video_id"]].assign(
        compression=["c23", "c23", "c40", "c40"] * 30,
        slice_gender=["f", "f", "m", "m", "", ""] * 20,
    )
    found = evaluate_slices(
        Predictions(pd.DataFrame(), videos), split, crops_of(videos), 0.5, SETTINGS
    )
    assert list(found) == ["face_pixels", "sharpness", "compression", "gender"]
    assert tuple(found["sharpness"]) == THIRDS
    assert sum(part["videos"] for part in found["sharpness"].values()) == 120
    low, middle, high = found["sharpness"].values()
    assert low["from"] < low["to"] < middle["from"] < middle["to"] < high["from"]
    assert {*MAIN_METRICS} <= low.keys()
    assert low["interval_95"].keys() <= {*MAIN_METRICS}
    assert (low["groups"], low["roc_auc"]) == (20, 1)
    assert {name: part["videos"] for name, part in found["gender"].items()} == {"f": 40, "m": 40}
    assert list(found["compression"]) == ["c23", "c40"]


@pytest.mark.parametrize("decided", [0, 1])
def test_without_videos_there_are_no_slices(decided: int) -> None:
    videos = videos_of(decided + 2)
    videos.loc[decided:, ["verdict", "track"]] = ["UNDECIDED", np.nan]
    split = videos[["video_id"]].assign(compression="")
    predictions = Predictions(pd.DataFrame(), videos)
    assert evaluate_slices(predictions, split, crops_of(videos), 0.5, SETTINGS) == {}
