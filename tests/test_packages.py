"""The packages: their order, their docstrings, and imports that must stay light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
CODE = TOP / "deepfake"
ORDER = (  # of the steps of a video; a package imports only those before it
    *("base", "params", "core", "jobs", "datasets", "video", "faces", "transforms", "splits"),
    *("model", "training", "evaluation", "plots", "review"),
    *("sharing", "predict", "serving", "experiments", "cli"),
)
HEAVY = ("av", "cv2", "dlib", "matplotlib", "pandas", "scipy", "sklearn", "torch", "torchvision")


def imported_packages(package: str) -> dict[str, str]:
    """Packages of the project that a package imports, each with a file that imports it."""
    found = {}
    for path in sorted((CODE / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("deepfake."):
                found[str(node.module).split(".")[1]] = path.relative_to(CODE).as_posix()
    return found


def test_every_package_is_in_the_order() -> None:
    folders = {path.parent.name for path in CODE.glob("*/__init__.py")}
    assert folders == {*ORDER}
    assert {path.name for path in CODE.glob("*.py")} == {"__init__.py", "__main__.py"}


@pytest.mark.parametrize("package", ORDER)
def test_a_package_imports_only_those_before_it(package: str) -> None:
    allowed = ORDER[: ORDER.index(package) + 1]
    wrong = {name: file for name, file in imported_packages(package).items() if name not in allowed}
    assert wrong == {}


@pytest.mark.parametrize("path", sorted(CODE.glob("*/**/__init__.py")), ids=lambda p: p.parent.name)
def test_the_init_file_of_a_package_has_a_docstring_and_no_code(path: Path) -> None:
    (node,) = ast.parse(path.read_text(encoding="utf-8")).body
    assert isinstance(node, ast.Expr)
    text = " ".join(str(ast.literal_eval(node.value)).split())
    if path.parent.parent == CODE:
        assert "may import" in text or "imports no other package" in text


@pytest.mark.parametrize("package", ORDER)
def test_the_docstring_of_a_package_covers_its_imports(package: str) -> None:
    text = " ".join((CODE / package / "__init__.py").read_text(encoding="utf-8").split())
    if "may import every" in text:
        left_out = text.partition("except")[2]
        assert not {name for name in imported_packages(package) if f"`{name}`" in left_out}
    else:
        allowed = text.partition("It may import")[2]
        assert {name for name in imported_packages(package) if f"`{name}`" not in allowed} <= {
            package
        }


def loaded_by(code: str) -> set[str]:
    """Heavy modules that are loaded after some code has run in a new process."""
    program = f"import sys\n{code}\nprint(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {*done.stdout.split()}


@pytest.mark.parametrize(
    "code",
    [
        "from deepfake.model.card import read_card; read_card(__import__('pathlib').Path('models/starter'))",
        "from deepfake import Result, Face",
        "import deepfake.cli.app",
        "from deepfake.params.loading import load_params; load_params()",
        "from deepfake.predict.source import is_onnx",
    ],
)
def test_light_imports_stay_light(code: str) -> None:
    assert loaded_by(code) == set()


def uses() -> dict[str, set[str]]:
    """What each package imports, without what follows from other imports."""
    direct = {package: {*imported_packages(package)} - {package} for package in ORDER}
    reached: dict[str, set[str]] = {}
    for package in ORDER:
        reached[package] = direct[package].union(*(reached[other] for other in direct[package]))
    return {
        package: {
            other
            for other in found
            if not any(other in reached[third] for third in found - {other})
        }
        for package, found in direct.items()
    }


def test_the_picture_of_the_architecture_shows_the_imports() -> None:
    page = (TOP / "docs/architecture.md").read_text(encoding="utf-8")
    drawn: dict[str, set[str]] = {package: set() for package in ORDER}
    for used, users in re.findall(r"^  (\w+) --> ([\w &]+)$", page, re.MULTILINE):
        for user in users.split(" & "):
            drawn[user].add(used)
    assert drawn == uses()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)[: len(ORDER)] == [*ORDER]


def test_paths_in_the_architecture_exist() -> None:
    page = (TOP / "docs/architecture.md").read_text(encoding="utf-8")
    for path in re.findall(r"`([\w/]+(?:/|\.py))`", page):
        path = path.replace("NAME", "train")
        places = [TOP / path, CODE / path]
        assert any(place.exists() for place in places), path
