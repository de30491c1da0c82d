"""The commands of docs/teamwork.md, in a repository with branches that both ran the pipeline."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from review_repository import BRANCHES, run_pipeline, write_params
from trees import IDENTITY, commit, dvc, files_in, git, tree

from deepfake.params.schema import GateParams
from deepfake.review.gate import judge

pytestmark = pytest.mark.slow

TOP = Path(__file__).resolve().parents[2]
LIMITS = GateParams(floors={}, ceilings={}, coverage_drop=0.0)
MORE_PEOPLE = {"data": {"people": 102}}
CARD = "models/README.md"


def commands(section: str) -> list[str]:
    """The code blocks of a section of docs/teamwork.md."""
    text = (TOP / "docs/teamwork.md").read_text(encoding="utf-8")
    content = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\n(.*?)^```$", content, re.MULTILINE | re.DOTALL)


def run(script: str, folder: Path) -> tuple[int, str]:
    """Run commands in a shell that stops at the first failure: exit code and output."""
    programs = folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "dvc").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m dvc "$@"\n')
    (programs / "dvc").chmod(0o755)
    names = [one.partition("=")[2] for one in IDENTITY if "=" in one]
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        **{f"GIT_{who}_NAME": names[0] for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": names[1] for who in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def succeed(script: str, folder: Path) -> str:
    code, output = run(script, folder)
    assert code == 0, output
    return output


def unmerged(folder: Path) -> set[str]:
    command = ["git", "diff", "--name-only", "--diff-filter=U"]
    return {*subprocess.check_output(command, cwd=folder, text=True).split()}


def reasons() -> list[str]:
    return judge("main", LIMITS).reasons


def branch(folder: Path, name: str, changes: dict[str, dict[str, object]], card: str) -> None:
    """A branch from main whose author ran the pipeline."""
    git(folder, "checkout", "--quiet", "-b", name, "main")
    write_params(folder, changes)
    run_pipeline(folder)
    tree(folder, files={CARD: card})
    commit(folder)


@pytest.fixture
def project(played: Path, here: Path) -> Path:
    """The repository of the review with a remote of its own."""
    shutil.copytree(played.parent / "remote", here.parent / "remote")
    shutil.copy(TOP / ".gitattributes", here)
    dvc(here, "remote", "modify", "storage", "url", str(here.parent / "remote"))
    commit(here)
    return here


def test_merge_two_runs(project: Path) -> None:
    """Data changed on one branch, params on the other: both are in the result, from either side."""
    first, after = commands("Merge two runs")
    branch(project, "trained", {"train": {"noise": 0.4}}, "card of trained\n")
    branch(project, "collected", MORE_PEOPLE, "card of collected\n")
    git(project, "checkout", "--quiet", "main")
    git(project, "merge", "--quiet", "trained")
    results = []
    for ours, theirs in (("collected", "main"), ("trained", "collected")):
        git(project, "checkout", "--quiet", ours)
        dvc(project, "checkout")
        before = (project / CARD).read_text()
        code, output = run(first.replace("main", theirs), project)
        assert code == 1, output
        assert unmerged(project) == {
            *("dvc.lock", CARD, "metrics/evaluate.json"),
            *("plots/scores/val.tsv", "plots/scores/test.tsv"),
        }
        for path in unmerged(project):
            assert "<<<<<<<" not in (project / path).read_text(), path
        assert reasons()[0].startswith("dvc.lock is not current, ")
        succeed(after, project)
        assert not unmerged(project)
        assert (project / CARD).read_text() == before
        assert succeed("git status --short", project) == ""
        dvc(project, "push")
        assert reasons() == []
        results.append((project / "metrics/evaluate.json").read_text())
        git(project, "reset", "--quiet", "--hard", "HEAD~1")
    assert results[0] == results[1]


def outputs(folder: Path) -> set[str]:
    """The objects of DVC's cache or a remote, without those that only list the files of a folder."""
    return {name for name in files_in(folder / "files/md5") if not name.endswith(".dir")}


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A repository with data/raw in DVC, where mine (checked out) and main have changed it."""
    folder = tree(tmp_path / "videos", *(f"data/raw/real/{name}.mp4" for name in (1, 2, 3)))
    shutil.copy(TOP / ".gitattributes", folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for command in (["init"], ["add", "data/raw"]):
        dvc(folder, *command)
    commit(folder)
    git(folder, "branch", "mine")
    change_videos(folder, "main", add={"4": "of main", "2": "of main"}, remove="1")
    return folder


def change_videos(folder: Path, name: str, add: dict[str, str], remove: str) -> None:
    git(folder, "checkout", "--quiet", name)
    dvc(folder, "checkout")
    (folder / f"data/raw/real/{remove}.mp4").unlink()
    tree(folder, files={f"data/raw/real/{stem}.mp4": text for stem, text in add.items()})
    dvc(folder, "add", "data/raw")
    commit(folder)


def texts(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in folder.iterdir()}


def test_merge_data(videos: Path) -> None:
    """Without the driver, with it, and where both sides have changed the same file."""
    (set_up, agree), real = commands("Merge data"), videos / "data/raw/real"
    both = {"2": "of main", "4": "of main", "5": "of mine"}
    change_videos(videos, "mine", add={"5": "of mine"}, remove="3")
    assert run("git merge main", videos)[0] == 1
    assert "<<<<<<<" in (videos / "data/raw.dvc").read_text()
    succeed(f"git merge --abort\n{set_up}\ngit merge main\ndvc checkout", videos)
    assert texts(real) == both
    git(videos, "reset", "--quiet", "--hard", "HEAD~1")
    change_videos(videos, "mine", add={"2": "of mine"}, remove="2")
    code, output = run("git merge main", videos)
    assert (code, unmerged(videos)) == (1, {"data/raw.dvc"})
    assert "real/2.mp4" in output
    succeed(f"{agree}\ndvc checkout", videos)
    assert texts(real) == both


@pytest.fixture
def released(project: Path) -> Path:
    """The repository with `worse` as a tag only, and without the branch `data`."""
    git(project, "tag", "--annotate", "model@v1.0.0", "--message", "released", "worse")
    git(project, "branch", "--delete", "--force", "worse", "data")
    return project


def test_released_models_survive_the_deletion_of_old_results(released: Path) -> None:
    look, *_ = (line for line in commands("Free space")[0].splitlines())
    before = outputs(released / ".dvc/cache")
    succeed(look, released)
    assert outputs(released / ".dvc/cache") == before
    succeed(commands("Free space")[0], released)
    assert outputs(released / ".dvc/cache") < before
    succeed("git checkout --quiet model@v1.0.0 && dvc checkout", released)
    assert '"noise": 2.0' in (released / "models/model.json").read_text()
    git(released, "checkout", "--quiet", "main")
    write_params(released, BRANCHES["data"])
    output = succeed("dvc repro", released)
    assert "Running stage 'evaluate'" in output, (
        "a run of which only the run cache knows runs again"
    )


def test_the_remote_keeps_branches_that_only_the_server_has(released: Path) -> None:
    remote, clone = released.parent / "remote", released.parent / "clone"
    git(released.parent, "clone", "--quiet", str(released), str(clone))
    before = outputs(remote)
    succeed(commands("Free space")[1], clone)
    assert outputs(remote) < before
    for revision in ("origin/better", "model@v1.0.0"):
        succeed(f"git checkout --quiet {revision} && dvc pull", clone)
