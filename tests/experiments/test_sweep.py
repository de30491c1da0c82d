"""DVC's experiments: runs in temporary copies, their table, branch and figure."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from dvc.cli import main as dvc_main
from dvc.repo import Repo
from trees import commit, git, tree
from typer.testing import CliRunner

from deepfake.cli.app import app
from deepfake.cli.sweep import FIGURE
from deepfake.experiments.sweep import plot_runs, read_runs, summarise
from deepfake.params.overlay import ExperimentError

pytestmark = pytest.mark.slow

TOP = Path(__file__).resolve().parents[2]
VIDEO = "ab" * 32  # SHA-256
STAGE = f"""
import json
import yaml
from deepfake.jobs.cache import Cache

train = yaml.safe_load(open("params.yaml"))["train"]
found = Cache().load("{VIDEO}", "frames-1")
if found is None:
    Cache().store("{VIDEO}", "frames-1", b"result")
auc = round(0.8 + 10 * train["learning_rate"] + train["seed"] / 100, 4)
content = {{"val": {{"roc_auc": auc, "computed": int(found is None)}}, "test": {{"roc_auc": 0.7}}}}
json.dump(content, open("metrics.json", "w"))
"""
PARAMS = {"train": {"learning_rate": 0.0003, "seed": 0, "head": "cosine", "domains": {}}}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a run in the work tree, one with --temp, and a sweep of four."""
    train = {
        "cmd": f"{sys.executable} stage.py",
        "deps": ["stage.py"],
        "params": ["train"],
        "metrics": [{"metrics.json": {"cache": False}}],
    }
    files = {
        "stage.py": STAGE,
        "params.yaml": yaml.safe_dump(PARAMS),
        "dvc.yaml": yaml.safe_dump({"stages": {"train": train}}),
        ".gitignore": "/.scratch/\n",
    }
    folder = tree(tmp_path_factory.mktemp("sweep") / "project", files=files)
    with pytest.MonkeyPatch().context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(TOP))
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # of workers
        for name in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
            patch.setenv(f"GIT_{name}", "test")
        git(folder, "init", "--quiet", "--initial-branch=main")
        Repo.init().close()
        assert dvc_main(["repro", "--quiet"]) == 0
        commit(folder)
        with pytest.raises(ExperimentError, match=r"no experiment of the last commit has val\.roc"):
            read_runs("val.roc_auc")
        run = ["exp", "run", "--quiet"]
        assert dvc_main([*run, "--temp", "--name", "alone", "-S", "train.seed=0", "--force"]) == 0
        with pytest.raises(ExperimentError, match="the experiments differ in no parameter"):
            read_runs("val.roc_auc")
        rates, seeds = "train.learning_rate=0.0001,0.001", "train.seed=0,1"
        assert dvc_main([*run, "--queue", "-S", rates, "-S", seeds]) == 0
        assert dvc_main([*run, "--run-all"]) == 0
    return folder


@pytest.fixture
def here(swept: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(swept)
    return swept


def test_temporary_runs_find_the_results_of_single_videos(here: Path) -> None:
    assert json.loads((here / "metrics.json").read_text())["val"]["computed"] == 1
    runs = read_runs("val.computed")
    assert runs["val.computed"].tolist() == [0] * 5
    assert len([*(here / ".scratch/videos").glob("*/*/*")]) == 1


@pytest.mark.usefixtures("here")
def test_the_table_and_the_figure_of_a_sweep() -> None:
    result = CliRunner().invoke(app, ["sweep"])
    assert result.exit_code == 0, result.output
    assert "val.roc_auc of 5 experiments" in result.output
    rows = [line.split() for line in result.output.splitlines() if line.count("0.8") > 2]
    assert rows == [  # of seeds 0 and 1, but one of the rate of params.yaml
        ["0.001", "2", "0.815", "0.81", "0.82"],
        ["0.0001", "2", "0.806", "0.801", "0.811"],
        ["0.0003", "1", "0.803", "0.803", "0.803"],
    ]
    assert FIGURE.read_bytes().startswith(b"\x89PNG")
    for metric, reason in (("test.roc_auc", "is of test"), ("val.nothing", "has val.nothing")):
        result = CliRunner().invoke(app, ["sweep", "--metric", metric])
        assert (result.exit_code, reason in result.output) == (1, True)


def test_the_best_run_becomes_a_branch(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`dvc exp show` and `dvc exp branch`, as in docs/experiments.md."""
    order = ["--sort-by", "val.roc_auc", "--sort-order", "desc"]
    assert dvc_main(["exp", "show", "--only-changed", "--csv", *order]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"val.roc_auc", "train.learning_rate", "train.seed"} <= {*lines[0].split(",")}
    assert "train.head" not in lines[0]
    names = [line.split(",")[0] for line in lines[1:]]
    best = read_runs("val.roc_auc")["experiment"][0]
    assert names[2] == best, "after the work tree and its commit"
    assert dvc_main(["exp", "branch", best, "higher-rate"]) == 0
    shown = subprocess.run(
        ["git", "show", "higher-rate:params.yaml"], cwd=here, capture_output=True, check=True
    )
    train = yaml.safe_load(shown.stdout)["train"]
    assert (train["learning_rate"], train["seed"]) == (0.001, 1)


def test_runs_without_a_seed_and_with_words() -> None:
    """Parameters that are words, or too many to label; a metric that is the same in all runs."""
    runs = pd.DataFrame(
        {
            "experiment": [f"run{number}" for number in range(30)],
            "train.epochs": [float(number) for number in range(30)],
            "train.head": ["linear", "cosine"] * 15,
            "val.roc_auc": [0.5] * 30,
        }
    )
    (axes,) = plot_runs(runs).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == [*runs.columns[1:]]
    assert len(axes.lines) == 30 + 3, "the runs and the axes"
    texts = [text.get_text() for text in axes.texts]
    assert {"linear", "cosine", "0", "27"} <= {*texts}
    assert len(texts) < 20
    assert summarise(runs)["runs"].tolist() == ["1"] * 30
    only_seed = runs[["experiment", "val.roc_auc"]].assign(seed=range(30))
    only_seed.columns = pd.Index(["experiment", "val.roc_auc", "train.seed"])
    only_seed = only_seed[["experiment", "train.seed", "val.roc_auc"]]
    assert summarise(only_seed).to_dict("records") == [
        {"runs": "30", "mean": "0.5", "min": "0.5", "max": "0.5"}
    ]


def test_a_folder_that_is_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExperimentError, match="run this in a clone"):
        read_runs("val.roc_auc")
