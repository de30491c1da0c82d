"""The folder of a run: code of the checkout with its edits, and DVC with a shared cache."""

import subprocess
from pathlib import Path

import pytest
import yaml
from trees import commit, dvc, files_in, git, tree

from deepfake.experiments.worktree import CODE, make_worktree, set_up_dvc
from deepfake.params.overlay import ExperimentError

TOP = Path(__file__).resolve().parents[2]


def test_what_the_pipeline_needs_is_copied() -> None:
    stages = yaml.safe_load((TOP / "dvc.yaml").read_text())["stages"]
    bodies = [stage.get("do", stage) for stage in stages.values()]
    made = {
        next(iter(out)) if isinstance(out, dict) else out
        for body in bodies
        for kind in ("outs", "metrics", "plots")
        for out in body.get(kind, [])
    }
    deps = {dep for body in bodies for dep in body["deps"] if not dep.startswith(("data/", "${"))}
    deps -= {"models/${train.init}"}
    assert {
        dep for dep in deps - made if not any(Path(dep).is_relative_to(c) for c in CODE)
    } == set()
    starts = {f"models/{path.name}" for path in (TOP / "models").iterdir() if path.is_dir()}
    assert starts - made <= {*CODE}


def code_in(work: Path) -> set[str]:
    """Files of a worktree but git's own."""
    return files_in(work) - {".git"}


def test_the_code_is_that_of_the_checkout(tmp_path: Path) -> None:
    work = tmp_path / "top/.scratch/work"
    top = tree(tmp_path / "top", "deepfake/a.py", "deepfake/b.py", "stages/c.py", "tests/d.py")
    tree(top, "dvc.yaml", "data/e", "params.yaml", files={".gitignore": "*.log\n.scratch\n"})
    with pytest.raises(ExperimentError, match=r"git ls-tree .*failed in"):
        make_worktree(top, work)
    git(top, "init", "--quiet")
    with pytest.raises(ExperimentError, match=r"git ls-tree .*failed in"):
        make_worktree(top, work)
    git(top, "add", "deepfake/a.py", "stages")
    commit(top, "deepfake/a.py", "stages")
    tree(top, "deepfake/noise.log")
    make_worktree(top, work)
    code = {"deepfake/a.py", "deepfake/b.py", "stages/c.py", "dvc.yaml", ".gitignore"}
    assert code_in(work) == code, "edits, new files, and nothing that is not code"

    tree(work, "data/frames/x.tar", "dvc.lock", "models/model.json")
    kept = {"data/frames/x.tar", "dvc.lock", "models/model.json"}
    unchanged = (work / "stages/c.py").stat().st_mtime_ns
    (top / "deepfake/a.py").unlink()
    (top / "deepfake/b.py").write_text("edited")
    (work / "deepfake/b.py").write_text("edited in the wrong place")
    make_worktree(top, work)
    assert code_in(work) == kept | code - {"deepfake/a.py"}
    assert (work / "deepfake/b.py").read_text() == "edited"
    assert (work / "stages/c.py").stat().st_mtime_ns == unchanged
    status = subprocess.run(["git", "status", "--short"], cwd=top, capture_output=True, text=True)
    assert "scratch" not in status.stdout


def test_a_deleted_folder_is_made_again_and_a_foreign_one_refused(tmp_path: Path) -> None:
    top = tree(tmp_path / "top", "deepfake/a.py")
    git(top, "init", "--quiet")
    commit(top)
    make_worktree(top, tmp_path / "work")
    for path in sorted((tmp_path / "work").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (tmp_path / "work").rmdir()
    make_worktree(top, tmp_path / "work")
    assert code_in(tmp_path / "work") == {"deepfake/a.py"}
    with pytest.raises(ExperimentError, match="other is not a git worktree: move or delete it"):
        make_worktree(top, tree(tmp_path / "other", "x"))
    assert files_in(tmp_path / "other") == {"x"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "stays"),
    [("schema: '2.0'\nstages: {}\n", True), ("", False), ("schema: '2", False), ("sch", False)],
)
def test_what_a_killed_dvc_leaves_is_deleted(tmp_path: Path, content: str, stays: bool) -> None:
    top = tree(tmp_path / "top", "x")
    git(top, "init", "--quiet")
    with pytest.raises(ExperimentError, match="dvc cache dir` failed in"):
        set_up_dvc(top, tmp_path / "one")
    dvc(top, "init", "--quiet")
    folder = tree(tmp_path / "one", files={"dvc.lock": content, ".dvc/tmp/rwlock": content})
    set_up_dvc(top, folder)
    set_up_dvc(top, folder)
    assert (folder / "dvc.lock").is_file() == stays
    assert not (folder / ".dvc/tmp/rwlock").exists()
    assert (folder / ".scratch/videos").resolve() == tmp_path / "videos"
    assert str(top / ".dvc/cache") in (folder / ".dvc/config.local").read_text()
