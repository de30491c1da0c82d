"""Folders with small files, and git and DVC in them, for tests of code that reads folders."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

NO_WEIGHTS = {  # the dep models/${train.init} of the pipeline, for runs with random weights
    "models/random/README.md": "no weights needed here\n",
}
IDENTITY = ["-c", "user.name=test", "-c", "user.email=test@example.org"]  # of commits


def tree(root: Path, *names: str, files: Mapping[str, str] | None = None) -> Path:
    """Create files below `root`, and folders for names that end in /; return `root`.

    Args:
        root: created if it is missing.
        names: paths below root; each file contains its own path, so no two files are equal.
        files: paths below root and the content of the files.
    """
    for name, text in {**{name: name for name in names}, **(files or {})}.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return root


def files_in(folder: Path) -> set[str]:
    """Paths of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def git(folder: Path, *command: str) -> None:
    """Run git in a folder, with the name of a test user."""
    subprocess.run(["git", *IDENTITY, *command], cwd=folder, check=True, capture_output=True)


def dvc(folder: Path, *command: str) -> None:
    """Run DVC in a folder."""
    program = [sys.executable, "-m", "dvc"]
    subprocess.run([*program, *command], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, *paths: str) -> None:
    """Commit some paths, or everything."""
    git(folder, "add", "--all", *paths)
    git(folder, "commit", "--quiet", "--message", "test")
