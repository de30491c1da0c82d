"""`deepfake gate`: whether the results of the work tree may be merged into a base revision."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from deepfake.base.text import first_names
from deepfake.params.schema import GateParams
from deepfake.review.comparison import TESTED, Outcome, compare_metrics
from deepfake.review.lock import changed_stages
from deepfake.review.review import SCORES, compare_scores
from deepfake.review.revisions import ReviewError, Revision, open_revisions
from deepfake.review.sections import shown_p, title_of

CARD_STAGE, CARD = "card", "models/README.md"
METRICS, SPLIT_METRICS = "metrics/evaluate.json", "metrics/split.json"
MAX_NAMES = 5  # of stages or outputs in a line


class State(Enum):
    """What a check says."""

    REFUSED = "refused"  # a reason against merging
    PASSED = "passed"
    NOT_CHECKED = "not checked"  # where there is nothing to compare with


@dataclass(frozen=True)
class Finding:
    """A line of the gate.

    Attributes:
        state: what the check says.
        text: what was found and, if it is a reason against merging, what to do.
    """

    state: State
    text: str


@dataclass(frozen=True)
class Judgement:
    """The answer of the gate.

    Attributes:
        base: title of the revision that was compared with.
        findings: of all checks, in their order.
    """

    base: str
    findings: list[Finding]

    @property
    def reasons(self) -> list[str]:
        """The reasons against merging; none if the gate is passed."""
        return [one.text for one in self.findings if one.state is State.REFUSED]

    def __str__(self) -> str:
        """One line for each reason, or for each check if there is none; also valid Markdown."""
        lines = self.reasons or [one.text for one in self.findings if one.state is State.PASSED]
        lines += [
            f"not checked: {one.text}" for one in self.findings if one.state is State.NOT_CHECKED
        ]
        title = f"Gate {'not passed' if self.reasons else 'passed'}, compared with {self.base}"
        return "\n".join([title, "", *(f"- {line}" for line in lines)])


def judge(base: str | None, limits: GateParams) -> Judgement:
    """Compare the work tree with a base revision, in the repository of the current folder.

    Args:
        base: as for `open_revisions`.
        limits: the gate section of params.yaml.

    Raises:
        ReviewError: as `open_revisions`, or DVC cannot read one of the two.
    """
    from dvc.exceptions import DvcException

    with open_revisions(base, None) as (old, new):
        try:
            findings = [
                *check_lock(new),
                *check_storage(new),
                *check_limits(new, limits),
                *check_metrics(old, new),
                *check_leaks(old, new),
                *check_coverage(old, new, limits.coverage_drop),
            ]
        except DvcException as error:
            raise ReviewError(
                f"DVC cannot read this repository ({error}): see `deepfake doctor`"
            ) from error
        return Judgement(old.title, findings)


def check_lock(new: Revision) -> Iterator[Finding]:
    """Whether `dvc repro` would run nothing, and the model card is what it writes."""
    with new.repo.lock:
        changed = changed_stages(new.repo)
    others = [name for name in changed if name != CARD_STAGE]
    if others:
        yield _refused(
            f"dvc.lock is not current, {first_names(others, MAX_NAMES)} would run: run `dvc repro`, and commit dvc.lock,"
            " metrics and plots"
        )
    elif not changed:
        yield Finding(State.PASSED, "dvc.lock is current")
    stages = {getattr(stage, "name", None) for stage in new.repo.index.stages}
    is_there = Path(new.repo.root_dir, CARD).is_file()
    if CARD_STAGE in changed or (CARD_STAGE in stages and not is_there):
        yield _refused(
            f"the model card {CARD} is stale: run `dvc repro {CARD_STAGE}`, and commit it"
        )


def check_storage(new: Revision) -> Iterator[Finding]:
    """Whether the default remote has every output that DVC caches."""
    repo = new.repo
    remote = repo.config["core"].get("remote")
    if not remote:
        yield Finding(State.NOT_CHECKED, "storage, since there is no default DVC remote")
        return
    outs = [out for out in repo.index.outs if out.use_cache and out.can_push and out.hash_info]
    try:
        storage = repo.cloud.get_remote_odb(remote, "status")
        missing = sorted(
            str(out.def_path) for out in outs if not storage.exists(out.hash_info.value)
        )
    except Exception as error:  # each kind of remote raises its own exceptions
        reason = f"{type(error).__name__} {error}".splitlines()[0]
        yield _refused(f"the DVC remote {remote} cannot be read ({reason}): see `deepfake doctor`")
        return
    if missing:
        yield _refused(
            f"the DVC remote {remote} lacks {first_names(missing, MAX_NAMES)}: run `dvc push`"
        )
    else:
        yield Finding(State.PASSED, f"the DVC remote {remote} has all {len(outs)} outputs")


def check_limits(new: Revision, limits: GateParams) -> Iterator[Finding]:
    """Whether the metrics of test videos are within the limits of params.yaml."""
    metrics = _test_metrics(new)
    if metrics is None:
        yield _refused(new.missing[-1])
        return
    kept = 0
    for key, side, sign in (("floors", "below", 1), ("ceilings", "above", -1)):
        for name, limit in getattr(limits, key).items():
            value = metrics.get(name)
            if value is None:
                yield _refused(
                    f"{METRICS} has no test.{name}: gate.{key} in params.yaml must name metrics that"
                    " are defined on this test set"
                )
            elif sign * value < sign * limit:
                yield _refused(
                    f"test {title_of(name)} is {value:g}, {side} {limit:g} (gate.{key} in params.yaml)"
                )
            else:
                kept += 1
    if kept:
        yield Finding(State.PASSED, f"{kept} metrics are within the limits of params.yaml")


def check_metrics(old: Revision, new: Revision) -> Iterator[Finding]:
    """Whether a metric of the common test videos is worse, beyond its paired interval."""
    if new.table(SCORES) is None:
        yield _refused(new.missing[-1])
        return
    common = compare_scores(old, new)
    if common is None or common.scored.empty:
        missing = [*old.missing, *new.missing] if common is None else []
        reason = missing[-1] if missing else "no test video has a score in both revisions"
        yield Finding(State.NOT_CHECKED, f"differences of metrics, since {reason}")
        return
    changes = compare_metrics(common)
    worse = [one for one in changes if one.outcome is Outcome.WORSE]
    for one in worse:
        difference = one.difference
        yield _refused(
            f"test {title_of(one.name)} is worse: {one.new:.4f} after {one.old:.4f}, difference"
            f" {difference.value:+.4f} on {len(common.scored)} common videos, p {shown_p(one.p_value)} after"
            f" correction for {len(TESTED)} metrics; 95 % interval of this metric alone"
            f" {difference.low:+.4f} to {difference.high:+.4f}"
        )
    if all(math.isnan(one.p_value) for one in changes):
        reason = "a label has fewer people than an interval needs, or most videos are of a few"
        yield Finding(State.NOT_CHECKED, f"differences of metrics, since {reason}")
    elif not worse:
        yield Finding(
            State.PASSED, f"no metric is worse on {len(common.scored)} common test videos"
        )


def check_leaks(old: Revision, new: Revision) -> Iterator[Finding]:
    """Whether the splits share more people, videos or content than those of the base."""
    before, after = ((side.json(SPLIT_METRICS) or {}).get("leaks") for side in (old, new))
    if after is None:
        yield _refused(
            f"{SPLIT_METRICS} does not count leaks: run `dvc repro split`, and commit it"
        )
    elif after > (before or 0):
        yield _refused(
            f"{after} leaks between the splits after {before or 0}: `deepfake audit data/splits` lists"
            " them"
        )
    else:
        yield Finding(State.PASSED, f"no new leak between the splits ({after} in all)")


def check_coverage(old: Revision, new: Revision, allowed: float) -> Iterator[Finding]:
    """Whether fewer test videos have a score."""
    before, after = ((_test_metrics(side) or {}).get("coverage") for side in (old, new))
    if not isinstance(before, float | int) or after is None:
        reason = f"{METRICS} of {old.title} has none"
        yield Finding(State.NOT_CHECKED, f"the drop of the coverage, since {reason}")
    elif before - after > allowed:
        yield _refused(
            f"the coverage of test videos fell from {before:g} to {after:g}, by more than {allowed:g}"
            " (gate.coverage_drop in params.yaml): data/coverage.csv says why videos have no face"
        )
    else:
        yield Finding(State.PASSED, f"the coverage of test videos is {after:g} after {before:g}")


def _test_metrics(side: Revision) -> dict[str, Any] | None:
    """Metrics of test; None, with a line in `Revision.missing`, if there is no file."""
    content = side.json(METRICS)
    return None if content is None else dict(content.get("test", {}))


def _refused(text: str) -> Finding:
    return Finding(State.REFUSED, text)
