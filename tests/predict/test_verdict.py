"""From logits to a result: who decides the verdict, and why a file is UNDECIDED."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from results import MODEL
from scipy.special import expit

from deepfake.model.calibration import Calibration
from deepfake.model.card import ModelCard, make_card
from deepfake.model.operating_points import OperatingPoint, Thresholds
from deepfake.params.schema import Params
from deepfake.predict.preprocess import Preprocessed
from deepfake.predict.result import Result, UndecidedCause
from deepfake.predict.verdict import make_result
from deepfake.video.record import VideoMeta

SIX = Thresholds(0.6, 0.6)
VIDEO = VideoMeta("ok", width=64, height=48, fps=25.0, frame_count=100, indices=(0, 25, 50, 75))


@pytest.fixture
def card(params: Params) -> ModelCard:
    return replace(make_card(params, Calibration(2.0, 0.6), 1, ["demo"], 60), min_frames=2)


def crop(frame: int, track: int) -> dict[str, Any]:
    return {
        "frame": frame,
        "track": track,
        "image": f"{track}-{frame:06d}.jpg",
        "box": [1, 2, 91, 102],
        "landmarks": [[70, 40], [60, 40], [20, 40], [30, 40], [45, 60]],
        "sharpness": 100.0,
        "brightness": 100.0,
    }


def result_of(
    card: ModelCard,
    people: dict[int, dict[int, float]],
    video: VideoMeta = VIDEO,
    cause: UndecidedCause | None = None,
    reason: str = "",
    point: OperatingPoint | None = None,
) -> Result:
    """The result for people given as track: {frame: logit}."""
    crops = [crop(frame, track) for track, frames in people.items() for frame in frames]
    logits = np.array([value for frames in people.values() for value in frames.values()])
    images = {one["image"]: one["image"].encode() for one in crops}
    file = Preprocessed(video, crops, images, cause, reason)
    point = point or OperatingPoint("balanced", SIX)
    return make_result("clip.mp4", card, file, logits, point, MODEL)


def test_the_bias_of_the_card_shifts_all_scores(card: ModelCard) -> None:
    people = {0: dict(zip(VIDEO.indices, [0.5, 1.0, 2.0, 2.5], strict=True))}
    plain, shifted = (result_of(replace(card, bias=bias), people) for bias in (0.0, -1.0))
    assert plain.score == pytest.approx(expit(1.5 / 2))
    assert shifted.score == pytest.approx(expit(1.5 / 2 - 1))
    assert shifted.faces[0].frames[0].score == pytest.approx(expit(0.5 / 2 - 1))
    assert shifted.interval is not None
    assert plain.interval is not None
    assert shifted.interval[1] < plain.interval[1]


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_result_says_whether_its_score_is_calibrated(card: ModelCard, calibrated: bool) -> None:
    card = replace(card, calibration_problem="" if calibrated else "val has 4 groups")
    assert result_of(card, {0: {0: 1.0, 25: 1.0}}).calibrated == calibrated
    assert result_of(card, {}).calibrated == calibrated


def test_the_most_suspicious_person_decides(card: ModelCard) -> None:
    real = dict.fromkeys(VIDEO.indices, -3.0)
    result = result_of(card, {0: real, 1: {25: 1.0, 50: 3.0}})
    assert (result.verdict, result.decisive) == ("FAKE", 1)
    assert result.score == pytest.approx(expit(2.0 / 2.0))
    assert [face.score for face in result.faces] == pytest.approx([expit(-1.5), expit(1.0)])
    assert (result.frames, result.frames_with_face, result.coverage) == (4, 4, 1.0)
    assert result.cause is None
    face = result.faces[1]
    assert (face.track, face.coverage) == (1, 0.5)
    assert [person.track for person in result.people] == [1, 0], "the most suspicious first"
    assert [frame.seconds for frame in face.frames] == [1.0, 2.0]
    assert [frame.score for frame in face.frames] == pytest.approx([expit(0.5), expit(1.5)])
    assert [frame.image for frame in face.most_suspicious(1)] == [b"1-000050.jpg"]


def test_equal_frames_are_clear_and_few_frames_are_unknown(card: ModelCard) -> None:
    result = result_of(card, {0: dict.fromkeys(VIDEO.indices, -3.0)})
    assert (result.verdict, result.frames_agree) == ("REAL", True)
    assert result.interval == pytest.approx((expit(-1.5), expit(-1.5)))
    few = result_of(card, {0: {0: -3.0, 25: -3.0}})
    assert (few.verdict, few.frames_agree, few.interval) == ("REAL", None, None)


@pytest.mark.parametrize(
    ("people", "video", "reason", "cause"),
    [
        ({}, VIDEO, "no face found", UndecidedCause.NO_FACE),
        ({0: {25: 9.0}}, VIDEO, "too few frames with a face", UndecidedCause.TOO_FEW_FRAMES),
        ({}, VideoMeta("unreadable", "not a video"), "not a video", UndecidedCause.UNREADABLE),
        ({}, VideoMeta("too_short", "1 frame"), "1 frame", UndecidedCause.UNREADABLE),
        ({}, VideoMeta("crashed", "SIGSEGV"), "SIGSEGV", UndecidedCause.UNREADABLE),
        ({}, VideoMeta("timed_out", "9 seconds"), "9 seconds", UndecidedCause.OVER_LIMIT),
        ({}, VideoMeta("out_of_memory", "3 GB"), "3 GB", UndecidedCause.OVER_LIMIT),
    ],
)
def test_undecided_has_a_reason_and_a_cause(
    card: ModelCard,
    people: dict[int, dict[int, float]],
    video: VideoMeta,
    reason: str,
    cause: UndecidedCause,
) -> None:
    result = result_of(card, people, video)
    assert (result.verdict, result.score, result.reason) == ("UNDECIDED", None, reason)
    assert result.cause is cause
    assert (result.frames_agree, result.interval, result.decisive) == (None, None, None)
    assert [face.score for face in result.faces] == [None] * len(people)
    assert result.note == ""


@pytest.mark.parametrize(
    ("logit", "verdict", "reason"),
    [(-3.0, "REAL", ""), (0.0, "UNDECIDED", "not certain enough"), (3.0, "FAKE", "")],
)
def test_between_two_thresholds_a_file_is_undecided_but_has_its_score(
    card: ModelCard, logit: float, verdict: str, reason: str
) -> None:
    cautious = OperatingPoint("cautious", Thresholds(0.3, 0.7))
    result = result_of(card, {0: dict.fromkeys(VIDEO.indices, logit)}, point=cautious)
    assert (result.verdict, result.reason) == (verdict, reason)
    assert result.score == pytest.approx(expit(logit / 2))
    assert result.interval is not None
    assert result.decisive == 0
    assert result.frames_agree is (None if reason else True)
    assert (result.cause is UndecidedCause.NOT_CERTAIN) == bool(reason)


def test_a_range_that_reaches_into_the_middle_is_borderline(card: ModelCard) -> None:
    cautious = OperatingPoint("cautious", Thresholds(0.3, 0.7))
    people = {0: dict(zip(VIDEO.indices, [0.0, 1.0, 3.0, 5.0], strict=True))}
    result = result_of(card, people, point=cautious)
    assert (result.verdict, result.frames_agree) == ("FAKE", False)


@pytest.mark.parametrize(
    ("video", "cause", "reason"),
    [
        (VIDEO, UndecidedCause.FACE_TOO_SMALL, "face too small"),
        (VIDEO, UndecidedCause.TOO_FEW_FRAMES, "no face is in enough frames"),
        (VideoMeta("unreadable", "video of 90 minutes"), UndecidedCause.OVER_LIMIT, ""),
    ],
)
def test_a_known_cause_comes_first(
    card: ModelCard, video: VideoMeta, cause: UndecidedCause, reason: str
) -> None:
    result = result_of(card, {}, video, cause, reason)
    assert (result.verdict, result.reason) == ("UNDECIDED", reason or video.reason)
    assert result.cause is cause


def test_damage_is_noted_with_a_verdict(card: ModelCard) -> None:
    video = replace(VIDEO, status="truncated", reason="cut after 76 frames")
    result = result_of(card, {0: {0: 1.0, 25: 1.0}}, video)
    assert (result.reason, result.note) == ("", "cut after 76 frames")


def test_images_have_no_time(card: ModelCard) -> None:
    video = VideoMeta("ok", width=9, height=9, frame_count=1, indices=(0,))
    result = result_of(replace(card, min_frames=1), {0: {0: 4.0}}, video)
    assert result.verdict == "FAKE"
    assert result.faces[0].frames[0].seconds is None
