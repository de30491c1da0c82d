"""Which stages `dvc repro` would run: those that differ from dvc.lock."""

from collections.abc import Mapping
from typing import Any

# What DVC calls an output or a dependency that is only absent, as in a fresh clone.
ABSENT = frozenset(["deleted", "not in cache"])


def changed_stages(repo: Any) -> list[str]:
    """Addresses of the stages whose command, params, dependencies or outputs differ from dvc.lock.

    A stage that only follows a changed one is not among them: it runs if the outputs of that one
    change. Outputs that are only absent count as unchanged, so the answer is the same in a fresh
    clone. Two stages of dvc.lock that disagree about a file, as after a merge, count as changed.

    Args:
        repo: a `dvc.repo.Repo`, of the work tree or of a git revision (`Repo(".", rev="v1")`). For
            the work tree, hold `repo.lock` so that no other DVC process changes it meanwhile.

    Raises:
        DvcException: dvc.yaml, dvc.lock or params.yaml is invalid.

    Example:
        >>> from dvc.repo import Repo
        >>> with Repo() as repo, repo.lock:  # doctest: +SKIP
        ...     changed_stages(repo)
        ['train']
    """
    stages = repo.index.stages
    locked = {out.fs_path: out.hash_info for stage in stages for out in stage.outs}
    return [_address(stage) for stage in stages if _differs(stage, locked)]


def _address(stage: Any) -> str:
    """`stage.addressing` from the top of the repository, also at a git revision."""
    file, name = stage.path_in_repo, getattr(stage, "name", None)  # a .dvc file has no name
    return file if name is None else name if file == "dvc.yaml" else f"{file}:{name}"


def _differs(stage: Any, locked: Mapping[str, Any]) -> bool:
    """`stage.changed(allow_missing=True)`, which needs a lock that a git revision does not have."""
    if stage.changed_stage():
        return True
    if not stage.frozen:
        if stage.is_callback or stage.always_changed:
            return True
        if any(_dep_differs(dep, locked) for dep in stage.deps):
            return True
    return any(state not in ABSENT for out in stage.outs for state in out.status().values())


def _dep_differs(dep: Any, locked: Mapping[str, Any]) -> bool:
    states = [*dep.status().values()]
    if states and all(isinstance(one, str) and one in ABSENT for one in states):  # params: dicts
        return bool(locked.get(dep.fs_path, dep.hash_info) != dep.hash_info)
    return bool(states)
