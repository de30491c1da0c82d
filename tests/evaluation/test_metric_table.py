"""The table of all metrics, and the few of metrics/evaluate.json."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepfake.core.labels import UNDECIDED
from deepfake.core.tables import read_csv, write_csv
from deepfake.evaluation.metric_table import COLUMNS, headline, metric_table
from deepfake.evaluation.predictions import Predictions
from deepfake.evaluation.slices import evaluate_slices
from deepfake.evaluation.split_metrics import MAIN_METRICS, evaluate, evaluate_datasets
from deepfake.params.schema import EvaluateParams

SETTINGS = EvaluateParams(max_groups=1000, scores_in_git="names", seed=0)
SETS = {"a": 60, "b": 30}


@pytest.fixture(scope="module")
def test_set() -> Predictions:
    """Videos of two data sets in groups of two; every tenth is UNDECIDED."""
    count = sum(SETS.values())
    number = np.arange(count)
    score = np.random.default_rng(0).random(count) * 0.7 + 0.3 * (number % 2)
    videos = pd.DataFrame(
        {
            "video_id": [f"v/{i:03d}" for i in number],
            "dataset": [name for name, size in SETS.items() for _ in range(size)],
            "label": number % 2,
            "method": np.where(number % 2, "007", "real"),
            "group": number // 2,
            "score": np.where(number % 10, score, np.nan),
            "verdict": np.where(number % 10, np.where(score < 0.5, "REAL", "FAKE"), UNDECIDED),
            "track": 0.0,
        }
    )
    return Predictions(videos[videos["score"].notna()].drop(columns="group"), videos)


@pytest.fixture(scope="module")
def measured(test_set: Predictions) -> dict[str, Any]:
    return {name: evaluate(test_set, 0.5, SETTINGS) for name in ("val", "test")}


@pytest.fixture(scope="module")
def table(test_set: Predictions, measured: dict[str, Any]) -> pd.DataFrame:
    split = test_set.videos[["video_id"]].assign(compression=["c23", "c40"] * 45)
    crops = pd.DataFrame({"video_id": test_set.videos["video_id"], "track": 0})
    crops["box"] = [f"0 0 9 {20 + i % 50}" for i in range(len(crops))]
    crops = crops.assign(sharpness=np.arange(len(crops)), brightness=1)
    slices = evaluate_slices(test_set, split, crops, 0.5, SETTINGS)
    return metric_table(measured, evaluate_datasets(test_set, 0.5, SETTINGS), slices)


def rows_of(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    for column, value in where.items():
        table = table[table[column] == value]
    return table.set_index("metric")


def test_every_metric_has_one_row_with_its_interval_and_groups(
    table: pd.DataFrame, measured: dict[str, Any]
) -> None:
    assert list(table) == COLUMNS
    assert not table.duplicated(["split", "unit", "part", "value_of_part", "metric"]).any()
    video = measured["test"]["video"]
    found = rows_of(table, split="test", unit="video", part="all")
    assert found.loc["roc_auc", "value"] == video["roc_auc"]
    bounds = video["interval_95"]["roc_auc"]
    assert (found.loc["roc_auc", ["low", "high"]] == [bounds["low"], bounds["high"]]).all()
    counts = found.loc["roc_auc", ["videos", "groups", "real_groups", "fake_groups"]]
    assert counts.tolist() == [81, 45, 36, 45]
    assert found["low"].isna()["calibration_error"]
    confusion = ["true_fake", "false_fake", "true_real", "false_real"]
    assert found.loc[confusion, "value"].sum() == 81
    assert found.loc["coverage", ["value", "videos"]].tolist() == [0.9, 90]
    assert found.loc["undecided", "value"] == 9


def test_the_parts_of_the_test_set(table: pd.DataFrame) -> None:
    found = table[table["split"] == "test"]
    parts = found.groupby("part")["value_of_part"].unique().map(list).to_dict()
    assert list(parts["dataset"]) == ["a", "b"]
    assert parts["method"] == ["007"]
    assert parts["compression"] == ["c23", "c40"]
    assert [name.split(":")[0] for name in parts["sharpness"]] == ["low", "middle", "high"]
    assert parts["sharpness"][0].startswith("low: 1 to ")
    assert {*rows_of(found, part="method").index} == {*MAIN_METRICS}
    assert {*found.loc[found["part"] == "dataset", "unit"]} == {*table["unit"]}


def test_undecided_videos_are_counted_three_ways(table: pd.DataFrame) -> None:
    recall = rows_of(table, split="val", part="all").loc["recall"].set_index("unit")["value"]
    fpr = rows_of(table, split="val", part="all").loc["false_positive_rate"].set_index("unit")
    assert recall["left_out"] == recall["video"] == recall["as_wrong"], "REAL ones are undecided"
    assert fpr["value"]["as_real"] < fpr["value"]["left_out"] < fpr["value"]["as_wrong"]


def test_the_file_keeps_text_and_leaves_out_what_is_undefined(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    write_csv(tmp_path / "metrics.tsv", table)
    read = read_csv(tmp_path / "metrics.tsv")
    assert read["value_of_part"].tolist() == table["value_of_part"].tolist()
    assert read["value"].notna().all()
    assert "tpr_at_1_percent_fpr" not in {*read["metric"]}, "needs a hundred REAL"
    assert metric_table({}, {}, {}).empty


def test_the_headline_has_the_values_of_the_table(
    table: pd.DataFrame, measured: dict[str, Any]
) -> None:
    found = headline(measured, 0.25)
    assert list(found["val"]) == ["roc_auc", "balanced_accuracy"]
    test = found["test"]
    assert test.pop("people_with_fpr_above_half") == 0.25
    assert (test.pop("videos"), test.pop("groups")) == (90, 45)
    values = table[(table["split"] == "test") & (table["part"] == "all")]
    values = values.set_index(["unit", "metric"])["value"]
    for name, value in test.items():
        unit = "frame" if name.startswith("frame_") else "video"
        assert value == values[unit, name.removeprefix("frame_")]
    assert {"pr_auc", "f1", "tpr_at_5_percent_fpr", "calibration_error", "coverage"} <= {*test}


def test_a_split_without_videos_has_no_headline(measured: dict[str, Any]) -> None:
    assert list(headline({"val": measured["val"]}, float("nan"))) == ["val"]
    assert headline({}, float("nan")) == {}
