"""Released models: annotated git tags in the grammar of GTO (https://dvc.org/doc/gto).

A tag `model@v1.0.0` makes a version, `model#prod#1` puts its commit into a stage. `model@v1.0.0!`,
`model#prod!#2` and `model@deprecated` take back a version, a stage and the whole model.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfake.base.errors import ModelError

FORMAT = "%(refname:strip=2)%00%(objecttype)%00%(creatordate:unix)"  # of a tag, for git
SHORT = 7  # digits of a commit


@dataclass(frozen=True)
class Tag:
    """An annotated git tag in GTO's grammar.

    Attributes:
        name: of the tag.
        artifact: "model" in `model@v1.0.0`.
        action: "register", "deregister", "assign", "unassign", "deprecate" or "create".
        version: "v1.0.0" in `model@v1.0.0`; "" in other tags.
        stage: "prod" in `model#prod#1`; "" in other tags.
        commit: that the tag points to, 40 digits.
        order: tags with a higher one are later.
    """

    name: str
    artifact: str
    action: str
    version: str
    stage: str
    commit: str
    order: tuple[int, int]


@dataclass(frozen=True)
class Release:
    """What the name of a released model stands for.

    Attributes:
        name: such as "model#prod".
        version: "v1.0.0"; "" for a commit in a stage that no version has.
        commit: 40 digits.
    """

    name: str
    version: str
    commit: str

    def __str__(self) -> str:
        version = f"{self.version}, " if self.version else ""
        return f"{self.name} is {version}commit {self.commit[:SHORT]}"


def find_release(name: str, repository: Path) -> Release | None:
    """The commit of a released model; None if the name has another form.

    The stage of a model has the commit that was assigned last and not taken back since.

    Args:
        name: ARTIFACT@VERSION, ARTIFACT@latest or ARTIFACT#STAGE, such as model@v1.0.0.
        repository: a git repository.

    Raises:
        ModelError: there is no such version or stage, or it was taken back; the message lists those
            that exist.
    """
    if "@" not in name and "#" not in name:
        return None  # without GTO, which takes long to import
    from gto.constants import parse_shortcut

    wanted = parse_shortcut(name)
    if not wanted.shortcut:
        return None
    tags = [tag for tag in release_tags(repository) if tag.artifact == wanted.name]
    if not tags:
        raise ModelError(
            f"{name} is not found: no version of {wanted.name} has an annotated tag here. Run"
            " `git fetch --tags`, or make one with `deepfake release`"
        )
    if tags[-1].action == "deprecate":
        commit = tags[-1].commit[:SHORT]
        raise ModelError(
            f"{wanted.name} is deprecated (tag {tags[-1].name}): use another model, or this one by"
            f" its commit, --model {commit}"
        )
    versions = versions_of(tags)
    if wanted.stage:
        return _in_stage(name, wanted.stage, tags, versions)
    newest = versions[-1].version if versions else ""
    return _of_version(name, newest if wanted.latest else wanted.version or "", tags, versions)


def release_tags(repository: Path) -> list[Tag]:
    """All annotated tags of a git repository that have GTO's grammar, the earliest first.

    GTO ignores lightweight tags, which have no time of their own, and so does this.

    Raises:
        ModelError: the folder is no git repository.
    """
    from gto.tag import parse_name

    found = []
    for line in _git(repository, "for-each-ref", "refs/tags", f"--format={FORMAT}").splitlines():
        name, kind, time = line.split("\0")
        parts: dict[str, Any] = parse_name(name, raise_on_fail=False)
        if kind != "tag" or not parts.get("action"):
            continue
        commit = _git(repository, "rev-parse", "--verify", f"refs/tags/{name}^{{commit}}").strip()
        found.append(
            Tag(
                name,
                parts["name"],
                parts["action"].value,
                parts.get("version", ""),
                parts.get("stage", ""),
                commit,
                (int(time), parts.get("counter", 0)),
            )
        )
    return sorted(found, key=lambda tag: tag.order)


def versions_of(tags: Sequence[Tag]) -> list[Tag]:
    """The tags of one artifact's versions that were not taken back, the lowest version first."""
    from gto.versions import SemVer

    found = [tag for tag in _last(tags, lambda tag: tag.version) if tag.action == "register"]
    return sorted(found, key=lambda tag: SemVer(tag.version))


def _last(tags: Sequence[Tag], key: Callable[[Tag], str]) -> list[Tag]:
    """The last tag of each key but ""."""
    return list({key(tag): tag for tag in tags if key(tag)}.values())


def _of_version(name: str, version: str, tags: Sequence[Tag], versions: Sequence[Tag]) -> Release:
    found = next((tag for tag in versions if tag.version == version), None)
    if found is not None:
        return Release(name, version, found.commit)
    known = ", ".join(tag.version for tag in versions) or "none"
    taken_back = next((tag for tag in reversed(tags) if tag.version == version), None)
    if taken_back is not None:
        raise ModelError(
            f"{name} was taken back (tag {taken_back.name}): use another version ({known}), or this"
            f" one by its commit, --model {taken_back.commit[:SHORT]}"
        )
    raise ModelError(f"{name} is not found; the versions are: {known}. Run `git fetch --tags`")


def _in_stage(name: str, stage: str, tags: Sequence[Tag], versions: Sequence[Tag]) -> Release:
    withdrawn = {tag.commit for tag in tags if tag.version} - {tag.commit for tag in versions}
    assigned = [
        tag
        for tag in _last(tags, lambda tag: tag.stage and f"{tag.stage} {tag.commit}")
        if tag.action == "assign" and tag.commit not in withdrawn
    ]
    current = {tag.stage: tag for tag in sorted(assigned, key=lambda tag: tag.order)}
    version = {tag.commit: tag.version for tag in versions}
    if stage in current:
        commit = current[stage].commit
        return Release(name, version.get(commit, ""), commit)
    known = ", ".join(
        f"{one} ({version.get(tag.commit) or tag.commit[:SHORT]})"
        for one, tag in sorted(current.items())
    )
    raise ModelError(
        f"{name} is not found: nothing is in the stage {stage}; the stages are: {known or 'none'}."
        " Run `git fetch --tags`, or see docs/releases.md"
    )


def _git(repository: Path, *command: str) -> str:
    try:
        done = subprocess.run(["git", *command], cwd=repository, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise ModelError("git is not installed, and released models are git tags") from error
    if done.returncode:
        raise ModelError(
            f"the tags of {repository.resolve()} could not be read: {done.stderr.strip()}"
        )
    return done.stdout
