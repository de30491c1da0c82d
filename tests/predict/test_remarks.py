"""Remarks on a verdict: faces that are small, blurred or dark, and several people."""

from dataclasses import replace
from typing import Any

import pytest
from results import make_face

from deepfake.model.calibration import Calibration
from deepfake.model.card import ModelCard, make_card
from deepfake.params.schema import Params
from deepfake.predict.remarks import crowd_remark, quality_remarks
from deepfake.predict.result import Weakness


@pytest.fixture
def card(params: Params) -> ModelCard:
    return make_card(params, Calibration(2.0, 0.6), 1, ["demo"], face_pixels=80)


def crop(
    height: float = 90, sharpness: float = 100, brightness: float = 100, nose: float = 35
) -> dict[str, Any]:
    return {
        "box": [10, 0, 60, height],
        "landmarks": [[50, 20], [40, 20], [20, 20], [30, 20], [nose, 40]],
        "sharpness": sharpness,
        "brightness": brightness,
    }


@pytest.mark.parametrize(
    ("crops", "frames", "remarks"),
    [
        ([crop()], 4, {}),
        (
            [crop(height=79)],
            1,
            {Weakness.SMALL: "small face (79 pixels; most in training had 80 or more)"},
        ),
        ([crop(sharpness=0.5)], 1, {Weakness.BLURRED: "blurred face: the score may mean little"}),
        ([crop(brightness=3)], 1, {Weakness.DARK: "dark face: the score may mean little"}),
        ([crop(nose=10)], 1, {Weakness.TURNED_AWAY: "face turned to the side"}),
        ([crop(nose=60)], 1, {Weakness.TURNED_AWAY: "face turned to the side"}),
        ([crop()], 5, {Weakness.FEW_FRAMES: "face in only 1 of 5 frames"}),
        ([crop(brightness=3), crop(), crop()], 3, {}),  # most frames are bright
    ],
)
def test_remarks_on_the_person_who_decides(
    card: ModelCard, crops: list[dict[str, Any]], frames: int, remarks: dict[Weakness, str]
) -> None:
    assert quality_remarks(crops, card, frames) == remarks


def test_an_older_card_does_not_know_the_faces_of_its_training(card: ModelCard) -> None:
    assert quality_remarks([crop(height=50)], replace(card, origin={}), 1) == {}


@pytest.mark.parametrize(
    ("scores", "remark"),
    [
        ([0.9], ""),
        ([0.9, 0.8], ""),
        ([0.1, None], ""),
        ([0.9, 0.5, 0.1, None], "2 of 3 people above the threshold"),
    ],
)
def test_people_above_the_threshold_are_counted(scores: list[float | None], remark: str) -> None:
    faces = [make_face(number, {0: 0.5}, score) for number, score in enumerate(scores)]
    assert crowd_remark(faces, 0.5) == remark
