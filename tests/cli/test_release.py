"""`deepfake release`: each reason against a release, the tag, and the model that others get by it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from dvc.cli import main as dvc_main
from dvc.repo import Repo
from review_repository import play_pull_requests, run_pipeline
from trees import commit, dvc, git, tree
from typer.testing import CliRunner

from deepfake.base.errors import ModelError
from deepfake.cli import release
from deepfake.cli.app import app
from deepfake.params.schema import GateParams, Params
from deepfake.predict.source import model_folder, pinned

pytestmark = pytest.mark.slow

TOP = Path(__file__).resolve().parents[2]
WEIGHTS = "model.safetensors"
MODEL = (WEIGHTS, "model.json", "model.onnx", "operating_points.json", "README.md")
PACKAGE = "models/package"
ARTIFACT = {"model": {"path": PACKAGE, "type": "model"}}


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with results, a model as artifact, and a remote that has its outputs."""
    folder = play_pull_requests(tmp_path_factory.mktemp("release"))
    content = yaml.safe_load((folder / "dvc.yaml").read_text())
    copy = "import shutil; shutil.copytree('source', 'models/package');"
    copy += f" shutil.copy('source/{WEIGHTS}', 'models')"
    content["stages"]["package"] = {
        "cmd": f'{sys.executable} -c "{copy}"',
        "deps": ["source"],
        "outs": [PACKAGE, f"models/{WEIGHTS}"],
    }
    files = {
        **{f"source/{name}": f"{name} of v1" for name in MODEL},
        "dvc.yaml": yaml.safe_dump({**content, "artifacts": ARTIFACT}),
        "requirements.lock": "typer==1.0\n",
        "metrics/export.json": json.dumps({"largest_difference_millionths": 12}),
    }
    tree(folder, files=files)
    run_pipeline(folder)
    dvc(folder, "push")
    commit(folder)
    return folder


