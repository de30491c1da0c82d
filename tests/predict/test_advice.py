"""What a person is told to try."""

from dataclasses import replace

import pytest
from results import NOBODY, TWO

from deepfake.predict import advice
from deepfake.video.record import VideoMeta


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        ("ok", "no face found", advice.NO_FACE),
        ("ok", "face too small (55 pixels, 80 needed)", advice.SMALL),
        ("ok", "too few frames with the same face (25% needed)", advice.RARE),
        ("unreadable", "neither an image nor a video", advice.BROKEN),
        ("too_short", "1 frame", advice.BROKEN),
        ("crashed", "its process ended with SIGSEGV", advice.BROKEN),
        ("timed_out", "not done after 120 seconds", advice.COSTLY),
        ("out_of_memory", "needs more than 3 GB", advice.COSTLY),
        ("unreadable", "a video of 90 minutes, at most 10 are taken", advice.COSTLY),
    ],
)
def test_advice(status: str, reason: str, words: str) -> None:
    result = replace(NOBODY, reason=reason, video=VideoMeta(status, reason))
    assert advice.advice(result) == words


def test_a_verdict_needs_none() -> None:
    assert advice.advice(TWO) == ""
