"""Files of a git revision or of the work tree, wherever they are: in git, DVC's cache or a remote."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from deepfake.base.errors import DeepfakeError
from deepfake.core.tables import read_csv

MAIN_BRANCHES = ("main", "origin/main", "master", "origin/master")  # the first one that exists
WORK_TREE = "work tree"
DVC_WORK_TREE = "workspace"  # what DVC calls it
SHORT = 7  # digits of a commit


class ReviewError(DeepfakeError):
    """Two revisions cannot be compared."""


class Revision:
    """A git revision, or the work tree. Nothing is checked out.

    Attributes:
        title: for people, such as "main (1a2b3c4)".
        commit: 40 digits; None for the work tree.
        repo: of DVC, at this revision.
        missing: a line for each file that could not be read, with the reason and the remedy.
    """

    def __init__(self, repo: Any, title: str, commit: str | None) -> None:
        self.repo, self.title, self.commit = repo, title, commit
        self.missing: list[str] = []
        self._known: dict[str, bytes | None] = {}

    @property
    def dvc_name(self) -> str:
        """The revision as an argument of DVC's functions."""
        return self.commit or DVC_WORK_TREE

    def read(self, path: str) -> bytes | None:
        """Content of a file; None, with a line in `missing`, if it cannot be read.

        A file that is only in a remote is copied to DVC's cache.
        """
        if path not in self._known:
            content, reason = self._read(path)
            self._known[path] = content
            if content is None:
                self.missing.append(f"{self.title} has no {path}: {reason}")
        return self._known[path]

    def try_read(self, path: str) -> bytes | None:
        """As `read`, but what is missing is left to the caller to report."""
        return self._read(path)[0]

    def _read(self, path: str) -> tuple[bytes | None, str]:
        try:
            if not self.repo.dvcfs.isfile(path):
                return None, "it is neither in git nor in dvc.lock"
            with self.repo.dvcfs.open(path, "rb", cache=True) as file:
                return file.read(), ""
        except FileNotFoundError:
            where = "the remote" if self.repo.config["core"].get("remote") else "a remote"
            reason = f"its content is neither in DVC's cache nor in {where}; `dvc push` it where it was made"
            return None, reason
        except Exception as error:  # each remote raises its own exceptions
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            return None, f"{reason}; check the remote with `deepfake doctor`"

    def table(self, path: str, columns: Sequence[str] = ()) -> pd.DataFrame | None:
        """A CSV or TSV file; None as for `read`, and if it is damaged or lacks one of the columns."""
        content = self.read(path)
        if content is None:
            return None
        try:
            with tempfile.TemporaryDirectory(prefix="deepfake-") as folder:
                copy = Path(folder, Path(path).name)
                copy.write_bytes(content)
                table = read_csv(copy)
        except (ValueError, pd.errors.ParserError) as error:
            self.missing.append(f"{self.title}: {path} is no table ({error}); run `dvc repro`")
            return None
        absent = [name for name in columns if name not in table]
        if absent:
            self.missing.append(f"{self.title}: {path} has no column {', '.join(absent)}")
            return None
        return table

    def json(self, path: str) -> Any:
        """A JSON file; None as for `read`, and if it is damaged."""
        content = self.read(path)
        if content is None:
            return None
        try:
            return json.loads(content)
        except ValueError as error:
            self.missing.append(f"{self.title}: {path} is no JSON ({error}); run `dvc repro`")
            return None

    def lock(self) -> dict[str, Any]:
        """The stages of dvc.lock by name; {} without one, with a line in `missing` if damaged."""
        content = self.read("dvc.lock")
        try:
            stages = yaml.safe_load(content or b"{}").get("stages", {})
            return dict(stages)
        except (yaml.YAMLError, AttributeError, TypeError, ValueError):
            self.missing.append(
                f"{self.title}: dvc.lock is damaged; run `git checkout -- dvc.lock`"
            )
            return {}


@contextmanager
def open_revisions(base: str | None, head: str | None) -> Iterator[tuple[Revision, Revision]]:
    """Both sides of a review of the repository in the current folder.

    Args:
        base: a branch, tag, commit or experiment of DVC. None for the merge base of the main branch
            and `head`.
        head: the same; None for the work tree.

    Raises:
        ReviewError: this is no DVC repository, it has no commit, or a revision is unknown.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with ExitStack() as stack:
        try:
            work_tree = stack.enter_context(Repo())
        except DvcException as error:
            raise ReviewError(
                f"this folder is no DVC repository ({error}): run this in a clone, at its top"
            ) from error
        if base is None:
            branch, base = _merge_base(work_tree, head)
            sides: list[tuple[str, str | None]] = [(f"merge base with {branch}", base)]
        else:
            sides = [(base, _commit(work_tree, base))]
        sides.append((WORK_TREE, None) if head is None else (head, _commit(work_tree, head)))
        first, second = (
            Revision(
                work_tree if commit is None else stack.enter_context(Repo(rev=commit)),
                _title(name, commit),
                commit,
            )
            for name, commit in sides
        )
        yield first, second


def _title(name: str, commit: str | None) -> str:
    if commit is None:
        return name
    short = commit[:SHORT]
    return short if commit.startswith(name) else f"{name} ({short})"


def _commit(repo: Any, name: str) -> str:
    """The commit that a name stands for."""
    from dvc.scm import RevError, SCMError, resolve_rev

    try:
        return str(resolve_rev(repo.scm, name))
    except (RevError, SCMError) as error:
        raise ReviewError(
            f"{name} is no revision of this repository: run `git fetch`, then name a branch, tag or"
            " commit (`git log --oneline --all`)"
        ) from error


def _merge_base(repo: Any, head: str | None) -> tuple[str, str]:
    """The main branch, and the commit where `head` left it."""
    head = "HEAD" if head is None else _commit(repo, head)
    for branch in MAIN_BRANCHES:
        if _git(repo, "rev-parse", "--verify", "--quiet", f"{branch}^{{commit}}"):
            found = _git(repo, "merge-base", branch, head)
            if found:
                return branch, found
            raise ReviewError(
                f"{branch} and {head} have no common commit: name the base, as in `deepfake review"
                f" {branch}`, or get the whole history with `git fetch --unshallow`"
            )
    raise ReviewError(
        f"there is no branch {' or '.join(MAIN_BRANCHES[:2])}: name the base, as in"
        " `deepfake review v1.0`, or run `git fetch origin main:main`"
    )


def changed_files(first: Revision, second: Revision) -> list[str]:
    """Files in git that differ, without renames; new files of the work tree count too."""
    repo = second.repo if second.commit is None else first.repo
    ends = [str(one.commit) for one in (first, second) if one.commit]
    listed = _git_lines(repo, "diff", "--name-only", "--no-renames", "-z", *ends)
    if second.commit is None:
        listed += _git_lines(repo, "ls-files", "--others", "--exclude-standard", "-z")
    return sorted({*listed})


def _git_lines(repo: Any, *command: str) -> list[str]:
    """What git lists with -z."""
    listed = _git(repo, *command)
    if listed is None:
        raise ReviewError(
            f"`git {' '.join(command)}` failed: run it to see why, or get the whole history with"
            " `git fetch --unshallow`"
        )
    return [line for line in listed.split("\0") if line]


def _git(repo: Any, *command: str) -> str | None:
    """What git prints; None if it fails."""
    done = subprocess.run(
        ["git", *command],
        cwd=repo.scm.root_dir,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
    )
    return done.stdout.strip() if done.returncode == 0 else None
