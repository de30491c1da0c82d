"""A small repository to share, whose stages have the names and kinds of outputs of the real ones."""

import shutil
import sys
from pathlib import Path

import yaml
from commands import run
from storage_servers import PASSWORD, USER, Server
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
        set_credentials(folder, server, PASSWORD)
    return folder


def add_remote(folder: Path, address: str, server: Server | None = None) -> None:
    """Make an address the default remote, with `verify`, and commit that."""
    lines = ["[core]", "    analytics = false", "    remote = storage"]
    lines += ["['remote \"storage\"']", f"    url = {address}", "    verify = true"]
    if server is not None and server.kind == "s3":
        lines.append(f"    endpointurl = {server.endpoint}")
    (folder / ".dvc" / "config").write_text("\n".join(lines) + "\n")
    if server is not None:
        set_credentials(folder, server, PASSWORD)
    commit(folder)


def set_credentials(folder: Path, server: Server, password: str) -> None:
    """Set them in .dvc/config.local, as far as the kind of server has any."""
    names = {"s3": ("access_key_id", "secret_access_key"), "http": ()}
    settings = zip(names.get(server.kind, ("user", "password")), (USER, password), strict=False)
    lines = ["['remote \"storage\"']", *(f"    {name} = {value}" for name, value in settings)]
    (folder / ".dvc" / "config.local").write_text("\n".join(lines) + "\n")


def objects_in(folder: Path) -> list[Path]:
    """Files of a cache or remote, the largest first, without temporary ones."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".tmp"]
    return sorted(found, key=lambda path: (-path.stat().st_size, path))


def damage(path: Path, size: int | None = None) -> str:
    """Change a byte of an object, or cut it to a size; return its name."""
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.unlink()  # what is linked to it stays
    path.write_bytes(content if size is None else content[:size])
    return path.parent.name + path.name
