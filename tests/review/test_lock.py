"""Which stages differ from dvc.lock, in the work tree and at a revision."""

import shutil
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from trees import commit, git, tree

from deepfake.review.lock import changed_stages

STAGES = {
    "copy": {"cmd": "cat in > middle", "deps": ["in"], "outs": ["middle"]},
    "count": {
        "cmd": "wc -c < middle > size",
        "deps": ["middle"],
        "params": ["unit"],
        "outs": ["size"],
    },
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two stages, the second one after the first, that have run."""
    folder = tree(
        tmp_path / "project",
        "in",
        files={"dvc.yaml": yaml.safe_dump({"stages": STAGES}), "params.yaml": "unit: byte"},
    )
    git(folder, "init", "--quiet")
    with Repo.init(str(folder)) as repo:
        monkeypatch.chdir(folder)
        repo.reproduce()
    commit(folder)
    return folder


def changed(rev: str | None = None) -> list[str]:
    with Repo(".", rev=rev) as repo:
        return changed_stages(repo)


def test_nothing_has_changed(here: Path) -> None:
    assert changed() == changed("HEAD") == []
    shutil.rmtree(here / ".dvc/cache")
    for name in ("middle", "size"):
        (here / name).unlink()
    assert changed() == changed("HEAD") == [], "as in a fresh clone"


def test_a_changed_dep_command_or_output(here: Path) -> None:
    (here / "in").write_text("new")
    assert changed() == ["copy"]
    assert changed("HEAD") == []
    commit(here)
    assert changed("HEAD") == ["copy"]
    assert changed("HEAD~1") == []
    (here / "size").write_text("0")
    assert changed() == ["copy", "count"]
    assert changed("HEAD") == ["copy"], "outputs that DVC has are not in git"


def test_a_changed_param(here: Path) -> None:
    (here / "params.yaml").write_text("unit: bit")
    assert changed() == ["count"]
    assert changed("HEAD") == []


def test_a_stage_that_has_never_run(here: Path) -> None:
    (here / "dvc.lock").unlink()
    assert changed() == ["copy", "count"]


def test_a_lock_file_whose_stages_disagree(here: Path) -> None:
    lock = yaml.safe_load((here / "dvc.lock").read_text())
    lock["stages"]["count"]["deps"][0]["md5"] = "0" * 32
    (here / "dvc.lock").write_text(yaml.safe_dump(lock))
    (here / "middle").unlink()
    assert changed() == ["count"]
