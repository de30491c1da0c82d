"""One script per stage of dvc.yaml: read params, call the library, write the declared outs.

DVC runs a stage with the first `python` on the PATH, which is another one than its own where no
environment is activated, as with `.venv/bin/dvc repro`. Such a stage continues in `.venv`. This file
needs nothing but Python 3.8.
"""

import importlib.util
import os
import sys
from pathlib import Path

import deepfake  # noqa: F401  which says so if it does not run on this system

PACKAGES = ("av", "pandera", "torch")  # a Python with these has the others too
REMEDY = "run `make repro`, or activate the environment first: `. .venv/bin/activate`"


def use_project_environment() -> None:
    """Start the same command with `.venv/bin/python` if this Python lacks the packages."""
    if all(importlib.util.find_spec(package) for package in PACKAGES):
        return
    # Also above, because `dvc exp run --temp` copies the project to a folder below it.
    folders = (folder / ".venv" for folder in Path(__file__).resolve().parents)
    environment = next((folder for folder in folders if (folder / "bin/python").exists()), None)
    command = getattr(sys, "orig_argv", None)  # since Python 3.10
    if (
        environment is None
        or environment.resolve() == Path(sys.prefix).resolve()
        or command is None
    ):
        sys.exit(f"error: {sys.executable} lacks the packages of this project: {REMEDY}")
    python = str(environment / "bin/python")
    print(f"note: {sys.executable} lacks the packages, continuing with {python}", file=sys.stderr)
    os.execv(python, [python, *command[1:]])


use_project_environment()

from deepfake.base.numerics import fix_numerics  # noqa: E402  whose packages are there only now

fix_numerics(Path(__file__).parents[1] / "params.yaml")
