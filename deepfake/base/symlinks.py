"""Links to data: made and replaced without touching what they lead to."""

import shutil
from pathlib import Path


def link(place: Path, target: Path) -> None:
    """Make `place` a link to the folder `target`, whatever link or folder is there now."""
    if place.is_symlink() and place.readlink() == target:
        return
    remove(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target, target_is_directory=True)


def remove(place: Path) -> None:
    """Delete a link or a folder, if it is there; never what links lead to."""
    if place.is_symlink():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)
