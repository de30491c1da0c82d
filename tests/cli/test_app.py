"""Output and exit codes of `deepfake predict`, and the help of all commands.

tests/predict compares scores with those of the pipeline.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.core
import typer.main
from typer.testing import CliRunner
from web_server import Served

from deepfake.cli.app import app

pytestmark = pytest.mark.slow


def predict(*arguments: object, given: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["predict", *map(str, arguments)], input=given)
    return result.exit_code, result.stdout, result.stderr


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.strip().splitlines()]


def test_help_is_complete() -> None:
    result = CliRunner().invoke(app, ["predict", "--help"])
    assert result.exit_code == 0
    for word in ("UNDECIDED", "threshold", "Exit code", "Example", "--report", "--annotate"):
        assert word in result.stdout


def test_every_option_and_argument_has_a_help_text() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for name, command in group.commands.items():
        assert command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{name} {parameter.name}"


def test_a_video_gets_a_verdict(random_model: Path, demo_root: Path) -> None:
    video = demo_root / "real/orl01_1.mp4"
    code, out, _ = predict(video, "--model", random_model, "--json", "--frames")
    assert code == 0
    verdict = json.loads(out)
    assert verdict["path"] == str(video)
    assert verdict["verdict"] in {"REAL", "FAKE"}
    assert (verdict["score"] >= verdict["threshold"]) == (verdict["verdict"] == "FAKE")
    assert verdict["people"] == 1
    assert verdict["frames"] == verdict["frames_with_face"] > 1
    assert len(verdict["faces"][0]["scores"]) == verdict["frames"]


def test_operating_points(random_model: Path, demo_root: Path, tmp_path: Path) -> None:
    """The default of a model without cautious, those it lacks, and a score in the middle."""
    video = demo_root / "real/orl01_1.mp4"
    code, out, error = predict(video, "--model", random_model, "--json")
    assert (code, records(out)[0]["operating_point"]) == (0, "balanced")
    assert error.count("note: operating point balanced: the model has no cautious (") == 1
    code, _, error = predict(video, "--model", random_model, "--operating-point", "strict")
    assert code == 1
    assert "error: the model has no operating point strict (" in error
    assert predict(video, "--operating-point", "bold")[0] == 2

    folder = Path(shutil.copytree(random_model, tmp_path / "model"))
    card = json.loads((folder / "model.json").read_text())
    card["operating_points"]["cautious"] = {"real_below": 0.0, "fake_from": 1.0}
    (folder / "model.json").write_text(json.dumps(card))
    code, out, error = predict(video, "--model", folder, "--json")
    (record,) = records(out)
    assert (code, record["verdict"], record["reason"]) == (3, "UNDECIDED", "not certain enough")
    assert 0 < record["score"] < 1
    assert "note:" not in error
    code, out, _ = predict(video, "--model", folder, "--json", "--operating-point", "balanced")
    assert (code, records(out)[0]["score"]) == (0, record["score"])


def test_an_imported_model_predicts(random_model: Path, demo_root: Path, tmp_path: Path) -> None:
    """It says that its scores are not calibrated, on standard error and in the report."""
    options = ["--classes", "real,fake", "--size", "112", "--margin", "1.3"]
    options += ["--normalisation", "half", "--threshold", "0.25"]
    arguments = ["import-model", str(random_model / "model.safetensors"), str(tmp_path / "model")]
    result = CliRunner().invoke(app, [*arguments, *options])
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(f"deepfake predict clip.mp4 --model {tmp_path}/model\n")
    video = demo_root / "real/orl01_1.mp4"
    arguments = [video, "--model", tmp_path / "model", "--report", tmp_path]
    code, out, error = predict(*arguments, "--json")
    assert code == 0
    assert records(out)[0]["threshold"] == 0.25
    assert "imported; its training data are unknown and its scores are not calibrated" in error
    report = (tmp_path / "orl01_1.mp4.html").read_text()
    assert "Score (not calibrated): the model was imported" in report
    assert "The score is the probability" not in report


def test_onnx_runtime_gives_the_same_verdict(
    random_model: Path, portable: Path, demo_root: Path, tmp_path: Path
) -> None:
    video = demo_root / "real/orl01_1.mp4"
    _, out, _ = predict(video, "--model", random_model, "--json")
    by_folder = ["--model", portable.parent, "--runtime", "onnx"]
    for options in (by_folder, ["--model", portable]):
        code, found, _ = predict(video, *options, "--json")
        assert code == 0
        assert records(found)[0]["score"] == pytest.approx(records(out)[0]["score"], abs=1e-4)
    code, found, error = predict(video, *by_folder, "--report", tmp_path / "reports")
    assert (code, found) == (1, "")
    assert "heat maps and reports need runtime torch" in error
    (tmp_path / "empty").mkdir()
    code, _, error = predict(video, "--model", tmp_path / "empty", "--runtime", "onnx")
    assert code == 1
    assert "model.onnx cannot be read" in error
    assert predict(video, "--runtime", "tensorrt")[0] == 2


def test_a_file_without_a_verdict_is_undecided_with_a_reason(
    random_model: Path, demo_root: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("not a video")
    clips = [demo_root / "real/pyfeat_3.mp4", broken, demo_root / "real/orl01_1.mp4"]
    code, out, _ = predict(*clips, "--model", random_model)
    lines = [line for line in out.splitlines() if line.startswith(("UNDECIDED", "REAL", "FAKE "))]
    assert code == 3
    assert [line.split()[0] == "UNDECIDED" for line in lines[:3]] == [True, True, False]
    assert lines[0].rstrip().endswith("no face found")
    assert "not a video" in out


def test_a_folder_a_pattern_and_a_list(
    random_model: Path, demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("clips/deep").mkdir(parents=True)
    for name in ("deep/b.mp4", "a.mp4", "notes.txt"):
        shutil.copy(demo_root / "real/orl02_1.mp4", f"clips/{name}")
    for arguments in (["clips"], ["cl*/a.mp4", "clips/**/b.mp4"], ["-"]):
        code, out, _ = predict(*arguments, "--model", random_model, "--json", given="clips\n")
        assert code == 0
        assert [record["path"] for record in records(out)] == ["clips/a.mp4", "clips/deep/b.mp4"]


@pytest.mark.parametrize("option", ["--json", "--csv", "--report"])
def test_a_name_that_is_not_utf8(
    random_model: Path, demo_root: Path, tmp_path: Path, option: str
) -> None:
    """It is escaped, and the other files have results too."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in (b"a\xff.mp4", b"b.mp4"):
        shutil.copy(demo_root / "real/orl02_1.mp4", folder / os.fsdecode(name))
    options = [option] if option != "--report" else [option, tmp_path / "reports"]
    code, out, error = predict(folder, "--model", random_model, *options)
    assert code == 0, error
    assert out.count("b.mp4") == 1
    assert "a\\udcff.mp4" in out.replace("\\\\", "\\")


