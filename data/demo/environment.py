"""Import this before any package: it continues in `.venv` where this Python lacks the packages."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

import stages  # noqa: F401
