"""The workflows: valid, safe, and their shell steps do what they say for a good and a bad branch."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from review_repository import BRANCHES, play_pull_requests, run_pipeline
from trees import commit, git, tree

TOP = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((TOP / ".github/workflows").glob("*.yml"))
PULL_REQUEST = TOP / ".github/workflows/pull-request.yml"
EXPRESSIONS = {  # of the workflow, and what GitHub puts in their place
    "github.token": "token",
    "github.repository": "owner/project",
    "github.event.pull_request.number": "7",
}


def test_there_are_workflows() -> None:
    assert [path.stem for path in WORKFLOWS] == ["nightly", "pull-request"]


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.dependabot", [TOP / ".github/dependabot.yml"]),
    ],
)
def test_the_published_schema(schema: str, files: list[Path]) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_security_audit() -> None:
    """zizmor: actions pinned by commit, least permissions, no dangerous trigger, no injection."""
    command = [str(Path(sys.executable).with_name("zizmor")), "--offline", "--persona=pedantic"]
    done = subprocess.run([*command, TOP / ".github"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_job_that_may_write_runs_no_code_of_the_branch() -> None:
    text = PULL_REQUEST.read_text()
    assert "secrets" not in re.sub("#.*", "", text)
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs["check"]["permissions"] == {"contents": "read"}
    assert jobs["comment"]["permissions"] == {"pull-requests": "write"}
    assert not [one for one in jobs["comment"]["steps"] if "checkout" in one.get("uses", "")]


def steps_of(job: str) -> dict[str, dict[str, Any]]:
    """The steps of a job that are shell scripts, by name."""
    steps = yaml.safe_load(PULL_REQUEST.read_text())["jobs"][job]["steps"]
    return {step["name"]: step for step in steps if "run" in step}


def filled_in(text: str) -> str:
    """A value of `env` as GitHub fills it in; an unknown expression is an error."""
    return re.sub(r"\$\{\{ (\S+) \}\}", lambda match: EXPRESSIONS[match[1]], text)


def script(folder: Path, name: str, text: str) -> None:
    """Write a program."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small repository of the review with this project's Makefile and params.yaml.

    In its `.venv`, `dvc` and `deepfake` are the real ones. The others only write their names to
    `called`, since style, types and tests of this project are not those of the small repository.
    """
    folder = play_pull_requests(tmp_path_factory.mktemp("workflow"))
    programs = folder.parent / "programs"
    for name, module in (("dvc", "dvc"), ("deepfake", "deepfake")):
        script(programs, name, f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
    for name in ("ruff", "mypy", "pytest"):
        script(programs, name, f'#!/bin/sh\necho {name} "$@" >> {folder.parent}/called\n')
    (folder / "params.yaml").rename(folder / "fake.json")
    for name in ("dvc.yaml", "stages/make.py"):
        move_params(folder / name)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(TOP / name, folder)
    params = yaml.safe_load((TOP / "params.yaml").read_text())
    params["gate"] = {"floors": {"roc_auc": 0.5}, "ceilings": {}, "coverage_drop": 0.0}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / ".gitignore").write_text("/.scratch/\n/.venv/\n")
    run_pipeline(folder)
    commit(folder)
    content = json.loads((folder / "fake.json").read_text())
    for branch in ("better", "worse"):
        git(folder, "checkout", "--quiet", "-B", branch, "main")
        changed = {**content, **BRANCHES[branch]}
        (folder / "fake.json").write_text(json.dumps(changed))
        run_pipeline(folder)
        commit(folder)
    git(folder, "checkout", "--quiet", "main")
    subprocess.run([programs / "dvc", "push", "--quiet", "--all-branches"], cwd=folder, check=True)
    return folder


def move_params(path: Path) -> None:
    """Let the fake stages read fake.json, since params.yaml is the real one here."""
    text = path.read_text().replace("params.yaml", "fake.json")
    if path.name == "dvc.yaml":
        pipeline = yaml.safe_load(text)
        for stage in pipeline["stages"].values():
            if "params" in stage:
                stage["params"] = [{"fake.json": stage["params"]}]
        text = yaml.safe_dump(pipeline)
    path.write_text(text)


def checked_out(project: Path, branch: str, folder: Path) -> Path:
    """A fresh clone with the merge commit of a pull request, as GitHub checks it out."""
    subprocess.run(["git", "clone", "--quiet", project, folder], check=True)
    git(folder, "merge", "--quiet", "--no-ff", "--message", "merge", f"origin/{branch}")
    shutil.copytree(project.parent / "programs", folder / ".venv/bin")
    (folder / ".venv/.ready").touch()
    return folder


def run_step(step: dict[str, Any], folder: Path, **variables: str) -> int:
    """Run a shell step as GitHub does; its output goes where that of the test goes."""
    env = {**os.environ, "PYTHONPATH": str(TOP), **variables}
    env |= {name: filled_in(str(value)) for name, value in step.get("env", {}).items()}
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(command, cwd=folder, env=env).returncode


@pytest.mark.slow
@pytest.mark.parametrize(("branch", "passes"), [("better", True), ("worse", False)])
def test_the_steps_of_a_pull_request(
    project: Path, tmp_path: Path, branch: str, passes: bool
) -> None:
    folder, summary = checked_out(project, branch, tmp_path / "clone"), tmp_path / "summary.md"
    workflow = yaml.safe_load(PULL_REQUEST.read_text())["jobs"]["check"]
    variables = {**workflow["env"], "GITHUB_STEP_SUMMARY": str(summary)}
    codes = {name: run_step(step, folder, **variables) for name, step in steps_of("check").items()}
    assert {name for name, code in codes.items() if code} == (set() if passes else {"Gate"})
    called = (project.parent / "called").read_text()
    assert "mypy" in called
    assert "pytest -m not slow and not browser" in called
    assert (folder / "models/model.json").is_file(), "the model was pulled"
    text = summary.read_text()
    assert f"Gate {'passed' if passes else 'not passed'}, compared with HEAD^1 (" in text
    assert ("- test ROC-AUC is worse: " in text) != passes
    assert "# Review" in text
    assert (folder / ".scratch/review/review.md").read_text() in text


GH = """#!{python}
import json, pathlib, sys
calls = pathlib.Path({calls!r})
fields = [one.partition("=@")[2] for one in sys.argv if one.startswith("body=@")]
body = pathlib.Path(fields[0]).read_text() if fields else ""
with calls.open("a") as file:
    print(json.dumps([sys.argv[1:], body]), file=file)
