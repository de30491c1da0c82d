"""dvc.yaml declares what every stage reads and writes."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepfake.base.code import EXEMPT, imported_files

TOP = Path(__file__).parents[1]
PIPELINE: dict[str, Any] = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))
STAGES: dict[str, dict[str, Any]] = {  # for a foreach stage, what is done for one data set
    name: stage.get("do", stage) for name, stage in PIPELINE["stages"].items()
}
UNTRACKED_PARAMS = {"execution", "gate"}  # affect no result
# They copy, count and draw lots: no result depends on the instructions of the processor.
WITHOUT_NUMERICS = {"scan", "manifest", "split", "card", "package"}
IN_THE_CARD = {"split", "frames", "crops", "train", "score"}  # sections that make_card writes
# An edit of these packages must never rerun training.
NOT_OF_TRAINING = {
    *("jobs", "datasets", "video", "faces", "splits", "evaluation", "plots"),
    *("review", "sharing", "predict", "serving", "experiments", "cli"),
}


def code_deps(name: str) -> set[str]:
    """Folders and scripts that a stage declares."""
    return {dep for dep in STAGES[name]["deps"] if dep.startswith(("deepfake/", "stages/"))}


def code_needed(name: str) -> set[str]:
    """Folders and scripts that a stage imports, directly or through others."""
    files = imported_files(TOP / "stages" / f"{name}.py", TOP)
    return {file if file.startswith("stages/") else file.rsplit("/", 1)[0] for file in files}


def params_read(path: Path) -> set[str]:
    """Params that a file reads: every `params.section` or `params.section.key` in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = {".".join(text.split(".")[1:3]) for text in texts if text.startswith("params.")}
    return {key for key in found if not any(other.startswith(f"{key}.") for other in found)}


def outs_of(stage: dict[str, Any]) -> set[str]:
    """Paths of the outs, metrics and plots that a stage declares."""
    entries = [entry for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])]
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries}


def test_every_script_is_a_stage_and_every_stage_has_a_script() -> None:
    scripts = {path.stem for path in (TOP / "stages").glob("*.py")} - {"__init__"}
    assert scripts == set(STAGES)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_imports_from_the_folders_that_it_declares(name: str) -> None:
    print(f"not tracked as code: {', '.join(f'deepfake/{folder}' for folder in EXEMPT)}")
    declared, needed = code_deps(name), code_needed(name)
    missing = {
        n for n in needed if not any(n == dep or n.startswith(f"{dep}/") for dep in declared)
    }
    assert not missing, f"add these deps to the stage {name} in dvc.yaml: {sorted(missing)}"
    unused = {dep for dep in declared if not any(n.startswith(dep) for n in needed)}
    assert not unused, f"remove these deps from the stage {name} in dvc.yaml: {sorted(unused)}"
    assert 2 <= len(declared) - 1 <= 6


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_declares_the_params_that_it_reads(name: str) -> None:
    read = params_read(TOP / "stages" / f"{name}.py")
    assert not {key for key in read if key.startswith("model_dump")}, "pass whole sections instead"
    read = {key for key in read if key.split(".")[0] not in UNTRACKED_PARAMS}
    declared = {re.sub(r"\.\$\{key\}$", "", key) for key in STAGES[name].get("params", [])}
    if name == "train":
        read |= IN_THE_CARD
    if name not in WITHOUT_NUMERICS:
        read.add("numerics")  # by stages/__init__.py
    covered = {key for key in read if key in declared or key.split(".")[0] in declared}
    assert read - covered == set()
    unused = {key for key in declared if not any(f"{k}.".startswith(f"{key}.") for k in read)}
    assert unused == set()


def test_the_card_has_the_sections_that_train_tracks() -> None:
    read = {key.split(".")[0] for key in params_read(TOP / "deepfake/model/card.py")}
    assert read == IN_THE_CARD == {*STAGES["train"]["params"]} - {"numerics"}


def test_an_edit_of_other_packages_never_reruns_training() -> None:
    deps = STAGES["train"]["deps"]
    folders = {
        path.name for path in (TOP / "deepfake").iterdir() if (path / "__init__.py").is_file()
    }
    tracked = {dep.split("/")[1] for dep in code_deps("train") if dep.startswith("deepfake/")}
    assert tracked == folders - NOT_OF_TRAINING - {*EXEMPT}
    assert not {dep for dep in deps if dep.startswith(("docs", "experiments", "tests"))}
    assert {dep for dep in deps if dep.startswith("models")} == {"models/${train.init}"}


@pytest.mark.parametrize("name", STAGES)
def test_paths_in_the_script_are_declared(name: str) -> None:
    """Every path in a script to data, models, metrics or plots is a dep or an out."""
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
            ), f"stages/{name}.py names {path}, which dvc.yaml does not declare"


def test_only_evaluation_reads_the_test_split() -> None:
    """`shortcuts` measures classifiers that see no face on it; nothing is chosen by them."""
    readers = {
        name
        for name, stage in STAGES.items()
        if {"data/splits", "data/splits/test.csv"} & set(stage["deps"])
    }
    assert readers == {"evaluate", "shortcuts"}
    models = {"models/model.safetensors", "models/model.json"}
    assert not models & {*STAGES["shortcuts"]["deps"], *outs_of(STAGES["shortcuts"])}


def test_git_has_metrics_and_plots_and_no_faces() -> None:
    """Faces stay in the DVC cache. They are no plots, which a clone without it could not show."""
    for stage in STAGES.values():
        for entry in [*stage.get("metrics", []), *stage.get("plots", [])]:
            path, options = next(iter(entry.items()))
            assert options["cache"] is False, path
            assert not path.startswith("plots/faces/"), path
    assert {"plots/faces/crops.png", "plots/faces/mistakes.png"} <= outs_of(STAGES["plots"])


def test_plain_outs_are_cached() -> None:
    """An out that is not cached would disable the run cache of its stage, of which card has no need."""
    for name, stage in STAGES.items():
        assert name == "card" or all(isinstance(entry, str) for entry in stage.get("outs", []))


def test_no_stage_tracks_what_affects_no_result() -> None:
    tracked = {key.split(".")[0] for stage in STAGES.values() for key in stage.get("params", [])}
    assert tracked & UNTRACKED_PARAMS == set()


def test_every_stage_has_a_description() -> None:
    assert all(stage.get("desc") for stage in STAGES.values())
