"""Two results side by side."""

from dataclasses import replace

import pytest
from results import NO_PEOPLE, THREE_PEOPLE

from deepfake.serving.comparison import comparison, difference


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
