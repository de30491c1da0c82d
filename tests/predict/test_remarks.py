"""Remarks on a verdict: faces that are small, blurred or dark, and several people."""

from dataclasses import replace
from typing import Any

import pytest
from results import make_face

from deepfake.model.calibration import Calibration
from deepfake.model.card import ModelCard, make_card
from deepfake.params.schema import Params
from deepfake.predict.remarks import crowd_remark, quality_remarks


@pytest.fixture
def card(params: Params) -> ModelCard:
    return make_card(params, Calibration(2.0, 0.6), 1, ["demo"], face_pixels=80)


def crop(height: float = 90, sharpness: float = 100, brightness: float = 100) -> dict[str, Any]:
    return {"box": [10, 0, 60, height], "sharpness": sharpness, "brightness": brightness}


@pytest.mark.parametrize(
    ("crops", "remarks"),
    [
        ([crop()], []),
        ([crop(height=79)], ["face of 79 pixels: 95 % of those in training had 80 or more"]),
        ([crop(sharpness=0.5)], ["blurred face: the score may mean little"]),
        ([crop(brightness=3)], ["dark face: the score may mean little"]),
        ([crop(brightness=3), crop(), crop()], []),  # most frames are bright
    ],
)
def test_remarks_on_the_person_who_decides(
    card: ModelCard, crops: list[dict[str, Any]], remarks: list[str]
) -> None:
    assert quality_remarks(crops, card) == remarks


def test_an_older_card_does_not_know_the_faces_of_its_training(card: ModelCard) -> None:
    assert quality_remarks([crop(height=50)], replace(card, origin={})) == []


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
