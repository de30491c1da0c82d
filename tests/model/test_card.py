"""The model card: an earlier one is read with the words of today."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from deepfake.base.errors import ModelError
from deepfake.model.calibration import Calibration
from deepfake.model.card import CARD, STARTER, VERSION, make_card, parse_card, read_card
from deepfake.params.schema import CropsParams, FramesParams, Params

VERSION_1 = """{
  "architecture": "resnet18", "classes": ["REAL", "FAKE"], "image_size": 192, "temperature": 1.5,
  "threshold": 0.4, "video_score": "mean_logit", "min_frames": 1,
  "preprocessing": {
    "frames": {"per_video": 16, "min_frames": 2, "jpeg_quality": 95, "jpeg_chroma": "4:2:0",
               "max_failed_fraction": 0.1},
    "crops": {"detector": "libfacedetection", "detect_size": 640, "min_score": 0.8,
              "min_face": 0.05, "min_track_fraction": 0.25, "margin": 1.1, "size": 192,
              "jpeg_quality": 95, "jpeg_chroma": "4:4:4", "max_no_face_fraction": 0.1}
  },
  "origin": {"datasets": ["dfdc_faces"]}
}"""


def test_a_card_of_version_1_is_converted() -> None:
    card = parse_card(VERSION_1)
    frames = FramesParams.model_validate(card.preprocessing["frames"])
    crops = CropsParams.model_validate(card.preprocessing["crops"])
    assert card.version == VERSION
    assert (frames.jpeg_chroma, crops.jpeg_chroma) == ("yuv420", "yuv444")
    assert (crops.detector, crops.min_face_pixels) == ("yunet", 48)
    assert card.head == "linear"
    assert not card.calibrated, "nobody checked it"
    assert "earlier version" in card.calibration_problem
    assert card.bias == 0
    assert parse_card(json.dumps(asdict(card))) == card


def test_a_card_says_whether_the_score_is_a_probability(params: Params) -> None:
    good = make_card(params, Calibration(2.0, 0.6, bias=-0.5), 1, ["demo"], 60)
    assert (good.calibrated, good.calibration_problem, good.bias) == (True, "", -0.5)
    bad = make_card(params, Calibration(2.0, 0.6, problem="val has 4 groups"), 1, ["demo"], 60)
    assert (bad.calibrated, bad.calibration_problem) == (False, "val has 4 groups")
    for card in (good, bad):
        assert parse_card(json.dumps(asdict(card))) == card


def test_a_card_of_version_2_has_a_linear_head() -> None:
    content = {**asdict(parse_card(VERSION_1)), "version": 2}
    del content["head"]
    assert parse_card(json.dumps(content)) == parse_card(VERSION_1)


def test_the_starter_can_be_used(repository: Path) -> None:
    card = read_card(repository / STARTER)
    assert card.head == "linear"
    FramesParams.model_validate(card.preprocessing["frames"])
    CropsParams.model_validate(card.preprocessing["crops"])
    assert card.calibrated


def test_a_card_of_a_later_version_is_refused(tmp_path: Path) -> None:
    later = {**asdict(parse_card(VERSION_1)), "version": VERSION + 1}
    (tmp_path / CARD).write_text(json.dumps(later))
    with pytest.raises(ModelError, match=f"version {VERSION + 1}, not {VERSION}"):
        read_card(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_what_is_no_card_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD).write_text(text)
    with pytest.raises(ModelError, match="is not a model card of this version"):
        read_card(tmp_path)
