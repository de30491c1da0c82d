"""`deepfake evaluate`: the metrics of any detector's scores, printed and written."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from deepfake.cli.app import app
from deepfake.core.tables import write_csv
from deepfake.evaluation.predictions import Predictions
from deepfake.evaluation.split_metrics import evaluate
from deepfake.params.schema import Params

pytestmark = pytest.mark.slow


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def _at_the_top(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)


@pytest.fixture
def split(tmp_path: Path) -> pd.DataFrame:
    """A split of 80 videos in 20 groups, with scores, written as the pipeline does."""
    number = np.arange(80)
    table = pd.DataFrame(
        {
            "video_id": [f"d/{i}" for i in number],
            "dataset": "d",
            "path": [f"{i}.mp4" for i in number],
            "label": number % 2,
            "method": np.where(number % 2, np.where(number % 4 == 1, "swap", "blend"), "real"),
            "group": 40 - number // 4,
        }
    )
    write_csv(tmp_path / "split.csv", table)
    scores = np.random.default_rng(0).random(80) * 0.7 + 0.3 * table["label"]
    return table.assign(score=scores.round(6))


@pytest.mark.parametrize(("name", "auc"), [("DFDC", 0.9994), ("Celeb-DF", 0.9814)])
def test_the_published_scores_of_genconvit(
    bench: Path, tmp_path: Path, name: str, auc: float
) -> None:
    file = bench / f"dataset_files/genconvit_result_april14_{name}.json"
    code, output, _ = run(file, "--fake", "high", "--json", tmp_path / "out.json")
    assert code == 0
    assert json.loads((tmp_path / "out.json").read_text())["video"]["roc_auc"] == auc
    assert f"{auc:.4f}" in output
    assert "every video is a group of its own" in output


def test_the_metrics_are_those_of_the_stage(
    tmp_path: Path, split: pd.DataFrame, params: Params
) -> None:
    write_csv(tmp_path / "scores.csv", split[["path", "score"]])
    options = ["--split", tmp_path / "split.csv", "--json", tmp_path / "out.json"]
    code, output, _ = run(tmp_path / "scores.csv", *options)
    assert code == 0
    found = json.loads((tmp_path / "out.json").read_text())
    decided = np.where(split["score"] >= 0.5, "FAKE", "REAL")
    none = pd.DataFrame(columns=["video_id", "label", "score"])
    expected = evaluate(Predictions(none, split.assign(verdict=decided)), 0.5, params.evaluate)
    for key in ("roc_auc", "balanced_accuracy", "brier"):
        assert found["video"][key] == pytest.approx(expected["video"][key], abs=1e-4)
    assert found["video"]["interval_95"]["roc_auc"] == pytest.approx(
        expected["video"]["interval_95"]["roc_auc"], abs=1e-4
    )
    assert found["coverage"]["videos"] == 80
    assert found["coverage"]["undecided"] == 0
    assert "frame" not in found
    assert "80 of 80 videos have a score (40 REAL, 40 FAKE), in 20 groups" in output
    assert "swap: ROC-AUC" in output
    assert "WARNING" not in output


def test_what_is_missing_and_what_is_unknown_is_said(tmp_path: Path, split: pd.DataFrame) -> None:
    rows = split[["path", "score"]].iloc[:-10]
    rows.loc[0, "score"] = np.nan
    rows = pd.concat([rows, pd.DataFrame({"path": ["x\x1b[2J.mp4"], "score": [0.5]})])
    write_csv(tmp_path / "scores.csv", rows)
    options = ["--split", tmp_path / "split.csv", "--json", tmp_path / "out.json"]
    code, output, _ = run(tmp_path / "scores.csv", *options)
    assert code == 0
    assert "69 of 80 videos have a score" in output
    assert "10 UNDECIDED: not in the file of scores" in output
    assert "1 UNDECIDED: no score in the file" in output
    assert "1 rows are of videos that the split does not have:\n  x\\x1b[2J.mp4" in output
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["coverage"]["undecided"] == 11
    assert found["file"] == {"rows": 71, "unknown": 1}


def test_the_wrong_polarity_is_noticed(tmp_path: Path, split: pd.DataFrame) -> None:
    write_csv(tmp_path / "scores.csv", split[["path", "score"]])
    arguments = [tmp_path / "scores.csv", "--split", tmp_path / "split.csv", "--fake"]
    assert (
        "ROC-AUC below chance; if high scores mean FAKE, use --fake high"
        in run(*arguments, "low")[1]
    )
    assert "below chance" not in run(*arguments, "high")[1]


def test_logits_have_no_metrics_of_probabilities(tmp_path: Path, split: pd.DataFrame) -> None:
    rows = split[["path"]].assign(logit=10 * split["score"] - 5)
    write_csv(tmp_path / "scores.csv", rows)
    arguments = [tmp_path / "scores.csv", "--split", tmp_path / "split.csv"]
    code, _, error = run(*arguments)
    assert (code, "--threshold, such as 0 for logits" in error) == (1, True)
    code, output, _ = run(*arguments, "--threshold", 0, "--json", tmp_path / "out.json")
    assert (code, "no Brier score" in output) == (0, True)
    assert "brier" not in json.loads((tmp_path / "out.json").read_text())["video"]


def test_what_cannot_be_computed_is_a_dash(tmp_path: Path, split: pd.DataFrame) -> None:
    write_csv(tmp_path / "scores.csv", split.loc[split["label"] == 0, ["path", "score"]])
    scores = tmp_path / "scores.csv"
    code, output, _ = run(scores, "--split", tmp_path / "split.csv", "--against", scores)
    assert code == 0
    assert "nan" not in output
    assert "(- to -): no interval, too few groups" in output
    assert "40 UNDECIDED" in output


def test_two_files_are_compared(tmp_path: Path, split: pd.DataFrame) -> None:
    write_csv(tmp_path / "scores.csv", split[["path", "score"]])
    write_csv(tmp_path / "other.csv", split[["video_id"]].assign(score=np.arange(80) % 7 / 7))
    options = ["--split", tmp_path / "split.csv", "--against", tmp_path / "other.csv"]
    code, output, _ = run(tmp_path / "scores.csv", *options, "--json", tmp_path / "out.json")
    assert code == 0
    assert "on 80 common videos in 20 groups" in output
    assert output.split("): ")[-1].startswith("better")
    found = json.loads((tmp_path / "out.json").read_text())["comparison"]
    assert 0 < found["low"] < found["first"] - found["second"] < found["high"]


def test_a_file_that_cannot_be_used(tmp_path: Path) -> None:
    code, output, error = run(tmp_path / "none.csv")
    assert (code, output) == (1, "")
    assert error.startswith(f"error: {tmp_path}/none.csv cannot be read as a table")
