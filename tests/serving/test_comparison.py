"""Two results beside each other."""

from dataclasses import replace

import pytest
from results import NOBODY, TWO

from deepfake.serving.comparison import comparison, difference


def test_all_that_is_compared() -> None:
    rows = {name: (first, second) for name, first, second in comparison(TWO, NOBODY)}
    assert rows["verdict"] == ("FAKE", "UNDECIDED")
    assert rows["score"] == ("0.82", "-")
    assert rows["95 % range"] == ("0.72 to 0.92", "-")
    assert rows["people"] == ("3", "0")
    assert rows["remark"] == ("-", "no face found")


@pytest.mark.parametrize(
    ("score", "interval", "words"),
    [
        (
            0.5,
            (0.4, 0.6),
            "The first file scores 0.32 higher, and their 95 % ranges do not overlap.",
        ),
        (0.9, (0.8, 0.95), "The second file scores 0.08 higher, but their 95 % ranges overlap"),
        (0.9, None, "there are too few frames to say how steady that is"),
        (0.82, None, "Both files have the same score."),
        (None, None, "only where both files have one"),
    ],
)
def test_the_difference_in_words(
    score: float | None, interval: tuple[float, float] | None, words: str
) -> None:
    assert words in difference(TWO, replace(TWO, score=score, interval=interval))
