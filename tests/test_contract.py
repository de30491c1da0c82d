"""dvc.yaml says the truth about every stage: what it reads, and what it writes."""

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml
from imports import imported_files

TOP = Path(__file__).parents[1]
PIPELINE: dict[str, Any] = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))
STAGES: dict[str, dict[str, Any]] = {  # of a stage for each data set, what is done for one
    name: stage.get("do", stage) for name, stage in PIPELINE["stages"].items()
}
UNTRACKED_PARAMS = {"execution"}  # changes the speed only


def params_read(path: Path) -> set[str]:
    """Sections of params.yaml that a stage hands on: every `params.<section>` in its script."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "params"
    }


def outs_of(stage: dict[str, Any]) -> set[str]:
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries}


def test_every_script_is_a_stage_and_every_stage_a_script() -> None:
    scripts = {path.stem for path in (TOP / "stages").glob("*.py")} - {"__init__"}
    assert scripts == set(STAGES)


@pytest.mark.parametrize("name", STAGES)
def test_deps_name_every_project_module(name: str) -> None:
    deps = {dep for dep in STAGES[name]["deps"] if dep.endswith(".py")}
    assert deps == imported_files(TOP / "stages" / f"{name}.py", TOP)


@pytest.mark.parametrize("name", STAGES)
def test_params_cover_what_is_read(name: str) -> None:
    read = params_read(TOP / "stages" / f"{name}.py")
    whole = {"model_dump", "params"}
    assert not read & whole, "a stage must hand on sections, not the whole"
    handed_on = read - UNTRACKED_PARAMS
    if name == "train":  # make_card writes these into the model's card
        handed_on |= {"dataset", "split", "frames", "crops"}
    assert handed_on == set(STAGES[name].get("params", []))


def test_make_card_reads_no_more_than_train_tracks() -> None:
    assert params_read(TOP / "deepfake/model.py") <= set(STAGES["train"]["params"])


@pytest.mark.parametrize("name", STAGES)
def test_paths_in_the_script_are_declared(name: str) -> None:
    """Every data, model, metric or plot path that a script names is a dep or an out."""
    stage = STAGES[name]
    declared = {dep for dep in stage["deps"] if not dep.endswith(".py")} | outs_of(stage)
    tree = ast.parse((TOP / "stages" / f"{name}.py").read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree, clean=False)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            path = node.value
            if path == docstring or not path.startswith(("data/", "models", "metrics/", "plots/")):
                continue
            assert any(
                path.rstrip("/") == known or known.startswith(path) or path.startswith(f"{known}/")
                for known in declared
            ), f"stages/{name}.py names {path}, which dvc.yaml does not"


def test_only_measuring_reads_the_test_split() -> None:
    """`shortcuts` scores classifiers on it that see no face; nothing is chosen by them."""
    readers = {
        name
        for name, stage in STAGES.items()
        if {"data/splits", "data/splits/test.csv"} & set(stage["deps"])
    }
    assert readers == {"evaluate", "shortcuts"}
    models = {"models/model.safetensors", "models/model.json"}
    assert not models & {*STAGES["shortcuts"]["deps"], *outs_of(STAGES["shortcuts"])}


def test_metrics_and_small_plots_are_committed_and_faces_are_not() -> None:
    for stage in STAGES.values():
        for entry in [*stage.get("metrics", []), *stage.get("plots", [])]:
            path, options = next(iter(entry.items())) if isinstance(entry, dict) else (entry, {})
            in_git = options.get("cache") is False
            assert in_git == (not path.startswith("plots/faces/")), path


def test_plain_outs_are_cached() -> None:
    """An out that is not cached would switch the run cache off for its stage."""
    for stage in STAGES.values():
        assert all(isinstance(entry, str) for entry in stage.get("outs", []))
