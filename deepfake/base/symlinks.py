"""Symbolic links to folders, created and replaced without touching the folders they point to."""

import shutil
from pathlib import Path


def link(path: Path, target: Path) -> None:
    """Make `path` a symbolic link to the folder `target`, replacing a link or folder at `path`."""
    if path.is_symlink() and path.readlink() == target:
        return
    remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target, target_is_directory=True)


def remove(path: Path) -> None:
    """Delete a symbolic link or a folder if it exists, but never what a link points to."""
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
