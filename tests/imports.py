"""Which project modules a file imports, directly or through others."""

import ast
from pathlib import Path

UNTRACKED = {
    # Has no defaults and computes nothing: the values themselves are tracked as params.
    "deepfake/params.py",
    # They hold no code of a stage: a docstring, and names that are loaded when asked for.
    "deepfake/__init__.py",
    "stages/__init__.py",
}


def imported_files(script: Path, top: Path) -> set[str]:
    """Files of this project that `script` needs, itself included, relative to `top`."""
    seen: set[str] = set()
    waiting = [script.relative_to(top).as_posix()]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting += [found for module in _modules(top / name) for found in _files(module, top)]
    return seen - UNTRACKED


def _modules(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def _files(module: str, top: Path) -> list[str]:
    stem = module.replace(".", "/")
    candidates = [f"{stem}.py", f"{stem}/__init__.py"]
    return [name for name in candidates if (top / name).is_file()]
