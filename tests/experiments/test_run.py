"""Experiments in folders of their own: code, DVC, models; and a run that is killed and goes on."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from finished_run import write_run
from trees import NO_WEIGHTS, commit, dvc, files_in, git, tree

from deepfake.base.errors import ModelError
from deepfake.core.tables import read_csv
from deepfake.experiments import run as experiments
from deepfake.model.calibration import Calibration
from deepfake.model.card import make_card
from deepfake.model.network import build_model, load_model, save_model
from deepfake.model.operating_points import MEASURED
from deepfake.params.overlay import ExperimentError, merge
from deepfake.params.schema import Params
from deepfake.review.model_card import CardError

pytestmark = pytest.mark.slow

TOP = Path(__file__).resolve().parents[2]
PEOPLE = [f"orl{number:02d}" for number in range(1, 9)]  # four closed pairs
SMALL: dict[str, Any] = {
    "dataset": {"mine": {"root": "data/raw/mine", "layout": "csv", "include": "*"}},
    "frames": {"per_video": 2},
    "crops": {"size": 48, "detect_size": 320},
    "identities": {"faces": False, "near_duplicates": False},
    "split": {"train": 0.5, "val": 0.25, "test": 0.25},
    "train": {"init": "random", "image_size": 32, "epochs": 1, "batch_size": 8},
    "evaluate": {"max_groups": 20},
}

TESTED: dict[str, Any] = {  # the model of "small", as it is, on all videos
    "experiment": {"model_of": "small"},
    "split": {"train": 0.0, "val": 0.0, "test": 1.0},
    "train": {"init": "starter", "epochs": 0},
}


@pytest.mark.parametrize("name", ["videos", "../other", ".hidden", ""])
def test_a_run_must_have_a_name_for_a_folder(name: str) -> None:
    with pytest.raises(ExperimentError, match="must not be called"):
        experiments.check_name(name)


def test_an_experiment_must_not_be_called_like_the_shared_folders(tmp_path: Path) -> None:
    params = (TOP / "params.yaml").read_text()
    tree(tmp_path, files={"params.yaml": params, "experiments/videos.yaml": "{}"})
    with pytest.raises(ExperimentError, match="give it another name"):
        experiments.run_experiment(tmp_path, "videos", {})


def test_the_model_of_a_run_that_has_none(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="the experiment other has no model yet"):
        experiments.copy_model(tmp_path / "mine", "other")
    with pytest.raises(ExperimentError, match="its own model"):
        experiments.copy_model(tmp_path / "mine", "mine")
    experiments.copy_model(tmp_path / "mine", None)
    assert list(tmp_path.iterdir()) == []


def test_a_shipped_model_is_half_as_large_and_says_the_same(tmp_path: Path, params: Params) -> None:
    with pytest.raises(ModelError, match="no model in"):
        experiments.ship_model(tmp_path, "mine")
    torch.manual_seed(0)
    network, folder = (
        build_model("random", params.train.head).eval(),
        tmp_path / experiments.WORK / "mine/models",
    )
    card = make_card(
        params, Calibration(1.5, 0.25), best_epoch=3, datasets=["demo"], face_pixels=60
    )
    write_run(folder.parent, TOP / "models/starter/model.json")
    save_model(folder, network.state_dict(), card)
    with pytest.raises(CardError, match=r"starter-notes\.md is missing"):
        experiments.ship_model(tmp_path, "mine")
    notes = (TOP / experiments.STARTER_NOTES).read_text()
    tree(tmp_path, files={experiments.STARTER_NOTES.as_posix(): notes})
    starter = tmp_path / experiments.ship_model(tmp_path, "mine")
    assert "of 100 real videos, 5 (0 to 10)" in (starter / "README.md").read_text()
    measured = [(place / MEASURED).read_text() for place in (starter, folder)]
    assert measured[0] == measured[1]
    sizes = [(place / "model.safetensors").stat().st_size for place in (starter, folder)]
    assert sizes[0] == pytest.approx(sizes[1] / 2, rel=0.01)
    shipped, its_card = load_model(starter)
    assert its_card == card
    crops = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(shipped(crops), network(crops), atol=2e-3, rtol=0)


def test_a_second_run_of_the_same_experiment_is_refused(tmp_path: Path) -> None:
    with (
        experiments._alone(tmp_path / "mine"),
        pytest.raises(ExperimentError, match="mine is running already"),
        experiments._alone(tmp_path / "mine"),
    ):
        pass
    with experiments._alone(tmp_path / "mine"):
        pass


@pytest.fixture(scope="module")
def checkout(demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with two small experiments, and data of eight people beside it."""
    folder = tmp_path_factory.mktemp("checkout") / "project"
    for name in ("deepfake", "stages", "models/face_detector"):
        shutil.copytree(TOP / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "docs").mkdir()
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", "docs/model-card-notes.md"):
        shutil.copy(TOP / name, folder / name)
    overlays = {
        "small": SMALL,
        "longer": merge(SMALL, {"train": {"learning_rate": 0.01}}),
        "tested": merge(SMALL, TESTED),
    }
    texts = {f"experiments/{name}.yaml": yaml.safe_dump(one) for name, one in overlays.items()}
    tree(folder, files={**texts, **NO_WEIGHTS})
    git(folder, "init", "--quiet")
    dvc(folder, "init", "--quiet")
    commit(folder)
    labels = read_csv(demo_root / "labels.csv")
    chosen = labels[labels["target"].isin(PEOPLE)]
    for path in chosen["path"]:
        (folder.parent / "data" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(demo_root / path, folder.parent / "data" / path)
    chosen.to_csv(folder.parent / "data/labels.csv", index=False)
    return folder


RUN = """
import sys
from pathlib import Path
from deepfake.experiments.run import run_experiment
from deepfake.experiments.data import parse_data
name, stage, *data = sys.argv[1:]
sys.exit(run_experiment(Path(), name, parse_data(data), stage=stage or None))
"""


def start(checkout: Path, name: str, *data: str, stage: str = "") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", RUN, name, stage, *data],
        cwd=checkout,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def test_a_killed_run_goes_on_and_another_experiment_shares_what_it_found(checkout: Path) -> None:
    work, results = checkout / ".scratch/experiments", checkout / "experiments/results"
    running = start(checkout, "small", f"mine={checkout.parent / 'data'}")
    deadline = time.monotonic() + 120
    while not list((work / "videos").glob("*/*/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    remembered = {path: path.stat().st_mtime_ns for path in (work / "videos").glob("*/*/*")}
    assert remembered
    assert not results.exists()

    output, _ = start(checkout, "small").communicate()
    assert "files of results are in experiments/results/small" in output, output
    assert "Running stage 'scan@mine'" not in output
    assert {path: path.stat().st_mtime_ns for path in remembered} == remembered
    assert {"metrics/evaluate.json", "models/model.json", "params.yaml"} <= files_in(
        results / "small"
    )
    texts = [path.read_bytes() for path in (results / "small").rglob("*") if path.is_file()]
    assert not any(str(checkout.parent).encode() in text for text in texts)

    output, _ = start(checkout, "small").communicate()
    assert "Running stage" not in output, output
    data = f"mine={checkout.parent / 'data'}"
    output, _ = start(checkout, "longer", data, stage="split").communicate()
    assert "Running stage" not in output, output
    assert set(re.findall(r"Stage '([\w@]+)' is cached", output)) >= {"frames", "crops", "split"}
    assert not (results / "longer").exists()
    git(checkout, "add", "--all")
    listed = subprocess.run(["git", "ls-files"], cwd=checkout, capture_output=True, text=True)
    assert ".scratch" not in listed.stdout


def test_a_model_is_tested_on_other_data_without_training(checkout: Path) -> None:
    """After the test before, which has trained it. Every video is test, and none is val."""
    running = start(checkout, "tested", f"mine={checkout.parent / 'data'}")
    output, _ = running.communicate()
    assert running.returncode == 0, output
    small, tested = (checkout / ".scratch/experiments" / name for name in ("small", "tested"))
    for name in ("model.safetensors", "model.json"):
        assert (tested / "models" / name).read_bytes() == (small / "models" / name).read_bytes()
    metrics = json.loads((tested / "metrics/evaluate.json").read_text())
    assert list(metrics) == ["test"]
    labels = read_csv(checkout.parent / "data/labels.csv")
    assert metrics["test"]["videos"] == len(labels)
    choices = read_csv(tested / "plots/train/choices.tsv")
    assert choices["quantity"].tolist() == ["temperature", "bias", "calibrated", "threshold"]


def test_a_stage_that_fails_keeps_dvc_s_exit_code_and_copies_nothing(checkout: Path) -> None:
    (checkout.parent / "empty").mkdir()
    running = start(checkout, "longer", f"mine={checkout.parent / 'empty'}")
    output, _ = running.communicate()
    assert "labels.csv is missing" in output
    assert running.returncode == 255
    assert "files of results" not in output
