"""`deepfake review`: everything about two revisions on one page."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from deepfake.base.errors import MALFORMED
from deepfake.core.files import write_bytes
from deepfake.review import changes, sections
from deepfake.review.comparison import (
    COLUMNS,
    CommonVideos,
    MetricChange,
    Outcome,
    common_videos,
    compare_metrics,
)
from deepfake.review.page import Page, Section
from deepfake.review.revisions import ReviewError, Revision, open_revisions

SCORES = "plots/scores/test.tsv"
# The same scores in DVC's cache, for `evaluate.scores_in_git: none` and revisions from before SCORES.
PREDICTIONS = "data/predictions/test.csv"
SEEDS = "experiments/results/params_seeds.json"  # of `deepfake seeds N`
OF_TEST = "test."  # prefix of the names in it


def review(base: str | None, head: str | None) -> Page:
    """Compare two revisions of the repository in the current folder.

    Args:
        base, head: as for `open_revisions`.

    Raises:
        ReviewError: as `open_revisions`, or DVC cannot read one of them.
    """
    from dvc.exceptions import DvcException
    from dvc.lock import LockError

    with open_revisions(base, head) as (old, new):
        try:
            return Page(old.title, new.title, [*_sections(old, new)])
        except LockError as error:
            raise ReviewError(
                "another DVC process is at work: wait for it; if there is none, delete .dvc/tmp/rwlock"
            ) from error
        except DvcException as error:
            raise ReviewError(
                f"DVC cannot compare {old.title} and {new.title} ({error}): fix dvc.yaml, dvc.lock or"
                " params.yaml, or name another revision"
            ) from error


def write_page(page: Page, folder: Path) -> list[Path]:
    """Write review.md and review.html to a folder."""
    contents = {"review.md": page.markdown(), "review.html": page.html()}
    for name, content in contents.items():
        write_bytes(folder / name, content.encode())
    return [folder / name for name in contents]


def _sections(old: Revision, new: Revision) -> Iterator[Section]:
    common = compare_scores(old, new)
    metrics = [] if common is None or common.scored.empty else compare_metrics(common)
    stages = changes.stage_changes(old, new)
    recorded = changes.metric_changes(old, new)
    yield _summary(common, metrics, stages, recorded)
    yield sections.metrics_section(common, metrics, _luck_of_seeds(new))
    yield sections.flipped_section(common, old, new)
    yield sections.checks_section(recorded)
    yield sections.params_section(changes.param_changes(old, new))
    yield sections.data_section(changes.data_changes(old, new))
    yield sections.stages_section(stages)
    yield sections.plots_section(old, new)
    missing = sections.missing_section(old, new)  # the last one, when everything has been read
    if missing:
        yield missing


def compare_scores(old: Revision, new: Revision) -> CommonVideos | None:
    """The test videos of both revisions; None if one has no scores, with a line in `missing`."""
    before, after = (_scores(side) for side in (old, new))
    return None if before is None or after is None else common_videos(before, after)


def _scores(side: Revision) -> pd.DataFrame | None:
    """The scores of the test videos in git; those in DVC's cache or remote if git has none."""
    path, content = SCORES, side.try_read(SCORES)
    if content is None or content.count(b"\n") < 2:  # at most the header
        path = PREDICTIONS
        side.missing.append(f"{side.title} has no scores in {SCORES}: {path} is read instead")
    return side.table(path, COLUMNS)


def _summary(
    common: CommonVideos | None,
    metrics: Sequence[MetricChange],
    stages: Sequence[changes.StageChange],
    recorded: Sequence[changes.ValueChange],
) -> Section:
    """The result in a few lines."""
    notes = []
    for outcome in (Outcome.BETTER, Outcome.WORSE, Outcome.NO_EVIDENCE, Outcome.NOT_COMPARABLE):
        names = [sections.title_of(one.name) for one in metrics if one.outcome is outcome]
        if names:
            notes.append(f"{outcome.value}: {', '.join(names)}")
    if not metrics:
        notes.append("not comparable: no test video has a score in both revisions")
    if common is not None:
        if not common.is_same_set:
            notes.append("the test sets differ, so only their common videos are compared")
        notes.append(
            f"{len(common.flipped)} of {len(common.rows)} test videos have another verdict"
        )
    behind = [one.name for one in stages if one.would_run]
    if behind:
        notes.append(f"dvc.lock is not current: {', '.join(behind)} would run")
    values = {(one.file, one.name): one for one in recorded}
    leaks = values.get(("metrics/split.json", "leaks"))
    if leaks is not None and leaks.new:
        notes.append(f"{leaks.new} leaks between the splits")
    coverage = values.get(("metrics/evaluate.json", "test.coverage"))
    if (
        coverage is not None
        and None not in (coverage.old, coverage.new)
        and coverage.new < coverage.old
    ):
        notes.append(f"coverage fell from {coverage.old:g} to {coverage.new:g}")
    return Section("Summary", notes)


def _luck_of_seeds(side: Revision) -> dict[str, float]:
    """How much luck is in a difference of each test metric; {} if no seeds were run."""
    content = side.try_read(SEEDS)
    if content is None:
        return {}
    try:
        spreads = json.loads(content)["metrics"]
        return {
            name.removeprefix(OF_TEST): float(one["luck"])
            for name, one in spreads.items()
            if name.startswith(OF_TEST) and "luck" in one
        }
    except MALFORMED as error:
        side.missing.append(f"{side.title}: {SEEDS} is damaged ({error}); run `deepfake seeds`")
        return {}
