"""Copying what a run found into the repository, without pictures of people or paths of the machine."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deepfake.core.files import write_bytes
from deepfake.params.overlay import OVERLAYS, ExperimentError

RESULTS = OVERLAYS / "results"
MODEL = ("models/model.json", "models/operating_points.json")  # all but its weights
TEXT = frozenset({".json", ".tsv", ".md", ".yaml"})
PICTURES = frozenset({".png", ".svg"})
LARGEST = 2_000_000  # bytes of a file in the repository


def publish(folder: Path, results: Path, private: Sequence[Path]) -> list[Path]:
    """Copy what the pipeline writes for git, the merged params, the model's card and what its
    operating points measured.

    Pictures of faces are not among them: the pipeline leaves those to DVC's cache.

    Args:
        folder: of the experiment, after a whole run.
        results: the folder to copy to; replaced.
        private: paths of this machine that must not be in any of the files.

    Returns:
        The files, below `results`.

    Raises:
        ExperimentError: a file is neither a small text nor a small picture, or names a private path.
    """
    stages = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    names = {*_for_git(stages), *MODEL, "params.yaml"}
    found = {Path(name): (folder / name).read_bytes() for name in sorted(names)}
    for name, data in found.items():
        _check_publishable(name, data, private)
    if results.is_symlink():
        results.unlink()
    for name, data in found.items():  # each replaces the old file, so a killed run loses none
        write_bytes(results / name, data)
    for path in sorted(results.rglob("*")):
        if not path.is_dir() and path.relative_to(results) not in found:
            path.unlink()
    return list(found)


def _for_git(stages: Mapping[str, Any]) -> Iterator[str]:
    """The metrics and plots that dvc.yaml does not leave to DVC's cache."""
    for stage in stages.values():
        for out in [*stage.get("metrics", []), *stage.get("plots", [])]:
            if isinstance(out, dict):
                yield from (path for path, options in out.items() if not options.get("cache", True))


def _check_publishable(name: Path, data: bytes, private: Sequence[Path]) -> None:
    if name.suffix not in TEXT | PICTURES or len(data) > LARGEST:
        raise ExperimentError(
            f"{name} is no small text or picture, and is not copied to {RESULTS} (scores of very many"
            " videos: --set evaluate.scores_in_git=none)"
        )
    for path in private:  # but the root, which is in every path
        whole = rb"(?<![\w.])" + re.escape(bytes(path)) + rb"(?!\w)"
        if path != Path(path.anchor) and re.search(whole, data):
            raise ExperimentError(
                f"{name} names {path}, a path of this machine: results are not copied to {RESULTS}"
            )
