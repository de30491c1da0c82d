"""What `dvc metrics` and `dvc plots` show of the repository, in a clone without the DVC cache."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from trees import IDENTITY

TOP = Path(__file__).parents[1]
PIPELINE: dict[str, Any] = yaml.safe_load((TOP / "dvc.yaml").read_text(encoding="utf-8"))
PLOTS = [
    (path, options)
    for stage in PIPELINE["stages"].values()
    for entry in stage.get("plots", [])
    for path, options in entry.items()
]
TABLES = [(path, options) for path, options in PLOTS if path.endswith(".tsv")]
TABLES += [
    (path, {**options, "y": columns})
    for entry in PIPELINE["plots"]
    for options in entry.values()
    for path, columns in options["y"].items()
]
METRICS = [
    path
    for stage in PIPELINE["stages"].values()
    for entry in stage.get("metrics", [])
    for path in entry
]
MOST_NUMBERS = 25  # that a person compares
TERMINAL = 120  # columns
OF_DVC = {"simple"}  # templates that come with DVC


def numbers(value: Any) -> int:
    """How many numbers a nested dict has."""
    return sum(map(numbers, value.values())) if isinstance(value, dict) else 1


def parts_of(template: Any) -> Iterator[dict[str, Any]]:
    """The mappings in a template, at any depth."""
    if isinstance(template, dict):
        yield template
    inner = template.values() if isinstance(template, dict) else template
    for value in inner if isinstance(template, (dict, list)) else []:
        yield from parts_of(value)


def columns_of(template: dict[str, Any]) -> set[str]:
    """The columns of a table that a template needs, beside the axes."""
    made = {"rev", "chance", "x", "y"}  # by DVC, and of the values in a template
    used = {*re.findall(r"datum\.(\w+)", json.dumps(template))}
    for part in parts_of(template):
        field, name = part.get("field"), part.get("as")
        used |= {field} if isinstance(field, str) and "<" not in field else set()
        if isinstance(name, str) and name not in part.get("calculate", ""):  # else it is converted
            made.add(name)
    return used - made


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what git has of the pipeline, and no cache."""
    folder = tmp_path_factory.mktemp("clone")
    call(folder, "git", "init", "--quiet")
    call(folder, "dvc", "init", "--quiet")
    for name in ("metrics", "plots", ".dvc/plots"):
        shutil.copytree(TOP / name, folder / name, ignore=shutil.ignore_patterns("faces"))
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", "data/demo/dvc.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / name, folder / name)
    call(folder, "git", "add", "--all")
    call(folder, "git", *IDENTITY, "commit", "--quiet", "--message", "results")
    return folder


def call(folder: Path, *command: str) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "COLUMNS": str(TERMINAL)}
    result = subprocess.run(
        command, cwd=folder, env=environment, text=True, stdout=-1, stderr=subprocess.STDOUT
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_a_person_can_read_all_metrics() -> None:
    found = {path: json.loads((TOP / path).read_text(encoding="utf-8")) for path in METRICS}
    assert numbers(found) <= MOST_NUMBERS
    assert {f"metrics/{path.name}" for path in (TOP / "metrics").iterdir()} == set(METRICS)


@pytest.mark.slow
def test_a_difference_of_metrics_fits_a_terminal(clone: Path) -> None:
    lines = call(clone, "dvc", "metrics", "diff", "--all", "HEAD").splitlines()
    assert len(lines) == 1 + sum(numbers(json.loads((TOP / path).read_text())) for path in METRICS)
    assert max(map(len, lines)) <= TERMINAL


@pytest.mark.slow
@pytest.mark.parametrize("command", [("show",), ("diff", "HEAD")])
def test_plots_have_no_warning_without_the_cache(clone: Path, command: tuple[str, ...]) -> None:
    output = call(clone, "dvc", "plots", *command, "--out", "page")
    assert output.splitlines()[-1].startswith("file://")
    assert len(output.splitlines()) == 1, output
    page = (clone / "page/index.html").read_text(encoding="utf-8")
    titles = [options["title"] for _, options in TABLES if "title" in options]
    assert not [title for title in titles if json.dumps(title) not in page]


@pytest.mark.parametrize(("path", "options"), TABLES, ids=[path for path, _ in TABLES])
def test_a_table_has_the_columns_that_its_plot_needs(path: str, options: dict[str, Any]) -> None:
    """Otherwise DVC draws a value over a row number, or an empty picture."""
    needed = {options["x"], *([options["y"]] if isinstance(options["y"], str) else options["y"])}
    name = options["template"]
    if name not in OF_DVC:
        template = TOP / f".dvc/plots/{name}.json"
        needed |= columns_of(json.loads(template.read_text(encoding="utf-8")))
    header = (TOP / path).read_text(encoding="utf-8").splitlines()[0].split("\t")
    assert needed <= {*header}


def test_every_template_is_used() -> None:
    used = {options["template"] for _, options in TABLES} - OF_DVC
    assert {path.stem for path in (TOP / ".dvc/plots").iterdir()} == used
