"""`deepfake doctor`: each problem is found, with a remedy, and nothing else fails."""

import json
import multiprocessing
import re
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest
import torch
import yaml
from trees import commit, dvc, git, tree
from typer.testing import CliRunner

from deepfake.cli import doctor, doctor_dvc
from deepfake.cli.app import app
from deepfake.cli.checks import Check, State
from deepfake.predict import source
from deepfake.sharing import access

pytestmark = pytest.mark.slow

TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with params.yaml, requirements.lock, data and one stage that has run."""
    stage = {"cmd": "echo 1 > out", "deps": ["in"], "outs": ["out"]}
    params = yaml.safe_load((TOP / "params.yaml").read_text())
    params["dataset"] = {"mine": {"root": "data/raw", "layout": "auto", "include": "*"}}
    files = {
        "dvc.yaml": yaml.safe_dump({"stages": {"one": stage}}),
        "params.yaml": yaml.safe_dump(params),
        "requirements.lock": "typer==0.0.1\npip==9999 ; sys_platform == 'nowhere' \\\n    --hash=x\n",
    }
    folder = tree(tmp_path / "project", "in", "data/raw/real/a.mp4", files=files)
    git(folder, "init", "--quiet")
    dvc(folder, "init", "--quiet")
    dvc(folder, "config", "cache.type", "hardlink,copy")
    dvc(folder, "repro")
    commit(folder)
    monkeypatch.chdir(folder)
    return folder


def states(checks: Iterator[Check]) -> dict[str, State]:
    return {check.name: check.state for check in checks}


def only(checks: Iterator[Check]) -> Check:
    (check,) = checks
    return check


def test_a_good_set_up(here: Path) -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    warnings = [line for line in lines if not line.startswith("ok ")]
    assert [line.split()[1] for line in warnings[:-1]] == ["packages"], result.output
    assert re.fullmatch(r"\d+ checks, 0 failed, 1 with a warning", warnings[-1])
    assert "mine in data/raw" in result.stdout
    status = ["git", "status", "--short"]
    assert subprocess.run(status, cwd=here, capture_output=True, text=True).stdout == ""


def test_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    failed = [line for line in result.stdout.splitlines() if line.startswith("FAILED")]
    assert [line.split()[1] for line in failed] == ["packages", "params", "DVC"]
    assert all(": run this " in line for line in failed)


def test_a_check_that_crashes_is_a_failure_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crash(_: str) -> Iterator[Check]:
        raise RuntimeError("first\nsecond")

    checks = {"a": crash, "Python": doctor.check_python}
    monkeypatch.setattr(doctor, "CHECKS", checks)
    first, second = doctor.examine()
    assert (first.state, first.detail) == (State.FAILED, "RuntimeError: first")
    assert second.state == State.OK


@pytest.mark.parametrize(("number", "good"), [((3, 9), False), ((3, 10), True), ((3, 14), False)])
def test_python(monkeypatch: pytest.MonkeyPatch, number: tuple[int, int], good: bool) -> None:
    monkeypatch.setattr(sys, "version_info", (*number, 0))
    check = only(doctor.check_python("Python"))
    assert (check.state == State.OK) == good
    assert good or "use Python 3.10 to 3.13" in check.remedy


def test_packages(here: Path) -> None:
    check = only(doctor.check_packages("packages"))
    assert check.state == State.WARNING
    assert re.search(r"\(typer [\d.]+ instead of 0\.0\.1\)", check.detail)
    (here / "requirements.lock").write_text("no-such-package==1 ; python_version > '3' \\\n")
    check = only(doctor.check_packages("packages"))
    assert str(check).startswith("FAILED   packages")
    assert str(check).endswith("1 of 1 missing (no-such-package): run `make setup`")


def test_the_lock_file_of_the_repository_is_read_whole() -> None:
    text = (TOP / "requirements.lock").read_text()
    found = dict(doctor.pinned_packages(text))
    heads = [line for line in text.splitlines() if line and line[0] not in " #"]
    assert len(doctor.PINNED.findall(text)) == len(heads)
    assert found["torch"].startswith("2.")


def test_a_gpu_that_torch_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: None)
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == "/dev/nvidia0")
    check = only(doctor.check_device("device"))
    assert (check.state, "install a driver" in check.remedy) == (State.WARNING, True)
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert only(doctor.check_device("device")).state == State.OK


def test_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(doctor.check_decoders("decoders")).state == State.OK
    monkeypatch.setattr(av, "codecs_available", {"h264", "libdav1d"})
    check = only(doctor.check_decoders("decoders"))
    assert check.detail.endswith("has none for HEVC, ProRes")


def test_the_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepfake.faces import detectors

    assert only(doctor.check_detector("detector")).state == State.OK
    monkeypatch.setattr(detectors, "YUNET", tmp_path / "yunet_n.onnx")
    assert "yunet_n.onnx is missing" in only(doctor.check_detector("detector")).detail
    (tmp_path / "yunet_n.onnx").write_bytes(b"x")
    assert "README.md is missing" in only(doctor.check_detector("detector")).detail
    shutil.copy(TOP / "models/face_detector/README.md", tmp_path)
    check = only(doctor.check_detector("detector"))
    assert (check.state, "is damaged" in check.detail) == (State.FAILED, True)
    assert "git checkout" in check.remedy


@pytest.mark.usefixtures("here")
def test_params_and_data() -> None:
    text = Path("params.yaml").read_text()
    shutil.rmtree("data/raw")
    _, check = doctor.check_params("params")
    assert str(check) == (
        "FAILED   data           mine: data/raw is not a folder: put the videos there, or set"
        " dataset.mine.root in params.yaml"
    )
    Path("params.yaml").write_text(text.replace("data/raw", "data/demo/raw"))
    assert [check.state for check in doctor.check_params("x")] == [State.OK, State.WARNING]
    Path("params.yaml").write_text(text.replace("yunet", "libfacedetection"))
    check = only(doctor.check_params("params"))
    assert "crops.detector: Input should be 'yunet' or 'hog'" in check.detail
    assert "docs/upgrading.md" in str(check)


def test_a_model_of_a_later_version(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = json.loads((TOP / "models/starter/model.json").read_text())
    tree(here, files={"models/model.json": json.dumps({**card, "version": 99})})
    monkeypatch.setattr(source, "MODELS", Path("models"))
    check = only(doctor.check_model("model"))
    assert (check.state, "docs/upgrading.md" in check.detail) == (State.FAILED, True)


def test_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "install git" in str(only(doctor.check_git("git")))


def test_what_would_run(here: Path) -> None:
    assert states(doctor.check_dvc("DVC"))["dvc.lock"] == State.OK
    shutil.rmtree(".dvc/cache")
    Path("out").unlink()
    assert states(doctor.check_dvc("DVC"))["dvc.lock"] == State.OK, "as in a fresh clone"
    (here / "in").write_text("new")
    *_, check = doctor.check_dvc("DVC")
    assert check.detail == "1 of 1 stages would run (one)"
    assert check.remedy == "run `dvc repro`"
    Path("dvc.lock").write_text("{")
    *_, check = doctor.check_dvc("DVC")
    assert (check.state, "git checkout" in check.remedy) == (State.FAILED, True)


def test_a_cache_without_links(here: Path) -> None:
    dvc(here, "config", "cache.type", "copy")
    found = {check.name: check for check in doctor.check_dvc("DVC")}
    assert found["DVC cache"].state == State.WARNING
    assert "twice the space" in found["DVC cache"].detail


def test_remotes(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "storage").mkdir()
    dvc(here, "remote", "add", "good", str(tmp_path / "storage"))
    dvc(here, "remote", "add", "gone", str(tmp_path / "nowhere"))
    dvc(here, "remote", "add", "dead", "ssh://127.0.0.1:9/x")
    checks = [check for check in doctor.check_dvc("DVC") if check.name == "DVC remotes"]
    assert [check.state for check in checks] == [State.OK, State.WARNING, State.WARNING]
    assert "gone: nothing is there" in checks[1].detail
    assert "dead: is not reachable" in checks[2].detail
    monkeypatch.setattr(access, "SECONDS", 0.1)
    done = threading.Event()
    assert access.in_time(lambda: done.wait(30)) is None
    done.set()


@pytest.mark.parametrize(
    ("gigabytes", "state"), [(0.5, State.FAILED), (5, State.WARNING), (50, State.OK)]
)
def test_disk(monkeypatch: pytest.MonkeyPatch, gigabytes: float, state: State) -> None:
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, gigabytes * 1e9))
    assert only(doctor.check_disk("disk")).state == state


def test_no_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(multiprocessing, "get_context", lambda _: SimpleNamespace(Lock=refuse))
    check = only(doctor.check_shared_memory("shared memory"))
    assert (check.state, "--shm-size" in check.remedy) == (State.WARNING, True)


def test_every_problem_has_a_remedy() -> None:
    """In the source: a state other than ok is never without one, except where the text has it."""
    source_text = "".join(Path(file).read_text() for file in (doctor.__file__, doctor_dvc.__file__))
    calls = re.findall(r"Check\((?:[^()]|\([^()]*\))*\)", source_text)
    problems = [call for call in calls if "State.FAILED" in call or "State.WARNING" in call]
    without = [call for call in problems if "remedy" not in call and "run `" not in call]
    assert len(problems) > 15
    assert len(without) <= 2, without  # messages of params and model cards