if "--jq" in sys.argv:  # as `gh` does with the filter: ids, one a line
    print({ids!r})
"""


@pytest.mark.parametrize(("ids", "method"), [("", "POST"), ("41\n42", "PATCH")])
def test_one_comment_is_written_or_updated(tmp_path: Path, ids: str, method: str) -> None:
    calls = tmp_path / "calls"
    script(tmp_path / "bin", "gh", GH.format(python=sys.executable, calls=str(calls), ids=ids))
    rows = "".join(f"| row {number} | é |\n" for number in range(9_000))
    tree(tmp_path, files={"gate.md": "Gate passed\n\n- fine\n", "review.md": f"# Review\n\n{rows}"})
    (step,) = steps_of("comment").values()
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    assert run_step(step, tmp_path, PATH=path, PYTHONUTF8="1") == 0
    (listing, _), (written, body) = map(json.loads, calls.read_text().splitlines())
    assert listing[:3] == ["api", "--paginate", "repos/owner/project/issues/7/comments"]
    if method == "PATCH":
        assert written[:5] == [
            *("api", "--silent", "--method", "PATCH", "repos/owner/project/issues/comments/41")
        ]
    else:
        assert written[:3] == ["api", "--silent", "repos/owner/project/issues/7/comments"]
    marker = body.splitlines()[0]
    assert marker in listing[-1], "the comment is found by its first line"
    assert "Gate passed\n\n- fine\n\n# Review" in body
    assert 60_000 < len(body) <= 65_536


def test_the_nightly_run_is_that_of_ci() -> None:
    steps = yaml.safe_load((TOP / ".github/workflows/nightly.yml").read_text())["jobs"][
        "everything"
    ]
    scripts = {step["name"]: step["run"] for step in steps["steps"] if "run" in step}
    assert scripts["Pipeline and all tests"] == ".ci/run"
    command = scripts["Known vulnerabilities"]
    assert command in (TOP / "docs/continuous-integration.md").read_text()
    assert (TOP / command.split()[-1]).is_file()
