"""Folders with small files, for tests of what reads folders."""

from collections.abc import Mapping
from pathlib import Path

NO_WEIGHTS = {  # what the pipeline wants beside the code, for runs that begin at random weights
    "models/random/README.md": "no weights needed here\n",
}


def tree(root: Path, *names: str, files: Mapping[str, str] | None = None) -> Path:
    """Make files below `root` (a name that ends in / is a folder), and give `root` back.

    Args:
        root: made if it is not there.
        names: paths below root; each file holds its own path, so no two files are equal.
        files: paths below root, and what to write into them.
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