def test_csv(random_model: Path, demo_root: Path) -> None:
    clip = demo_root / "real/orl01_1.mp4"
    _, out, _ = predict(clip, "--model", random_model, "--csv")
    (row,) = csv.DictReader(out.splitlines())
    assert (row["path"], row["people"]) == (str(clip), "1")
    _, out, _ = predict(clip, "--model", random_model, "--csv", "--frames")
    assert len(list(csv.DictReader(out.splitlines()))) == int(row["frames"])


def test_an_address(random_model: Path, demo_root: Path, served: Served, tmp_path: Path) -> None:
    shutil.copy(demo_root / "real/orl01_1.mp4", served.folder / "download")
    address = served.url("download?id=1")
    code, out, _ = predict(address, "--model", random_model, "--json")
    assert code == 0
    (found,) = records(out)
    assert found["path"] == address
    assert found["score"] is not None
    code, *_ = predict(address, "--model", random_model, "--annotate", tmp_path / "out.mp4")
    assert code == 0
    assert (tmp_path / "out.mp4").stat().st_size > 0


def test_every_file_gets_a_report(random_model: Path, demo_root: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(demo_root / "real/orl01_1.mp4", tmp_path / folder / "clip.mp4")
    (tmp_path / "b/broken.mp4").touch()
    arguments = [tmp_path / "a", tmp_path / "b", "--model", random_model]
    code, *_ = predict(*arguments, "--report", tmp_path / "reports")
    assert code == 3
    names = sorted(path.name for path in (tmp_path / "reports").iterdir())
    assert names == ["broken.mp4.html", "clip.mp4-2.html", "clip.mp4.html"]
    (tmp_path / "file").touch()
    code, out, error = predict(*arguments, "--report", tmp_path / "file")
    assert code == 1
    assert "clip.mp4.html cannot be written" in error
    assert "clip.mp4" in out, "finished results are printed"


@pytest.mark.parametrize(
    ("path", "model", "message"),
    [
        ("", "models", "no file is named"),
        ("empty", "models", "empty: no image or video in this folder"),
        ("x*.mp4", "models", "x*.mp4: nothing matches this pattern"),
    ],
)
def test_names_of_no_file_are_an_error(
    path: str, model: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    code, _, error = predict(path, "--model", model)
    assert code == 1
    assert error == f"error: {message}\n"


def test_a_missing_model_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "here.mp4").touch()
    code, _, error = predict(tmp_path / "here.mp4", "--model", tmp_path / "other")
    assert code == 1
    assert error.startswith(f"error: no model in {tmp_path}/other: run `dvc repro` or `dvc pull`")


@pytest.mark.parametrize("kind", ["missing path", "dead address", "too long name"])
@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_a_file_that_is_not_there_is_undecided_and_stops_no_other(
    kind: str, option: str, random_model: Path, demo_root: Path, served: Served
) -> None:
    """Alone and among others, with the same exit code, for paths and addresses alike."""
    bad, reason = {
        "missing path": ("nowhere.mp4", "no such file"),
        "dead address": (served.url("gone.mp4"), "cannot be downloaded"),
        "too long name": ("a" * 300, "cannot be read"),
    }[kind]
    clip = str(demo_root / "real/orl01_1.mp4")
    for files in ([bad], [bad, clip], [clip, bad]):
        code, out, error = predict(*files, "--model", random_model, option)
        rows = records(out) if option == "--json" else list(csv.DictReader(out.splitlines()))
        assert code == 3
        assert [row["path"] for row in rows] == files
        for row in rows:
            assert (row["verdict"] == "UNDECIDED") == (row["path"] == bad)
            assert str(row["reason"]).startswith(reason if row["path"] == bad else "")
        assert "Traceback" not in error


def test_a_file_that_is_not_there_cannot_be_annotated(
    random_model: Path, served: Served, tmp_path: Path
) -> None:
    options = ["--model", random_model, "--annotate", tmp_path / "out.mp4"]
    gone = served.url("gone.mp4")
    for bad, reason in (("nowhere.mp4", "no such file"), (gone, "cannot be downloaded")):
        code, _, error = predict(bad, *options)
        assert code == 1
        assert error.splitlines()[-1].startswith(f"error: {bad}: {reason}")


def test_an_empty_list_is_an_error(random_model: Path) -> None:
    code, out, error = predict("-", "--model", random_model)
    assert (code, out, error) == (1, "", "error: no file is named\n")


def test_wrong_options(random_model: Path, demo_root: Path, tmp_path: Path) -> None:
    clips = [demo_root / f"real/orl0{number}_1.mp4" for number in (1, 2)]
    assert predict(clips[0], "--json", "--csv")[0] == 2
    assert predict()[0] == predict(clips[0], "--watch", tmp_path)[0] == 2
    assert predict("--watch", tmp_path, "--annotate", tmp_path / "out.mp4")[0] == 2
    code, _, error = predict(*clips, "--model", random_model, "--annotate", tmp_path / "out.mp4")
    assert (code, error) == (1, "error: --annotate takes one video, not 2 files\n")


def test_a_file_that_hangs_times_out_and_does_not_stop_other_files(
    random_model: Path, demo_root: Path, served: Served
) -> None:
    clip = demo_root / "real/orl01_1.mp4"
    limits = ["--video-seconds", 8, "--workers", 1]
    code, out, _ = predict(served.url("hang"), clip, "--model", random_model, "--json", *limits)
    assert code == 3
    hung, finished = records(out)
    assert (hung["status"], hung["reason"]) == ("timed_out", "timed out after 8 seconds")
    assert finished["score"] is not None


def test_an_interrupt_keeps_finished_results_and_deletes_downloads(
    random_model: Path, demo_root: Path, served: Served, tmp_path: Path
) -> None:
    # A shell that runs the tests in the background makes all its processes ignore the signal.
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listen}; from deepfake.cli.app import app; app()"
    command = [sys.executable, "-c", code, "predict"]
    files = [str(demo_root / "real/orl01_1.mp4"), served.url("hang")]
    options = ["--model", str(random_model), "--json", "--workers", "1"]
    running = subprocess.Popen(
        [*command, *files, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert running.stdout is not None
    first = json.loads(running.stdout.readline())
    running.send_signal(signal.SIGINT)
    rest, error = running.communicate(timeout=60)
    assert first["path"] == files[0]
    assert (running.returncode, rest) == (130, "")
    assert "interrupted" in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == [], "downloads are deleted"


@pytest.mark.parametrize("module", ["deepfake", "deepfake.cli"])
def test_the_packages_run_as_the_command(module: str) -> None:
    command = [sys.executable, "-m", module, "predict", "nothing*"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "nothing matches" in done.stderr) == (1, True)
