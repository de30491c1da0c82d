"""The model card: an earlier one is read with the words of today."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from deepfake.base.errors import ModelError
from deepfake.model.calibration import Calibration
from deepfake.model.card import CARD, STARTER, VERSION, make_card, parse_card, read_card
from deepfake.model.operating_points import (
    BALANCED,
    OPERATING_POINTS,
    OperatingPointError,
    Thresholds,
    only_balanced,
)
from deepfake.params.schema import CropsParams, FramesParams, Params

NAME = "models/model.json"
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
    card = parse_card(VERSION_1, NAME)
    frames = FramesParams.model_validate(card.preprocessing["frames"])
    crops = CropsParams.model_validate(card.preprocessing["crops"])
    assert card.version == VERSION
    assert (frames.jpeg_chroma, crops.jpeg_chroma) == ("yuv420", "yuv444")
    assert (crops.detector, crops.min_face_pixels) == ("yunet", 0)
    assert card.head == "linear"
    assert not card.calibrated, "nobody checked it"
    assert "earlier version" in card.calibration_problem
    assert card.bias == 0
    assert parse_card(json.dumps(asdict(card)), NAME) == card


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_earlier_card_has_the_operating_point_balanced_alone(version: int) -> None:
    content = {**json.loads(VERSION_1), "version": version, "head": "linear"}
    card = parse_card(json.dumps(content), NAME)
    assert card.thresholds(BALANCED) == Thresholds(0.4, 0.4)
    assert card.threshold == 0.4
    others = {*OPERATING_POINTS} - {BALANCED}
    assert {name for name in OPERATING_POINTS if card.operating_points[name] is None} == others
    assert card.point_problems == dict.fromkeys(others, "the card is of an earlier version")
    with pytest.raises(OperatingPointError, match=r"no operating point strict \(the card is of an"):
        card.thresholds("strict")
    with pytest.raises(
        OperatingPointError, match="there are balanced, strict, screening, cautious"
    ):
        card.thresholds("bold")


def test_what_a_card_of_version_3_says_of_its_calibration_is_kept() -> None:
    content = {**json.loads(VERSION_1), "version": 3, "head": "cosine", "bias": 0.5}
    content |= {"calibrated": True, "calibration_problem": ""}
    card = parse_card(json.dumps(content), NAME)
    assert (card.calibrated, card.bias, card.head) == (True, 0.5, "cosine")
    assert not card.mirror


@pytest.mark.parametrize(
    "points",
    [
        {},
        {"balanced": None, "strict": None, "screening": None, "cautious": None},
        {"balanced": {"real_below": 0.7, "fake_from": 0.6}},
        {"balanced": {"real_below": 0.6, "fake_from": 1.6}},
    ],
    ids=["none", "no balanced", "order", "range"],
)
def test_operating_points_that_cannot_be_are_an_error(points: dict[str, object]) -> None:
    content = {**asdict(parse_card(VERSION_1, NAME)), "operating_points": points}
    with pytest.raises(ModelError, match=r"model\.json: no model card of this version"):
        parse_card(json.dumps(content), NAME)


def test_a_card_says_whether_the_score_is_a_probability(params: Params) -> None:
    good = make_card(params, Calibration(2.0, 0.6, bias=-0.5), 1, ["demo"], 60)
    assert (good.calibrated, good.calibration_problem, good.bias) == (True, "", -0.5)
    bad = make_card(params, Calibration(2.0, 0.6, problem="val has 4 groups"), 1, ["demo"], 60)
    assert (bad.calibrated, bad.calibration_problem) == (False, "val has 4 groups")
    for card in (good, bad):
        assert parse_card(json.dumps(asdict(card)), NAME) == card


def test_a_card_has_the_operating_points_that_were_chosen(params: Params) -> None:
    points = only_balanced(0.6, "val has 12 REAL videos")
    points.thresholds["strict"] = Thresholds(0.9, 0.9)
    calibration = Calibration(2.0, 0.6, note="temperature scaling", points=points)
    card = make_card(params, calibration, 1, ["demo"], 60)
    assert card.thresholds("strict") == Thresholds(0.9, 0.9)
    assert card.point_problems["cautious"] == "val has 12 REAL videos"
    assert card.calibration_note == "temperature scaling"
    assert parse_card(json.dumps(asdict(card)), NAME) == card


def test_a_card_of_version_2_has_a_linear_head() -> None:
    content = {**json.loads(VERSION_1), "version": 2}
    assert parse_card(json.dumps(content), NAME).head == "linear"


def test_the_starter_can_be_used(repository: Path) -> None:
    card = read_card(repository / STARTER)
    assert card.head == "cosine", "its scores are bounded"
    FramesParams.model_validate(card.preprocessing["frames"])
    crops = CropsParams.model_validate(card.preprocessing["crops"])
    assert crops.min_face_pixels > 0, "on smaller faces it is hardly better than chance"
    assert card.calibrated
    assert all(card.operating_points.values()), "val is large enough for each"


def test_a_card_of_a_later_version_is_refused(tmp_path: Path) -> None:
    later = {**asdict(parse_card(VERSION_1, NAME)), "version": VERSION + 1}
    (tmp_path / CARD).write_text(json.dumps(later))
    with pytest.raises(ModelError, match=f"version {VERSION + 1}, not {VERSION}"):
        read_card(tmp_path)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"{", b"\xff"])
def test_what_is_no_card_is_named(tmp_path: Path, text: bytes) -> None:
    (tmp_path / CARD).write_bytes(text)
    with pytest.raises(ModelError, match=r"model\.json: no model card of this version"):
        read_card(tmp_path)
