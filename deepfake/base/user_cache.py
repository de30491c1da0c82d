"""The folder of what can be made again, outside of every repository."""

import os
from pathlib import Path

ELSEWHERE = "set XDG_CACHE_HOME to a folder that you may write"  # if it is not writable


def user_cache() -> Path:
    """The folder `deepfake` in $XDG_CACHE_HOME, or in ~/.cache; it may not exist yet."""
    given = os.environ.get("XDG_CACHE_HOME")
    return Path(given or Path.home() / ".cache") / "deepfake"
