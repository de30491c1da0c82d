"""Which Python and which system the project runs on, and what it says on others."""

import ast
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PROBE = "import sys; print(sys.prefix, *sys.argv[1:])"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a stage that prints which environment it runs in."""
    folder = tmp_path / "project"
    names = ("stages/__init__.py", "deepfake/__init__.py", "deepfake/base/numerics.py")
    for name in (*names, "data/demo/environment.py"):
        (folder / name).parent.mkdir(parents=True)
        shutil.copy(TOP / name, folder / name)
    (folder / "stages/probe.py").write_text(PROBE)
    (folder / "data/demo/probe.py").write_text(f"import environment\n{PROBE}")
    return folder


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """A shell without an activated environment, whose `python` has no packages."""
    venv.create(tmp_path / "bare", symlinks=True)
    path = os.pathsep.join([str(tmp_path / "bare/bin"), "/usr/bin", "/bin"])
    return {"PATH": path, "HOME": str(tmp_path)}


def run(command: list[str], folder: Path, shell: dict[str, str]) -> tuple[int, str, str]:
    done = subprocess.run(command, cwd=folder, env=shell, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        (".", ["python", "-m", "stages.probe", "a b"]),
        ("data/demo", ["python", "probe.py", "a b"]),
        (".dvc/tmp/exps/standalone/tmp0", ["python", "-m", "stages.probe", "a b"]),
    ],
)
def test_a_stage_continues_in_the_environment_of_the_project(
    project: Path, bare: dict[str, str], folder: str, command: list[str]
) -> None:
    """Also a stage of the demo, and one of `dvc exp run --temp`, in a copy of the project."""
    (project / ".venv").symlink_to(sys.prefix)
    if not (project / folder).exists():
        shutil.copytree(project, project / folder, ignore=shutil.ignore_patterns(".*"))
    code, out, error = run(command, project / folder, bare)
    assert (code, out) == (0, f"{project}/.venv a b\n"), error
    assert error.count("\n") == 1
    assert f"lacks the packages, continuing with {project}/.venv/bin/python" in error


@pytest.mark.parametrize("with_environment", [False, True])
def test_without_a_usable_environment_one_line_names_the_remedy(
    project: Path, bare: dict[str, str], with_environment: bool
) -> None:
    if with_environment:
        venv.create(project / ".venv", symlinks=True)
    code, _, error = run(["python", "-m", "stages.probe"], project, bare)
    last = error.splitlines()[-1]
    assert code == 1
    assert "Traceback" not in error
    assert last.startswith("error: ")
    assert "lacks the packages of this project: run `make repro`" in last


@pytest.mark.slow
def test_dvc_repro_works_without_an_activated_environment(
    project: Path, bare: dict[str, str]
) -> None:
    (project / ".venv").symlink_to(sys.prefix)
    (project / "dvc.yaml").write_text("stages: {probe: {cmd: python -m stages.probe}}")
    dvc = [f"{project}/.venv/bin/python", "-m", "dvc"]
    assert run([*dvc, "init", "--no-scm", "--quiet"], project, bare)[0] == 0
    code, out, error = run([*dvc, "repro"], project, bare)
    assert (code, f"{project}/.venv\n" in out) == (0, True), error


@pytest.mark.parametrize("name", ["stages", "deepfake"])
def test_the_check_needs_no_recent_python(name: str) -> None:
    ast.parse((TOP / name / "__init__.py").read_text(), feature_version=(3, 8))


WINDOWS = """
import runpy, sys
sys.platform = "win32"
sys.modules["fcntl"] = sys.modules["resource"] = None  # importing them fails
"""


@pytest.mark.parametrize(
    "start",
    [
        "import deepfake",
        "from deepfake.cli.app import app; app(['--help'])",
        "runpy.run_module('deepfake', run_name='__main__')",
        "runpy.run_module('stages.scan', run_name='__main__')",
        "runpy.run_module('deepfake.params.loading', run_name='__main__')",
    ],
)
def test_windows_gets_one_sentence(start: str) -> None:
    command = [sys.executable, "-c", WINDOWS + start]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: deepfake runs on Linux and macOS. On Windows, install it in WSL 2:"
        " https://learn.microsoft.com/windows/wsl/install\n"
    )


@pytest.mark.parametrize(("given", "used"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
@pytest.mark.parametrize("package", ["deepfake", "stages"])
def test_waiting_threads_sleep_unless_the_user_wants_otherwise(
    package: str, given: str | None, used: str
) -> None:
    """Spinning, they take the cores from whatever else runs."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    if given:
        environment["OMP_WAIT_POLICY"] = given
    code = (
        f"import {package}, os, sys; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TOP, env=environment, capture_output=True, check=True
    )
    assert done.stdout.decode().split() == [used, "False"]  # set before torch reads it


@pytest.mark.slow
def test_onnx_runtime_sends_no_telemetry(tmp_path: Path) -> None:
    """Without the variable, it stores an identifier of the machine in the home folder."""
    program = "import {}, onnxruntime; onnxruntime.SessionOptions()"
    shell = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    shell |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", program.format("deepfake")]
    subprocess.run(command, cwd=TOP, env=shell, check=True)
    assert [*tmp_path.rglob("*")] == []
