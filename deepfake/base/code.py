"""Which code a result depends on: project files, found by their imports, and installed packages."""

import ast
import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from deepfake.base.numerics import numerics_note

PROJECT = "deepfake"
TOP = Path(__file__).parents[2]  # the folder that holds deepfake/
# Left out of `imported_files`, and so of the deps in dvc.yaml: `base` computes no result, and DVC
# tracks the values that `params` reads as params.
EXEMPT = ("base", "params")
# Packages that provide a module of another name. Asking for them all takes a third of a second.
RENAMED = {"PIL": "pillow", "cv2": "opencv-python", "dlib": "dlib-bin"}


def imported_files(script: Path, top: Path = TOP) -> set[str]:
    """Project files that a Python file imports, directly or through others, and the file itself.

    Imports inside functions count. Files of `EXEMPT` packages and `__init__.py` files, which hold
    no code, do not.

    Returns:
        Paths relative to `top`, with forward slashes.
    """
    return {name for name, _ in _walk_imports(script, top)}


def code_version(
    function: Callable[..., Any], packages: Sequence[str] = (), models: Sequence[Path] = ()
) -> str:
    """A digest of all code that a function's results depend on.

    It covers the project files that the function's module imports, without comments and docstrings,
    the versions of the packages that those files import, and the `numerics` of the stage.

    Args:
        function: a function of this project.
        packages: distributions that are loaded without an import statement.
        models: files of models that are opened by path.
    """
    script = Path(str(sys.modules[function.__module__].__file__))
    files = sorted(_walk_imports(script, TOP))
    modules = {module.partition(".")[0] for _, imports in files for module in imports}
    distributions = {name.lower() for name in (*packages, *_distributions(modules))}
    lines = [f"{name} {_source_digest(TOP / name)}" for name, _ in files]
    lines += [f"{name}=={version(name)}" for name in sorted(distributions)]
    lines += numerics_note()
    lines += [hashlib.sha256(model.read_bytes()).hexdigest() for model in models]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _walk_imports(script: Path, top: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each file that a script imports, with the names of the modules that this file imports."""
    seen: set[str] = set()
    waiting = [script.relative_to(top).as_posix()]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        modules = _imports(top / name)
        yield name, modules
        waiting += [file for module in modules if (file := _file_of(module, top))]


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Names of the modules that a file imports, and of what it imports from them."""
    names = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _file_of(module: str, top: Path) -> str | None:
    """The file of a project module; None for packages, other modules and names in a module."""
    first, *rest = module.split(".")
    if first != PROJECT or not rest or rest[0] in EXEMPT:
        return None
    name = f"{module.replace('.', '/')}.py"
    return name if (top / name).is_file() else None


def _source_digest(path: Path) -> str:
    """SHA-256 of a file's syntax tree, without comments, docstrings and the layout of the lines."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_string(body[0]):
            del body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_string(node: ast.AST) -> bool:
    """Whether a statement is nothing but a string, as a docstring is."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _distributions(modules: set[str]) -> set[str]:
    """The packages that provide top-level modules, without the standard library."""
    names: set[str] = set()
    for module in modules - {PROJECT} - sys.stdlib_module_names:
        try:
            name = RENAMED.get(module, module)
            version(name)
            names.add(name)
        except PackageNotFoundError:  # another build of it, or no package names the module
            names.update(packages_distributions().get(module, ()))
    return names
