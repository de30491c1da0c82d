"""Operating points: named thresholds of a model, and what each measured on test."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfake.base.errors import MALFORMED, ModelError
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED

BALANCED, STRICT, SCREENING, CAUTIOUS = "balanced", "strict", "screening", "cautious"
OPERATING_POINTS = (BALANCED, STRICT, SCREENING, CAUTIOUS)
MEASURED = "operating_points.json"  # file of a model, written by the stage evaluate
NOT_CERTAIN = "not certain enough"  # reason for UNDECIDED
NOT_CHOSEN = "the model was not trained here, so none was chosen on val"


class OperatingPointError(ModelError):
    """The model does not have this operating point."""


@dataclass(frozen=True)
class Thresholds:
    """From scores to verdicts.

    Attributes:
        real_below: a video with a lower score is REAL.
        fake_from: a video with at least this score is FAKE; not below `real_below`. Between the two
            a video is UNDECIDED; of most operating points they are equal.
    """

    real_below: float
    fake_from: float

    def __post_init__(self) -> None:
        if not 0 <= self.real_below <= self.fake_from <= 1:
            raise ValueError(f"real_below {self.real_below} and fake_from {self.fake_from}")

    def verdict(self, score: float) -> str:
        """FAKE, REAL, or UNDECIDED between the two.

        >>> Thresholds(0.2, 0.7).verdict(0.5)
        'UNDECIDED'
        """
        if score >= self.fake_from:
            return LABEL_NAMES[FAKE]
        return LABEL_NAMES[REAL] if score < self.real_below else UNDECIDED

    def __str__(self) -> str:
        real = f", REAL below {self.real_below:.2f}" if self.leave_undecided else ""
        return f"FAKE from {self.fake_from:.2f}{real}"

    @property
    def leave_undecided(self) -> bool:
        """Whether there are scores between the two."""
        return self.real_below < self.fake_from


@dataclass(frozen=True)
class ChosenPoints:
    """The operating points of a model.

    Attributes:
        thresholds: by name, one of each of `OPERATING_POINTS`; None if there is none.
        problems: by name, why there is none.
    """

    thresholds: dict[str, Thresholds | None]
    problems: dict[str, str]


def only_balanced(threshold: float, problem: str) -> ChosenPoints:
    """The operating points of a model that has one threshold, and why it has no others."""
    others = OPERATING_POINTS[1:]
    return ChosenPoints(
        {BALANCED: Thresholds(threshold, threshold), **dict.fromkeys(others)},
        dict.fromkeys(others, problem),
    )


@dataclass(frozen=True)
class Rate:
    """A share of test videos, 0 to 1, with its 95 % interval.

    Attributes:
        value: None without a video that counts.
        low, high: None with too few people.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Measured:
    """What an operating point measured on the test videos that have a score.

    Attributes:
        thresholds: of the operating point.
        real_videos, fake_videos: their number.
        real_groups, fake_groups: number of people with such a video.
        false_positive_rate: share of REAL called FAKE.
        false_negative_rate: share of FAKE called REAL.
        recall: share of FAKE called FAKE.
        undecided: share left UNDECIDED between the thresholds.
    """

    thresholds: Thresholds
    real_videos: int
    fake_videos: int
    real_groups: int
    fake_groups: int
    false_positive_rate: Rate
    false_negative_rate: Rate
    recall: Rate
    undecided: Rate


@dataclass(frozen=True)
class OperatingPoint:
    """An operating point in use.

    Attributes:
        name: one of `OPERATING_POINTS`.
        thresholds: as the model's card has them.
        measured: on test; None if unknown.
    """

    name: str
    thresholds: Thresholds
    measured: Measured | None = None


def read_measured(folder: Path) -> dict[str, Measured]:
    """What the operating points of a model measured on test, by name; empty if there is no file.

    Raises:
        ModelError: `MEASURED` in the folder is not such a file.
    """
    path = folder / MEASURED
    if not path.is_file():
        return {}
    try:
        points = json.loads(path.read_text(encoding="utf-8"))["operating_points"]
        return {name: _parse_measured(one) for name, one in points.items() if one is not None}
    except MALFORMED as error:
        raise ModelError(
            f"{path} does not have the rates of operating points ({type(error).__name__}: {error}):"
            " run `dvc repro evaluate` or `dvc pull`, or delete it"
        ) from error


def _parse_measured(content: Mapping[str, Any]) -> Measured:
    values: dict[str, Any] = {
        name: Rate(**value) if isinstance(value, dict) else value
        for name, value in content.items()
        if name != "thresholds"
    }
    return Measured(thresholds=Thresholds(**content["thresholds"]), **values)
