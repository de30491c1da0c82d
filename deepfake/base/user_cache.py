"""The folder of what can be made again, outside of every repository."""

import os
from pathlib import Path


def user_cache() -> Path:
    """The folder `deepfake` in $XDG_CACHE_HOME, or in ~/.cache; it may not exist yet."""
    given = os.environ.get("XDG_CACHE_HOME")
    return Path(given or Path.home() / ".cache") / "deepfake"
