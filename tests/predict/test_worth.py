"""What a verdict says and is worth, in words."""

from dataclasses import replace

import pytest
from results import CAUTIOUS, HALF, NO_PEOPLE, NOT_CERTAIN, THREE_PEOPLE, measured

from deepfake.model.operating_points import Measured, OperatingPoint, Rate, Thresholds
from deepfake.predict.worth import (
    describe_sureness,
    describe_thresholds,
    describe_verdict_worth,
    describe_worth,
    plain_verdict,
)

UNKNOWN = Rate(None, None, None)


def worth(found: Measured | None, thresholds: Thresholds = HALF) -> str:
    return describe_worth(OperatingPoint("strict", thresholds, found))


def test_thresholds() -> None:
    assert describe_thresholds(OperatingPoint("balanced", HALF)) == (
        "Scores of 0.50 or more are FAKE."
    )
    assert describe_thresholds(CAUTIOUS) == (
        "Scores of 0.90 or more are FAKE, below 0.30 REAL, and between them UNDECIDED."
    )


def test_rates_are_numbers_of_100_with_their_intervals() -> None:
    assert describe_worth(CAUTIOUS) == (
        "Of 100 real videos like those of the test set, about 5 (2 to 11) are called FAKE at this"
        " setting. Of 100 fake ones, about 30 (21 to 40) are called REAL. Of 100 videos, about 25 (20 to"
        " 31) are left UNDECIDED. In brackets: the margin of error"
        " (95 % intervals)."
    )


def test_one_threshold_leaves_nothing_undecided() -> None:
    assert "UNDECIDED" not in worth(measured())


def test_too_few_groups_for_an_interval_are_named() -> None:
    few = measured(
        real_videos=20,
        fake_videos=21,
        real_groups=5,
        fake_groups=4,
        false_positive_rate=Rate(0.25, None, None),
        false_negative_rate=Rate(0.3, None, None),
    )
    assert worth(few) == (
        "Of 100 real videos like those of the test set, about 25 are called FAKE at this setting. Of"
        " 100 fake ones, about 30 are called REAL. That was measured on 20 real and 21 fake videos of"
        " 4 people, which is not enough for a margin of error."
    )


@pytest.mark.parametrize(
    ("name", "left"),
    [("false_positive_rate", "Of 100 fake"), ("false_negative_rate", "Of 100 real")],
)
def test_a_label_that_test_lacks_is_left_out(name: str, left: str) -> None:
    text = worth(measured(**{name: UNKNOWN}))
    assert text.startswith(left)
    assert text.count("Of 100") == 1


def test_what_was_not_measured_is_not_claimed() -> None:
    assert worth(None) == ""
    assert worth(measured(false_positive_rate=UNKNOWN, false_negative_rate=UNKNOWN)) == ""


@pytest.mark.parametrize(
    ("verdict", "plain", "sentence"),
    [
        ("FAKE", "Looks manipulated", "Of 100 real videos like those of the test set, about 5 (2"),
        ("REAL", "No sign of manipulation found", "Of 100 fake videos like those of the test"),
        ("UNDECIDED", "Cannot say", "Of 100 real videos like those of the test set, about 5 (2"),
    ],
)
def test_a_verdict_in_everyday_words_and_what_it_is_worth(
    verdict: str, plain: str, sentence: str
) -> None:
    result = replace(NOT_CERTAIN, verdict=verdict)
    assert plain_verdict(result) == plain
    assert describe_verdict_worth(result).startswith(sentence)
    assert describe_verdict_worth(result).endswith("(95 % intervals).")


def test_an_unknown_worth_is_not_claimed() -> None:
    assert describe_verdict_worth(THREE_PEOPLE) == ""
    assert describe_verdict_worth(NO_PEOPLE) == ""
    point = replace(CAUTIOUS, measured=measured(CAUTIOUS.thresholds, false_positive_rate=UNKNOWN))
    alarm = replace(NOT_CERTAIN, verdict="FAKE", operating_point=point)
    assert describe_verdict_worth(alarm) == ""


@pytest.mark.parametrize(
    ("agree", "end"),
    [(True, "It can still be wrong."), (False, "could change the verdict."), (None, "0.92.")],
)
def test_sureness_is_about_other_frames_only(agree: bool | None, end: str) -> None:
    assert describe_sureness(replace(THREE_PEOPLE, frames_agree=agree)).endswith(end)
    assert "too few frames" in describe_sureness(replace(THREE_PEOPLE, interval=None))
    assert describe_sureness(NO_PEOPLE) == ""
