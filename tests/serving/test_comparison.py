"""Two results side by side."""

from dataclasses import replace

import pytest
from results import NO_PEOPLE, THREE_PEOPLE

from deepfake.predict.result import ModelVersion
from deepfake.serving.comparison import agreement, comparison, difference, model_comparison


def test_comparison() -> None:
    rows = {name: (first, second) for name, first, second in comparison(THREE_PEOPLE, NO_PEOPLE)}
    assert rows["verdict"] == ("FAKE", "UNDECIDED")
    assert rows["score"] == ("0.82", "-")
    assert rows["score range over frames (95 %)"] == ("0.72 to 0.92", "-")
    assert rows["people"] == ("3", "0")
    assert rows["remark"] == ("-", "no face found")


@pytest.mark.parametrize(
    ("score", "interval", "sentence"),
    [
        (
            0.5,
            (0.4, 0.6),
            "The first file scores 0.32 higher, and the score ranges do not overlap.",
        ),
        (0.9, (0.8, 0.95), "The second file scores 0.08 higher, but the score ranges overlap"),
        (0.9, None, "but there are too few frames for a score range."),
        (0.82, None, "Both files have the same score."),
        (None, None, "only if both files have one"),
    ],
)
def test_difference(
    score: float | None, interval: tuple[float, float] | None, sentence: str
) -> None:
    assert sentence in difference(
        THREE_PEOPLE, replace(THREE_PEOPLE, score=score, interval=interval)
    )


def test_two_models_are_compared() -> None:
    other = replace(
        THREE_PEOPLE, verdict="REAL", score=0.1, model=ModelVersion("b", "v2", "0" * 64)
    )
    rows = {name: (first, second) for name, first, second in model_comparison(THREE_PEOPLE, other)}
    assert rows["model"][1] == "b, version v2"
    assert rows["verdict"] == ("FAKE", "REAL")
    assert rows["score"] == ("0.82", "0.10")
    assert all(text.startswith("balanced. Scores of ") for text in rows["operating point"])
    assert rows["measured error rates"] == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        (("FAKE", "FAKE"), "Both models say FAKE. Models that learnt from the same data"),
        (("REAL", "FAKE"), "The models differ: REAL and FAKE. Compare their error rates."),
        (("UNDECIDED", "FAKE"), "The models differ: UNDECIDED and FAKE."),
        (("UNDECIDED", "UNDECIDED"), "Neither model gives a verdict."),
    ],
)
def test_agreement_of_two_models(verdicts: tuple[str, str], sentence: str) -> None:
    first, second = (replace(THREE_PEOPLE, verdict=verdict) for verdict in verdicts)
    assert sentence in agreement(first, second)