@pytest.fixture
def here(released: Path, params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository as the current folder; its params.yaml is of fake stages."""
    folder = tmp_path / "project"
    shutil.copytree(released, folder, symlinks=True)
    monkeypatch.chdir(folder)
    for name, value in (("NAME", "test"), ("EMAIL", "test@example.org")):
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    limits = GateParams(floors={"roc_auc": 0.5}, ceilings={}, coverage_drop=0.0)
    monkeypatch.setattr(release, "load_params", lambda: params.model_copy(update={"gate": limits}))
    return folder


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["release", *arguments])
    return result.exit_code, result.output


def tags(folder: Path) -> list[str]:
    done = subprocess.run(["git", "tag"], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_release_and_the_next_one(here: Path) -> None:
    code, out = run("1.0.0", "--dry-run")
    assert code == 0, out
    assert "Gate passed, compared with merge base with main" in out
    for line in (
        "- the work tree is committed",
        "- model is the folder models/package",
        "- logits of the exported model differ by at most 1.2e-05",
        "- dvc.lock is current",
        "- the DVC remote storage has all 7 outputs",
        "model@v1.0.0 is not made",
    ):
        assert line in out
    assert tags(here) == []

    code, out = run("v1.0.0")
    assert code == 0, out
    assert "To publish it: git push origin model@v1.0.0" in out
    assert tags(here) == ["model@v1.0.0"]
    command = ["git", "for-each-ref", "--format=%(objecttype)%0a%(contents)", "refs/tags"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kind, title, _, *lines = text.splitlines()
    assert (kind, title) == ("tag", "model v1.0.0")
    metrics = json.loads(Path("metrics/evaluate.json").read_text())["test"]
    assert lines[: len(metrics)] == [f"test.{name}: {value}" for name, value in metrics.items()]
    machine = [line.partition(":")[0] for line in lines if line][-3:]
    assert machine == ["requirements.lock", "machine", "numerics"]
    assert any(line.startswith("machine: ") and line.endswith(" threads") for line in lines)

    code, out = run("1.0.0")
    assert (code, "v1.0.0 was released before: use a higher version" in out) == (2, True)
    code, out = run("1.1.0-rc.1", "--dry-run")
    assert code == 0, out
    assert "compared with model@v1.0.0" in out
    code, out = run("0.9.0", "--dry-run")
    assert "compared with merge base with main" in out, "no version is before this one"


def edit(path: str, content: str) -> Callable[[], None]:
    def change() -> None:
        tree(Path(), files={path: content})
        commit(Path())

    return change


def empty_remote() -> None:
    shutil.rmtree(Path.cwd().parent / "empty", ignore_errors=True)
    dvc(Path(), "remote", "modify", "storage", "url", str(Path.cwd().parent / "empty"))
    commit(Path())


def without_artifact() -> None:
    content = yaml.safe_load(Path("dvc.yaml").read_text())
    edit("dvc.yaml", yaml.safe_dump({**content, "artifacts": {}}))()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda: tree(Path(), "new"), "the work tree differs from the last commit (new): commit"),
        (edit("metrics/export.json", "{}"), "does not compare the exported model: run `dvc repro"),
        (edit("source/model.json", "other"), "dvc.lock is not current, package would run"),
        (empty_remote, "the DVC remote storage lacks "),
        (without_artifact, "dvc.yaml has no output for model: add it under `artifacts`"),
    ],
    ids=["uncommitted", "parity", "lock", "remote", "artifact"],
)
def test_reasons_against_a_release(here: Path, change: Callable[[], None], reason: str) -> None:
    change()
    code, out = run("1.0.0")
    assert code == 1, out
    assert out.startswith("Gate not passed")
    (line,) = [line for line in out.splitlines() if reason in line]
    assert line.startswith("- ")
    assert tags(here) == []


def test_what_cannot_be_checked(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in ("1.0", "one", "1.0.0/2"):
        code, out = run(version)
        assert (code, "is no version: use three numbers, such as 1.0.0" in out) == (2, True)
    Path("metrics/export.json").write_text("{")
    code, out = run("1.0.0")
    assert (code, "metrics/export.json is no JSON" in out) == (2, True)
    git(here, "checkout", "metrics")
    Path("requirements.lock").unlink()
    code, out = run("1.0.0")
    assert (code, "requirements.lock is missing: run this at the top" in out) == (2, True)
    monkeypatch.chdir(tmp_path)
    code, out = run("1.0.0")
    assert (code, "could not be read" in out) == (2, True)
    assert tags(here) == []


def files(folder: str) -> dict[str, str]:
    return {path.name: path.read_text() for path in Path(folder).iterdir()}


def test_others_get_the_model(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the commands of docs/releases.md: from a public, and from a private remote."""
    for version, stage in (("v1", "prod#1"), ("v2", "dev#2")):
        if version != "v1":
            tree(here, files={f"source/{name}": f"{name} of {version}" for name in MODEL})
            run_pipeline(here)
            dvc(here, "push")
            commit(here)
        git(here, "tag", "--annotate", f"model@{version}.0.0", "--message", version)
        git(here, "tag", "--annotate", f"model#{stage}", "--message", stage)
    with Repo() as repo:
        private = repo.config["remote"]["storage"]["url"]
    dvc(here, "remote", "modify", "storage", "url", str(tmp_path / "public"))
    commit(here, ".dvc/config")
    git(here, "tag", "--annotate", "model@v2.0.1", "--message", "with another remote")
    shutil.rmtree(here / ".dvc/cache")
    other = here.as_uri()
    (tmp_path / "colleague").mkdir()
    monkeypatch.chdir(tmp_path / "colleague")

    get = ["artifacts", "get", other, "model"]
    assert dvc_main([*get, "--rev", "v2.0.1", "-o", "nothing"]) != 0, "not in the public remote"
    Path("private.conf").write_text(f"['remote \"storage\"']\n    url = {private}\n")
    for number, options in enumerate(
        (["--remote-config", f"url={private}"], ["--config", "private.conf"])
    ):
        for name, version in (
            ("--rev=v2.0.1", "v2"),
            ("--stage=prod", "v1"),
            ("--stage=dev", "v2"),
        ):
            out = f"{name[2:]}-{number}"
            assert dvc_main([*get, name, *options, "-o", out]) == 0
            assert files(out) == {one: f"{one} of {version}" for one in MODEL}
        out = f"folder-{number}"
        assert dvc_main(["get", other, PACKAGE, "--rev", "model@v2.0.1", *options, "-o", out]) == 0
        assert files(out) == {one: f"{one} of v2" for one in MODEL}


def test_a_model_whose_remote_only_the_user_knows(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Repo() as repo:
        private = repo.config["remote"]["storage"]["url"]
    dvc(here, "remote", "remove", "storage")
    commit(here, ".dvc/config")
    git(here, "tag", "--annotate", "model@v1.0.0", "--message", "v1")
    shutil.rmtree(here / ".dvc/cache")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "global"))
    place, release = pinned(f"{here.as_uri()}@model@latest")
    assert release is not None
    assert release.version == "v1.0.0"
    with (
        pytest.raises(
            ModelError, match=r"pushed with `dvc push`, and that you may read the remote"
        ),
        model_folder(place, (WEIGHTS,)),
    ):
        pass
    for key, value in (("core.remote", "storage"), ("remote.storage.url", private)):
        assert dvc_main(["config", "--global", key, value]) == 0
    with model_folder(place, (WEIGHTS,)) as folder:
        assert files(str(folder)) == {WEIGHTS: f"{WEIGHTS} of v1"}
