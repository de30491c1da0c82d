"""Seeds: what the results of several runs say about the luck in one difference."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from trees import tree
from typer.testing import CliRunner

from deepfake.cli.app import app
from deepfake.experiments import seeds
from deepfake.experiments.publish import RESULTS
from deepfake.params.overlay import ExperimentError


def finish(repository: Path, run: str, auc: float, **train: Any) -> None:
    """Write what a finished run leaves."""
    test = {"roc_auc": auc, "f1": 0.5, "frame_roc_auc": auc, "videos": 30, "groups": 9}
    metrics = {"val": {"roc_auc": auc + 0.1}, "test": test}
    files = {
        "params.yaml": yaml.safe_dump(
            {"execution": {"workers": 2}, "train": {"epochs": 3, **train}}
        ),
        "metrics/evaluate.json": json.dumps(metrics),
    }
    tree(repository / RESULTS / run, files=files)


def test_the_spread_of_three_seeds(tmp_path: Path) -> None:
    for seed, auc in ((0, 0.8), (2, 0.82), (10, 0.84)):
        finish(tmp_path, f"mine_seed{seed}", auc, seed=seed)
    tree(tmp_path / RESULTS, "mine_seeds.json", "mine_seed_of_another/x", "other_seed0/x")
    found = seeds.finished_seeds(tmp_path, "mine", 11)
    assert list(found) == [0, 2, 10]
    names = ["val.roc_auc", "test.roc_auc", "test.f1", "test.frame_roc_auc"]
    assert list(found[0]) == names
    one = seeds.summarize_seeds(found)["test.roc_auc"]
    assert one.mean == pytest.approx(0.82)
    assert one.deviation == pytest.approx(0.02)
    assert one.luck == pytest.approx(4.303 * 2**0.5 * 0.02, rel=1e-3)
    assert list(seeds.finished_seeds(tmp_path, "mine", 10)) == [0, 2]
    table = seeds.describe_seeds(found)
    assert "test.roc_auc        0.8200     0.0200  ±0.1217" in table
    assert "seeds 0, 2, 10." in table
    path = tmp_path / seeds.write_summary(tmp_path, "mine", found)
    written = json.loads(path.read_text())
    assert written["seeds"] == 3
    assert written["metrics"]["test.f1"] == {"mean": 0.5, "deviation": 0.0, "luck": 0.0}


@pytest.mark.parametrize("count", [2, 5])
def test_the_range_of_luck_covers_95_percent(count: int) -> None:
    generator = np.random.default_rng(0)
    covered = []
    for _ in range(2000):
        luck = seeds.spread(generator.normal(size=count).tolist()).luck
        covered.append(abs(np.subtract(*generator.normal(size=2))) <= luck)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    finish(tmp_path, "mine_seed0", 0.8, seed=0)
    table = seeds.describe_seeds(seeds.finished_seeds(tmp_path, "mine", 11))
    assert "nan" not in table
    assert "run two or more seeds" in table


def test_results_that_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="no seed of mine is finished"):
        seeds.finished_seeds(tmp_path, "mine", 11)
    finish(tmp_path, "mine_seed0", 0.8, seed=0)
    finish(tmp_path, "mine_seed1", 0.8, seed=1, ema=0.5)
    with pytest.raises(ExperimentError, match=r"mine_seed0 and .*mine_seed1 differ in more than"):
        seeds.finished_seeds(tmp_path, "mine", 11)
    older = {"test": {"video": {"roc_auc": 0.8}}}
    for damaged in ("{", "[1]", json.dumps(older)):
        (tmp_path / RESULTS / "mine_seed1/metrics/evaluate.json").write_text(damaged)
        with pytest.raises(ExperimentError, match="mine_seed1 is not a finished run"):
            seeds.finished_seeds(tmp_path, "mine", 11)


@pytest.fixture
def checkout(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {"params.yaml": (repository / "params.yaml").read_text(), "experiments/mine.yaml": "{}"}
    monkeypatch.chdir(tree(tmp_path, files=files))
    return tmp_path


def call(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["seeds", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_command_runs_each_seed_and_reports(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def run(
        repository: Path,
        name: str | None,
        data: Mapping[str, Path],
        settings: Sequence[str],
        variant: str,
    ) -> int:
        calls.append((name, {key: str(path) for key, path in data.items()}, settings, variant))
        seed = int(variant[-1])
        if seed == 2:
            return 255
        finish(repository, variant, 0.8 + 0.01 * seed, seed=seed)
        return 0

    monkeypatch.setattr(seeds, "run_experiment", run)
    code, output = call(2, "mine", "--data", "d=/x", "--set", "train.epochs=1")
    assert (code, "seeds 0, 1." in output) == (0, True)
    assert calls == [
        ("mine", {"d": "/x"}, ["train.epochs=1", f"train.seed={seed}"], f"mine_seed{seed}")
        for seed in (0, 1)
    ]
    assert (checkout / RESULTS / "mine_seeds.json").is_file()
    assert call(3, "mine")[0] == 255
    calls.clear()
    assert call(3, "mine", "--report")[0] == 0
    assert calls == []
    assert call(1)[0] == 0
    assert calls == [(None, {"demo": "data/demo/raw"}, ["train.seed=0"], "params_seed0")]
    assert call(1, "mine", "--as", "../x")[0] == 1
