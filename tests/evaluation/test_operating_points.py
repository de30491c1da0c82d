"""What operating points measure on test, by hand, and the file that travels with the model."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score

from deepfake.base.errors import ModelError
from deepfake.core.labels import FAKE, REAL
from deepfake.core.tables import read_csv
from deepfake.evaluation.operating_points import measure, risk_coverage, write_operating_points
from deepfake.model.calibration import Calibration
from deepfake.model.card import ModelCard, make_card
from deepfake.model.operating_points import (
    MEASURED,
    Rate,
    Thresholds,
    only_balanced,
    read_measured,
)
from deepfake.params.schema import Params

LIMIT = 1000  # groups that are left out in turn


def table(*rows: tuple[int, float]) -> pd.DataFrame:
    """A group for each video, given as label and score."""
    videos = pd.DataFrame(rows, columns=["label", "score"]).astype({"label": int, "score": float})
    return videos.assign(group=range(len(videos)))


def many(videos: int = 600) -> pd.DataFrame:
    """REAL and FAKE in turn, two videos of each person."""
    labels = np.arange(videos) % 2
    scores = 1 / (1 + np.exp(-np.random.default_rng(0).normal(size=videos) - labels))
    return pd.DataFrame({"label": labels, "score": scores, "group": np.arange(videos) // 4})


@pytest.fixture
def card(params: Params) -> ModelCard:
    points = only_balanced(0.5, "val is small")
    points.thresholds["cautious"] = Thresholds(0.3, 0.8)
    del points.problems["cautious"]
    calibration = Calibration(1.0, 0.5, points=points)
    return make_card(params, calibration, 1, ["demo"], face_pixels=60)


def test_rates_by_hand() -> None:
    videos = table(
        *((REAL, 0.1), (REAL, 0.3), (REAL, 0.5), (REAL, 0.9)),
        *((FAKE, 0.2), (FAKE, 0.29), (FAKE, 0.8), (FAKE, 0.79), (FAKE, 0.99)),
    )
    found = measure(Thresholds(0.3, 0.8), videos, LIMIT)
    assert found.thresholds == Thresholds(0.3, 0.8)
    assert (found.real_videos, found.fake_videos) == (4, 5)
    assert (found.real_groups, found.fake_groups) == (4, 5)
    assert found.false_positive_rate == Rate(0.25, None, None)
    assert found.false_negative_rate == Rate(0.4, None, None)
    assert found.recall == Rate(0.4, None, None)
    assert found.undecided == Rate(round(3 / 9, 4), None, None)


def test_one_threshold_leaves_nothing_undecided() -> None:
    videos = many()
    found = measure(Thresholds(0.6, 0.6), videos, LIMIT)
    expected = recall_score(videos["label"], videos["score"] >= 0.6)
    assert found.recall.value == pytest.approx(expected, abs=1e-4)
    assert found.false_negative_rate.value == pytest.approx(1 - expected, abs=1e-4)
    assert found.undecided.value == 0


def test_intervals_contain_their_rates() -> None:
    found = measure(Thresholds(0.3, 0.8), many(), LIMIT)
    for rate in (
        found.false_positive_rate,
        found.false_negative_rate,
        found.recall,
        found.undecided,
    ):
        assert rate.low is not None
        assert rate.value is not None
        assert rate.high is not None
        assert rate.low < rate.value < rate.high
        assert rate.high - rate.low < 0.3


@pytest.mark.parametrize(("label", "missing"), [(REAL, "recall"), (FAKE, "false_positive_rate")])
def test_a_label_that_is_missing_has_no_rate(label: int, missing: str) -> None:
    found = measure(Thresholds(0.3, 0.8), many().query(f"label == {label}"), LIMIT)
    assert getattr(found, missing) == Rate(None, None, None)
    assert found.undecided.value is not None


def test_no_videos_have_no_rates() -> None:
    found = measure(Thresholds(0.3, 0.8), table(), LIMIT)
    assert (found.real_videos, found.fake_groups) == (0, 0)
    assert found.false_positive_rate == found.undecided == Rate(None, None, None)


def test_risk_and_coverage_by_hand() -> None:
    """From the most certain: .95 FAKE, .1 FAKE (wrong), .8 REAL (wrong), .45 REAL."""
    videos = table((FAKE, 0.95), (FAKE, 0.1), (REAL, 0.8), (REAL, 0.45))
    found = risk_coverage(videos, 0.5)
    assert found["coverage"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert found["risk"].tolist() == pytest.approx([0, 1 / 2, 2 / 3, 1 / 2])


def test_videos_that_are_as_certain_come_together() -> None:
    found = risk_coverage(table((FAKE, 0.9), (REAL, 0.9), (REAL, 0.4)), 0.5)
    assert found["coverage"].tolist() == pytest.approx([2 / 3, 1])
    assert found["risk"].tolist() == pytest.approx([1 / 2, 1 / 3])


def test_a_large_test_set_has_a_short_curve_to_the_error_of_all() -> None:
    videos = many(6000)
    found = risk_coverage(videos, 0.6)
    assert 50 < len(found) <= 100
    assert found["coverage"].is_monotonic_increasing
    wrong = (videos["score"] >= 0.6) != (videos["label"] == FAKE)
    assert found.iloc[-1].tolist() == pytest.approx([1, wrong.mean()])
    assert found["risk"].iloc[10] < found["risk"].iloc[-1]


def test_scores_of_0_and_1_are_the_most_certain() -> None:
    found = risk_coverage(table((FAKE, 1.0), (REAL, 0.0), (REAL, 0.7)), 0.5)
    assert np.isfinite(found.to_numpy()).all()
    assert found["risk"].tolist() == pytest.approx([0, 1 / 3])


def test_the_file_is_read_as_it_was_written(card: ModelCard, tmp_path: Path) -> None:
    undecided = table((FAKE, math.nan)).assign(group=999)
    videos = pd.concat([many(), undecided], ignore_index=True)
    write_operating_points(card, videos, LIMIT, tmp_path / "models", tmp_path / "plots")
    found = read_measured(tmp_path / "models")
    assert {*found} == {"balanced", "cautious"}
    assert found["cautious"] == measure(Thresholds(0.3, 0.8), many(), LIMIT)
    content = json.loads((tmp_path / "models" / MEASURED).read_text())
    assert content["operating_points"]["strict"] is None
    assert content["point_problems"] == {"strict": "val is small", "screening": "val is small"}
    assert len(read_csv(tmp_path / "plots/risk_coverage.tsv")) == 100


def test_a_test_split_without_scores_is_written_too(card: ModelCard, tmp_path: Path) -> None:
    videos = table((FAKE, math.nan), (REAL, math.nan))
    write_operating_points(card, videos, LIMIT, tmp_path, tmp_path)
    assert read_measured(tmp_path)["balanced"].recall.value is None
    assert read_csv(tmp_path / "risk_coverage.tsv").empty


def test_a_model_that_was_not_evaluated_has_no_rates(tmp_path: Path) -> None:
    assert read_measured(tmp_path) == {}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"operating_points": {"strict": {"thresholds": {}}}}', "\xff"]
)
def test_a_damaged_file_is_named_with_its_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / MEASURED).write_text(text, encoding="latin-1")
    with pytest.raises(ModelError, match=r"operating_points\.json .*`dvc repro evaluate`"):
        read_measured(tmp_path)
