"""The command's answers and exit codes; scores are compared with the pipeline's elsewhere."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from deepfake.calibration import Calibration
from deepfake.cli import app
from deepfake.model import build_model, make_card, save_model
from deepfake.params import Params


@pytest.fixture
def model_folder(params: Params, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    card = make_card(params, Calibration(1.0, 0.5), best_epoch=1)
    save_model(tmp_path / "models", build_model("random").state_dict(), card)
    return tmp_path / "models"


def call(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["predict", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_help_teaches() -> None:
    result = CliRunner().invoke(app, ["predict", "--help"])
    assert result.exit_code == 0
    for word in ("UNDECIDED", "threshold", "Exit code", "Example"):
        assert word in result.stdout


def test_a_video_gets_a_verdict(model_folder: Path, demo_root: Path) -> None:
    video = demo_root / "real/orl01_1.mp4"
    code, out, _ = call(video, "--model", model_folder, "--json")
    assert code == 0
    verdict = json.loads(out)
    assert verdict["path"] == str(video)
    assert verdict["verdict"] in {"REAL", "FAKE"}
    assert (verdict["score"] >= verdict["threshold"]) == (verdict["verdict"] == "FAKE")
    assert verdict["people"] == 1
    assert verdict["frames"] == verdict["frames_with_face"] > 1


def test_what_cannot_be_judged_is_undecided_with_its_reason(
    model_folder: Path, demo_root: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("this is no video")
    code, out, _ = call(demo_root / "real/pyfeat_3.mp4", broken, "--model", model_folder)
    lines = out.strip().splitlines()
    assert code == 3
    assert lines[0].startswith("UNDECIDED")
    assert lines[0].endswith("no face found")
    assert lines[1].endswith("broken.mp4  not a video")


def test_a_folder_is_searched(model_folder: Path, demo_root: Path, tmp_path: Path) -> None:
    (tmp_path / "clips/deep").mkdir(parents=True)
    for name in ("deep/b.mp4", "a.mp4", "notes.txt"):
        (tmp_path / "clips" / name).write_bytes((demo_root / "real/orl02_1.mp4").read_bytes())
    code, out, _ = call(tmp_path / "clips", "--model", model_folder, "--json")
    assert code == 0
    names = [Path(json.loads(line)["path"]).name for line in out.strip().splitlines()]
    assert names == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("path", "model", "message"),
    [
        ("nowhere.mp4", "models", "nowhere.mp4: no such file or folder"),
        ("empty", "models", "empty: no image or video in this folder"),
        ("here.mp4", "other", "no model in other: run `dvc repro` or `dvc pull`"),
    ],
)
def test_errors_name_the_remedy(
    path: str, model: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "here.mp4").touch()
    code, _, error = call(path, "--model", model)
    assert code == 1
    assert error == f"error: {message}\n"
