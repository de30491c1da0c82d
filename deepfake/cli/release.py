"""`deepfake release`: checks, and an annotated git tag that makes the model a version."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from deepfake.base.errors import DeepfakeError
from deepfake.base.text import first_names
from deepfake.cli.machine import LOCK, describe_machine, lock_digest
from deepfake.params.loading import load_params
from deepfake.predict.releases import release_tags, versions_of
from deepfake.review.gate import METRICS, Finding, Judgement, State, judge

ARTIFACT = "model"  # its name in dvc.yaml
PARITY = ("metrics/export.json", "largest_difference_millionths")
MAX_NAMES = 3  # of files in a line
OF_TEST = "test"  # its metrics are in the message of the tag


class ReleaseError(DeepfakeError):
    """The model cannot be released."""


@dataclass(frozen=True)
class Release:
    """A release that was checked.

    Attributes:
        tag: that it would have.
        judgement: of all checks; no tag may be made if it has reasons.
        message: of the tag.
    """

    tag: str
    judgement: Judgement
    message: str

    def make_tag(self) -> str:
        """Make the annotated tag at HEAD, and return the command that publishes it.

        Raises:
            ReleaseError: git fails.
        """
        message = ["--cleanup=verbatim", "--message", self.message]
        _git("tag", "--annotate", *message, self.tag, "HEAD")
        remote = (_git("remote").splitlines() or ["origin"])[0]
        return f"git push {remote} {self.tag}"


def check_release(version: str) -> Release:
    """Check whether the model of HEAD, in the current folder, may be released.

    Args:
        version: such as "1.0.0", with or without a "v" before it.

    Raises:
        ModelError: this folder is no git repository.
        ParamsError: params.yaml is invalid.
        ReleaseError: `version` is none, or was released before, or a file is missing or damaged.
        ReviewError: as `review.gate.judge`.
    """
    tag, base = _plan(version)
    judgement = judge(base, load_params().gate)
    checks = (check_commit(), check_artifact(), check_parity())
    findings = [*chain(*checks), *judgement.findings]
    return Release(tag, Judgement(judgement.base, findings), _message(tag))


def _plan(version: str) -> tuple[str, str | None]:
    """The tag of a version, and that of the highest version before it; None if there is none.

    Raises:
        ModelError: this folder is no git repository.
        ReleaseError: it is no version, or was released before.
    """
    from gto.versions import SemVer

    name = f"v{version.removeprefix('v')}"
    if not SemVer.is_valid(name):
        raise ReleaseError(f"{version} is no version: use three numbers, such as 1.0.0")
    tags = [tag for tag in release_tags(Path()) if tag.artifact == ARTIFACT]
    if name in {tag.version for tag in tags}:
        raise ReleaseError(f"{name} was released before: use a higher version")
    earlier = [tag.name for tag in versions_of(tags) if SemVer(tag.version) < SemVer(name)]
    return f"{ARTIFACT}@{name}", earlier[-1] if earlier else None


def check_commit() -> Iterator[Finding]:
    """Whether everything is committed, so that the tag has what is checked."""
    changed = _git("status", "--porcelain").splitlines()
    if changed:
        names = first_names([line[3:] for line in changed], MAX_NAMES)
        text = f"the work tree differs from the last commit ({names}): commit or discard it"
        yield Finding(State.REFUSED, text)
    else:
        yield Finding(State.PASSED, "the work tree is committed")


def check_artifact() -> Iterator[Finding]:
    """Whether dvc.yaml names the folder that other repositories get, as an output of DVC."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with closing(Repo()) as repo:
            artifact = repo.artifacts.read().get("dvc.yaml", {}).get(ARTIFACT)
            path = artifact and Path(repo.root_dir, artifact.path)
            outs = {Path(out.fs_path) for out in repo.index.outs}
    except DvcException as error:
        raise ReleaseError(f"DVC cannot read this repository ({error})") from error
    if path in outs:
        yield Finding(State.PASSED, f"{ARTIFACT} is the folder {artifact.path}")
    else:
        text = f"dvc.yaml has no output for {ARTIFACT}: add it under `artifacts` (docs/releases.md)"
        yield Finding(State.REFUSED, text)


def check_parity() -> Iterator[Finding]:
    """Whether the stage export has compared its model with the trained one, as it must."""
    path, key = PARITY
    value = _read_json(path).get(key)
    if isinstance(value, int):
        text = f"logits of the exported model differ by at most {value / 1e6:g}"
        yield Finding(State.PASSED, text)
    else:
        text = f"{path} does not compare the exported model: run `dvc repro export`, and commit it"
        yield Finding(State.REFUSED, text)


def _message(tag: str) -> str:
    """The message of a release: metrics of test, and what it was made on.

    Raises:
        ReleaseError: a file of the run is missing or damaged.
    """
    if not LOCK.is_file():
        raise ReleaseError(f"{LOCK} is missing: run this at the top of the repository")
    metrics = _read_json(METRICS).get(OF_TEST, {})
    lines = [f"{OF_TEST}.{name}: {value}" for name, value in metrics.items()]
    machine = [
        f"{LOCK}: {lock_digest()}",
        f"machine: {describe_machine()}",
        f"numerics: {load_params().numerics}",
    ]
    return "\n".join([tag.replace("@", " "), "", *lines, "", *machine, ""])


def _read_json(path: str) -> dict[str, Any]:
    """A file of metrics; {} if it is missing.

    Raises:
        ReleaseError: it is damaged.
    """
    if not Path(path).is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(Path(path).read_bytes())
    except ValueError as error:
        raise ReleaseError(f"{path} is no JSON ({error}): run `dvc repro`") from error
    return content


def _git(*command: str) -> str:
    """What git prints.

    Raises:
        ReleaseError: git fails.
    """
    done = subprocess.run(["git", *command], capture_output=True, text=True)
    if done.returncode:
        raise ReleaseError(f"`git {command[0]}` failed: {done.stderr.strip()}")
    return done.stdout
