"""The folder of a run: a git worktree with the code of the checkout, and DVC with a shared cache."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import yaml

from deepfake.base.symlinks import link
from deepfake.core.files import write_bytes
from deepfake.params.overlay import ExperimentError

VIDEOS = "videos"  # next to the folders of the runs: their common scratch cache
CODE = (  # what a run needs of the checkout
    *(
        "deepfake",
        "stages",
        "dvc.yaml",
        ".dvcignore",
        ".dvc/config",
        ".dvc/.gitignore",
        ".gitignore",
        "docs/model-card-notes.md",
    ),
    *("models/face_detector", "models/pretrained", "models/starter"),
    *("models/random", "models/imagenet"),
)


def make_worktree(repository: Path, folder: Path) -> None:
    """Make `folder` a worktree of the checkout, with its code as it is now.

    Edits and new files of the checkout are included. In a folder of an earlier run, only what
    differs is written, and files of the code that the checkout no longer has are deleted.

    Args:
        repository: the top of the checkout, with at least one commit.
        folder: of the run.

    Raises:
        ExperimentError: git cannot do it, or `folder` is something else.
    """
    tree = snapshot(repository)
    if not folder.exists():
        _git(repository, "worktree", "prune")
        _git(repository, "worktree", "add", "--detach", "--no-checkout", str(folder), "HEAD")
    elif not (folder / ".git").is_file():
        raise ExperimentError(f"{folder} is not a git worktree: move or delete it, then try again")
    known = {*_names(tree, repository), *_git(folder, "ls-files").splitlines()}
    _git(folder, "restore", "--staged", "--worktree", f"--source={tree}", "--", *_existing(known))


def snapshot(repository: Path) -> str:
    """A git tree with the code as it is in the work tree, committed or not."""
    known = {*_names("HEAD", repository), *(path for path in CODE if (repository / path).exists())}
    with tempfile.TemporaryDirectory(prefix="deepfake-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        _git(repository, "read-tree", "HEAD", environment=index)
        _git(repository, "add", "--all", "--", *_existing(known), environment=index)
        return _git(repository, "write-tree", environment=index).strip()


def _names(tree: str, repository: Path) -> list[str]:
    """Paths of all files in a git tree."""
    return _git(repository, "ls-tree", "-r", "--name-only", tree).splitlines()


def _existing(names: Collection[str]) -> list[str]:
    """The paths of `CODE` that are or hold one of the names; git refuses others."""
    return [path for path in CODE if any(f"{name}/".startswith(f"{path}/") for name in names)]


def set_up_dvc(repository: Path, folder: Path) -> None:
    """Let DVC use the cache of the checkout, and the stages the scratch cache of all runs.

    What a killed DVC leaves behind is deleted: its list of readers and writers, since none is left,
    and a lock file that was cut short, since the run cache has the results of all finished stages.

    Raises:
        ExperimentError: the checkout is not a DVC repository.
    """
    cache = _run(repository, [sys.executable, "-m", "dvc", "cache", "dir"]).strip()
    write_bytes(folder / ".dvc/config.local", f"[cache]\n    dir = {cache}\n".encode())
    videos = folder.parent / VIDEOS
    videos.mkdir(exist_ok=True)
    link(folder / ".scratch/videos", Path("../..") / VIDEOS)
    (folder / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    lock = folder / "dvc.lock"
    if lock.is_file() and not _is_whole(lock):
        print("dvc.lock was cut short when DVC was killed; DVC writes it again")
        lock.unlink()


def _is_whole(path: Path) -> bool:
    try:
        return isinstance(yaml.safe_load(path.read_bytes()), dict)
    except yaml.YAMLError:
        return False


def _git(folder: Path, *command: str, environment: Mapping[str, str] | None = None) -> str:
    return _run(folder, ["git", *command], environment)


def _run(folder: Path, command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Standard output of a command.

    Raises:
        ExperimentError: the command failed.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise ExperimentError(f"`{' '.join(command)}` failed in {folder}: {done.stderr.strip()}")
    return done.stdout
