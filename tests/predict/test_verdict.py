"""From logits to a result: who decides, and why there is none."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from deepfake.model.calibration import Calibration
from deepfake.model.card import ModelCard, make_card
from deepfake.params.schema import Params
from deepfake.predict.result import Result
from deepfake.predict.verdict import judge
from deepfake.video.record import VideoMeta

VIDEO = VideoMeta("ok", width=64, height=48, fps=25.0, frame_count=100, indices=(0, 25, 50, 75))


@pytest.fixture
def card(params: Params) -> ModelCard:
    return replace(make_card(params, Calibration(2.0, 0.6), 1, ["demo"]), min_frames=2)


def crop(frame: int, track: int) -> dict[str, Any]:
    return {
        "frame": frame,
        "track": track,
        "image": f"{track}-{frame:06d}.jpg",
        "box": [1, 2, 3, 4],
    }


def judged(
    card: ModelCard,
    people: dict[int, dict[int, float]],
    video: VideoMeta = VIDEO,
    no_face: str = "",
) -> Result:
    """The result for people given as track: {frame: logit}."""
    crops = [crop(frame, track) for track, frames in people.items() for frame in frames]
    logits = np.array([value for frames in people.values() for value in frames.values()])
    images = {one["image"]: one["image"].encode() for one in crops}
    return judge("clip.mp4", card, video, crops, images, logits, no_face)


def test_the_most_suspicious_person_decides(card: ModelCard) -> None:
    calm = dict.fromkeys(VIDEO.indices, -3.0)
    result = judged(card, {0: calm, 1: {25: 1.0, 50: 3.0}})
    assert (result.verdict, result.decisive) == ("FAKE", 1)
    assert result.score == pytest.approx(expit(2.0 / 2.0))
    assert [face.score for face in result.faces] == pytest.approx([expit(-1.5), expit(1.0)])
    assert (result.frames, result.frames_with_face, result.coverage) == (4, 4, 1.0)
    one = result.faces[1]
    assert one.coverage == 0.5
    assert [frame.seconds for frame in one.frames] == [1.0, 2.0]
    assert [frame.score for frame in one.frames] == pytest.approx([expit(0.5), expit(1.5)])
    assert [frame.image for frame in one.most_suspicious(1)] == [b"1-000050.jpg"]


def test_a_steady_person_is_clear_and_few_frames_are_unknown(card: ModelCard) -> None:
    result = judged(card, {0: dict.fromkeys(VIDEO.indices, -3.0)})
    assert (result.verdict, result.certainty) == ("REAL", "clear")
    assert result.interval == pytest.approx((expit(-1.5), expit(-1.5)))
    few = judged(card, {0: {0: -3.0, 25: -3.0}})
    assert (few.verdict, few.certainty, few.interval) == ("REAL", "unknown", None)


@pytest.mark.parametrize(
    ("people", "video", "no_face", "reason"),
    [
        ({}, VIDEO, "", "no face found"),
        ({}, VIDEO, "face too small", "face too small"),
        ({0: {25: 9.0}}, VIDEO, "", "too few frames with a face"),
        ({}, VideoMeta("unreadable", "not a video"), "", "not a video"),
        ({}, VideoMeta("timed_out", "not done after 9 seconds"), "", "not done after 9 seconds"),
    ],
)
def test_undecided_has_a_reason(
    card: ModelCard,
    people: dict[int, dict[int, float]],
    video: VideoMeta,
    no_face: str,
    reason: str,
) -> None:
    result = judged(card, people, video, no_face)
    assert (result.verdict, result.score, result.reason) == ("UNDECIDED", None, reason)
    assert (result.certainty, result.interval, result.decisive) == ("", None, None)
    assert [face.score for face in result.faces] == [None] * len(people)
    assert result.note == ""


def test_damage_is_noted_where_there_is_a_verdict(card: ModelCard) -> None:
    video = replace(VIDEO, status="truncated", reason="cut after 76 frames")
    result = judged(card, {0: {0: 1.0, 25: 1.0}}, video)
    assert (result.reason, result.note) == ("", "cut after 76 frames")


def test_images_have_no_time(card: ModelCard) -> None:
    video = VideoMeta("ok", width=9, height=9, frame_count=1, indices=(0,))
    result = judged(replace(card, min_frames=1), {0: {0: 4.0}}, video)
    assert result.verdict == "FAKE"
    assert result.faces[0].frames[0].seconds is None
