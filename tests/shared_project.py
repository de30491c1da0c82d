"""A small repository to share, whose stages have the names and kinds of outputs of the real ones."""

import shutil
import sys
from pathlib import Path

import yaml
from commands import run
from storage_servers import Server, write_config
from trees import commit, git, tree

FRAMES, FRAME_BYTES, MODEL_BYTES = 12, 100_000, 300_000
SCRIPT = '''\
"""`python make.py STAGE` writes the outputs of a stage."""
import random, sys
from pathlib import Path

def write(path, data):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)

stage = sys.argv[1]
if stage == "frames":
    for number in range(FRAMES):
        write(f"data/frames/{number}.tar", random.Random(number).randbytes(FRAME_BYTES))
elif stage == "train":
    write("models/model.safetensors", random.Random(stage).randbytes(MODEL_BYTES))
elif stage == "evaluate":
    for split in ("val", "test"):
        write(f"data/predictions/{split}.csv", split.encode())
    write("metrics/evaluate.json", b'{"roc_auc": 0.9}')
else:
    write(f"data/{stage}.csv", stage.encode())
'''
STAGES = {
    "frames": {"deps": ["make.py"], "outs": ["data/frames"]},
    "crops": {"deps": ["data/frames"], "outs": ["data/crops.csv"]},
    "train": {"deps": ["data/crops.csv"], "outs": ["models/model.safetensors"]},
    "evaluate": {
        "deps": ["models/model.safetensors"],
        "outs": ["data/predictions"],
        "metrics": [{"metrics/evaluate.json": {"cache": False}}],
    },
    "export": {"deps": ["models/model.safetensors"], "outs": ["data/export.csv"]},
    "plots": {"deps": ["data/predictions"], "outs": ["data/plots.csv"]},
}


def make_project(folder: Path, makefile: Path) -> Path:
    """Write and run the pipeline; commit it, after a commit with a lower metric.

    Args:
        folder: created.
        makefile: the repository's, whose `make pull` finds this Python in .venv.
    """
    stages = {
        name: {**stage, "cmd": f"{sys.executable} make.py {name}"} for name, stage in STAGES.items()
    }
    script = SCRIPT.replace("FRAMES", str(FRAMES)).replace("FRAME_BYTES", str(FRAME_BYTES))
    files = {
        "dvc.yaml": yaml.safe_dump({"stages": stages}),
        "make.py": script.replace("MODEL_BYTES", str(MODEL_BYTES)),
        "metrics/evaluate.json": '{"roc_auc": 0.8}',
        "Makefile": makefile.read_text(),
        ".gitignore": "/.venv/\n/colleague/\n",
    }
    tree(folder, "requirements.lock", "pyproject.toml", files=files)
    programs = tree(folder / ".venv", ".ready") / "bin"
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (programs / "python").chmod(0o755)
    git(folder, "init", "--quiet", "--initial-branch=main")
    run(folder, "dvc init --quiet")
    commit(folder)
    run(folder, "dvc repro --quiet")
    commit(folder)
    return folder


def copy_project(project: Path, folder: Path) -> Path:
    """A copy with its cache, and without what DVC remembers of the place that it was in."""
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("tmp"), symlinks=True)
    return folder


def clone(project: Path, folder: Path, server: Server | None = None) -> Path:
    """Clone with git; with the credentials of a server, if one is given."""
    git(project.parent, "clone", "--quiet", str(project), str(folder))
    if server is not None:
        write_config(folder / ".dvc" / "config.local", server.credentials())
    return folder


def add_remote(folder: Path, storage: Server | Path) -> None:
    """Make a server, with its credentials, or a folder the default remote, and commit that."""
    is_server = isinstance(storage, Server)
    settings = storage.settings if is_server else {"url": str(storage), "verify": "true"}
    write_config(folder / ".dvc" / "config", settings, "[core]\n    remote = storage")
    if is_server:
        write_config(folder / ".dvc" / "config.local", storage.credentials())
    commit(folder)
