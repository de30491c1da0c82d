"""A small repository with a main branch and pull requests (better, worse and data) to review."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from dvc.repo import Repo
from trees import commit, dvc, git, tree

from deepfake.core import archive
from deepfake.core.image import encode_jpeg

SCRIPT = Path(__file__).with_name("fake_stages.py")
PARAMS: dict[str, Any] = {
    "data": {
        "people": 96,
        "videos": 4,
        "relabelled": [],
        "removed": [],
        "faceless": [],
        "leaks": 0,
    },
    "train": {"noise": 1.0},
}
# Params that each pull request changes.
BRANCHES: dict[str, dict[str, dict[str, Any]]] = {
    "better": {"train": {"noise": 0.4}},
    "worse": {"train": {"noise": 2.0}},
    "data": {
        "data": {
            "people": 102,
            "relabelled": ["faces/real/p01_0"],
            "removed": ["faces/swap/p03_1"],
            "faceless": ["faces/swap/p05_1"],
            "leaks": 2,
        }
    },
}


def not_cached(*paths: str) -> list[dict[str, dict[str, bool]]]:
    return [{path: {"cache": False}} for path in paths]


def pipeline() -> dict[str, Any]:
    """dvc.yaml, with the outputs of the real one under fewer stages."""
    stages: dict[str, dict[str, Any]] = {
        "manifest": {
            "params": ["data"],
            "outs": ["data/manifest.csv", "data/splits"],
            "metrics": not_cached("metrics/split.json"),
        },
        "crops": {"deps": ["data/manifest.csv", "face.tar"], "outs": ["data/crops"]},
        "train": {
            "deps": ["data/splits"],
            "params": ["train"],
            "outs": ["models/model.json"],
            "plots": not_cached("plots/train/history.tsv"),
        },
        "evaluate": {
            "deps": ["models/model.json", "data/splits"],
            "outs": ["data/predictions"],
            "metrics": not_cached(
                *(f"metrics/{name}.json" for name in ("evaluate", "robustness", "shortcuts"))
            ),
            "plots": not_cached(
                *(f"plots/scores/{name}.tsv" for name in ("val", "test")),
                *(f"plots/evaluate/{name}.tsv" for name in ("roc", "pr", "reliability")),
                "plots/robustness.tsv",
            ),
        },
    }
    for name, stage in stages.items():
        stage["cmd"] = f"{sys.executable} stages/make.py {name}"
        stage["deps"] = [*stage.get("deps", []), "stages/make.py"]
    return {"stages": stages}


def write_params(folder: Path, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Write params.yaml with some values changed."""
    params = {section: {**PARAMS[section], **changes.get(section, {})} for section in PARAMS}
    (folder / "params.yaml").write_text(json.dumps(params, indent=1) + "\n")


def run_pipeline(folder: Path) -> None:
    """`dvc repro`, in this process."""
    with pytest.MonkeyPatch().context() as patch:
        patch.chdir(folder)
        with Repo() as repo:
            repo.reproduce()


def play_pull_requests(top: Path) -> Path:
    """Make `top`/project, on main, with all outputs in its cache and in the remote `top`/remote."""
    face = np.full((32, 32, 3), (200, 160, 130), np.uint8)
    crops = {f"0-{frame:06}.jpg": encode_jpeg(face, 90, "yuv420") for frame in (1, 2, 3)}
    folder = tree(
        top / "project",
        files={
            "dvc.yaml": yaml.safe_dump(pipeline()),
            "stages/make.py": SCRIPT.read_text(),
            ".gitignore": "/.scratch/\n",
        },
    )
    (folder / "face.tar").write_bytes(archive.pack({"status": "ok"}, crops))
    write_params(folder, {})
    git(folder, "init", "--quiet", "--initial-branch=main")
    Repo.init(str(folder)).close()
    dvc(folder, "remote", "add", "--default", "storage", str(top / "remote"))
    run_pipeline(folder)
    commit(folder)
    for name, changes in BRANCHES.items():
        git(folder, "checkout", "--quiet", "-b", name, "main")
        write_params(folder, changes)
        run_pipeline(folder)
        commit(folder)
    git(folder, "checkout", "--quiet", "main")
    run_pipeline(folder)
    with Repo(str(folder)) as repo:
        repo.push(all_branches=True)
    return folder
