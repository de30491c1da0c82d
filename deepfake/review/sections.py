"""What a review says: one function for each section of the page."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from deepfake.base.text import first_names
from deepfake.core.groups import MIN_GROUPS, enough_groups
from deepfake.core.labels import LABEL_NAMES
from deepfake.review.changes import DataChanges, StageChange, ValueChange
from deepfake.review.charts import Curve, draw
from deepfake.review.comparison import (
    LEVEL,
    TESTED,
    CommonVideos,
    MetricChange,
    Outcome,
    groups_of,
)
from deepfake.review.faces import face_of
from deepfake.review.page import Figure, Section, Table
from deepfake.review.revisions import Revision

MAX_FACES = 24  # videos shown with a face
MAX_FLIPPED = 200  # videos listed; a comment on GitHub holds 64 KB
MAX_NAMES = 20
LOWEST_P = 0.0001  # shown
NOTHING = "-"
TITLES = {  # of metrics, where the name without underscores is none
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "f1": "F1",
    "tpr_at_5_percent_fpr": "TPR at 5 % FPR",
}
# Metrics that say whether the others can be trusted: file, name, title.
CHECKS = (
    ("metrics/evaluate.json", "test.coverage", "coverage of test videos"),
    ("metrics/split.json", "leaks", "leaks between splits"),
    ("metrics/shortcuts.json", "worst_roc_auc", "ROC-AUC of the worst shortcut"),
    ("metrics/robustness.json", "roc_auc_drop", "robustness: mean drop of the ROC-AUC"),
)
DIAGONAL = ((0.0, 0.0), (1.0, 1.0))  # of chance in a ROC curve, and of calibrated scores
CHANCE = 0.5  # ROC-AUC
RATES = {
    "plots/evaluate/roc.tsv": Curve(
        "ROC", "fpr", "tpr", "false positive rate", "true positive rate", reference=DIAGONAL
    ),
    "plots/evaluate/pr.tsv": Curve(
        "Precision and recall", "recall", "precision", "recall", "precision"
    ),
    "plots/evaluate/reliability.tsv": Curve(
        "Reliability", "score", "fake_share", "mean score", "share of FAKE", reference=DIAGONAL
    ),
}
HISTORY = "plots/train/history.tsv"
TRAINING = tuple(
    Curve(title, "epoch", column, "epoch", label, x_range=None, y_range=None)
    for title, column, label in (
        ("Training: loss on train", "train_loss", "loss"),
        ("Training: loss on val", "val_loss", "loss"),
        ("Training: ROC-AUC of val videos", "val_video_roc_auc", "ROC-AUC"),
    )
)
ROBUSTNESS = "plots/robustness.tsv"


def title_of(metric: str) -> str:
    """The name of a metric for people."""
    return TITLES.get(metric, metric.replace("_", " "))


def shown_p(p_value: float) -> str:
    """A p-value, as short as it may be.

    >>> shown_p(0.00001), shown_p(0.04)
    ('<0.0001', '0.0400')
    """
    return f"<{LOWEST_P}" if p_value < LOWEST_P else _number(p_value)


def metrics_section(
    common: CommonVideos | None, metrics: Sequence[MetricChange], luck: dict[str, float]
) -> Section:
    """Metrics of the test videos that both revisions have scored, with a verdict on each."""
    title = "Metrics of test videos"
    if common is None:
        return Section(title, ["not comparable: there are no scores of one revision, see below"])
    rows = common.scored
    if rows.empty:
        return Section(title, ["not comparable: no test video has a score in both revisions"])
    columns = ["metric", "verdict", "old", "new", "difference", "95 % interval", "p"]
    table = [
        [
            title_of(one.name),
            one.outcome.value,
            _number(one.old),
            _number(one.new),
            _number(one.difference.value, "+"),
            _interval(one),
            shown_p(one.p_value),
        ]
        for one in metrics
    ]
    if luck:
        columns.append("luck of the seed")
        for row, one in zip(table, metrics, strict=True):
            row.append(f"±{_number(luck[one.name])}" if one.name in luck else NOTHING)
    notes = [*_set_notes(common), *_test_notes(rows), *_luck_notes(metrics, luck)]
    return Section(title, notes, [Table("Test videos with a score in both", columns, table)])


def _set_notes(common: CommonVideos) -> Iterator[str]:
    """On which videos the metrics are."""
    undecided = len(common.rows) - len(common.scored)
    people = common.scored["group"].nunique()
    if common.is_same_set:
        yield f"the same {len(common.rows)} test videos; {len(common.scored)} have both scores, of {people} people"
    else:
        parts = {
            "removed": common.only_old,
            "added": common.only_new,
            "with another label": common.relabelled,
            "whose person has other videos": common.regrouped,
        }
        left_out = ", ".join(f"{count} {name}" for name, count in parts.items() if count)
        yield (
            f"not comparable as a whole: the test sets differ ({left_out}); all that follows is on the"
            f" {len(common.scored)} common videos with both scores, of {people} people"
        )
    if undecided:
        yield f"common videos that are UNDECIDED in one revision, and left out: {undecided}"
    if common.scored["score_old"].equals(common.scored["score_new"]):
        yield "every score is the same in both"


def _test_notes(rows: pd.DataFrame) -> Iterator[str]:
    """How the verdicts are made."""
    real, fake = groups_of(rows)
    if not enough_groups(rows["label"].to_numpy(int), rows["group"].to_numpy(int)):
        yield (
            f"too few people for an interval, or most videos are of a few: {real} with a REAL, {fake} with a"
            f" FAKE, and {MIN_GROUPS} of each are needed; so there is no evidence"
        )
        return
    yield (
        f"better or worse: p below {LEVEL:g}, corrected for {len(TESTED)} metrics (Holm); an interval"
        " is of its metric alone, so it may exclude 0 without evidence"
    )


def _luck_notes(metrics: Sequence[MetricChange], luck: dict[str, float]) -> Iterator[str]:
    """What the spread of the seeds says about the differences."""
    if not luck:
        return
    yield (
        "luck of the seed: two runs that differ in nothing but the seed differ by no more in 95 % of"
        " cases; the verdict is on the two models, and a difference within the luck says nothing"
        " about the recipe"
    )
    found = {Outcome.BETTER, Outcome.WORSE}
    small = [
        title_of(one.name)
        for one in metrics
        if one.outcome in found and abs(one.difference.value) <= luck.get(one.name, -1.0)
    ]
    if small:
        yield f"within the luck of the seed: {', '.join(small)}"


def checks_section(values: Sequence[ValueChange]) -> Section:
    """Coverage, leaks, shortcuts and robustness, then all other metrics that differ."""
    known = {(one.file, one.name): one for one in values}
    checks = [[title, *_change(known.get((file, name)))] for file, name, title in CHECKS]
    shown = {(file, name) for file, name, _ in CHECKS}
    others = [
        [f"{one.file} {one.name}", *_change(one)]
        for key, one in known.items()
        if key not in shown and one.old != one.new and one.new is not None
    ]
    gone = sum(one.new is None for one in values)
    notes = [f"{gone} metrics of the old revision are not in the new one"] if gone else []
    columns = ["metric", "old", "new", "difference"]
    tables = [Table("Whether the metrics can be trusted", columns, checks)]
    if others:
        tables.append(Table("Other metrics that differ, as recorded", columns, others))
    return Section("Checks and recorded metrics", notes, tables)


def _change(one: ValueChange | None) -> list[str]:
    if one is None:
        return ["not recorded", "not recorded", NOTHING]
    is_number = all(isinstance(value, (int, float)) for value in (one.old, one.new))
    difference = _number(one.new - one.old, "+") if is_number else NOTHING
    return [*("not recorded" if v is None else _number(v) for v in (one.old, one.new)), difference]


def flipped_section(common: CommonVideos | None, base: Revision, head: Revision) -> Section:
    """The test videos with another verdict, with their faces in the HTML."""
    title = "Verdicts that changed"
    if common is None:
        return Section(title, ["not known: there are no scores of one revision, see below"])
    rows = common.flipped
    counts = Counter(rows["now"])
    parts = [f"{counts[now]} now {now}" for now in ("right", "wrong", "undecided") if counts[now]]
    notes = [
        f"{len(rows)} of {len(common.rows)} common test videos"
        + (f": {', '.join(parts)}" if parts else "")
    ]
    if rows.empty:
        return Section(title, notes)
    listed = rows.head(MAX_FLIPPED)
    if len(rows) > len(listed):
        notes.append(f"listed: the {len(listed)} whose score changed most")
    ids = listed["video_id"].head(MAX_FACES)
    faces = [face_of(video_id, head) or face_of(video_id, base) for video_id in ids]
    absent = sum(face is None for face in faces)
    if absent:
        notes.append(
            f"{absent} of {len(faces)} faces are neither in DVC's cache nor in a remote, or the names"
            " of the videos are digests"
        )
    cells = [
        [
            row["video_id"],
            row["now"],
            f"{row['verdict_old']} → {row['verdict_new']}",
            f"{_number(row['score_old'])} → {_number(row['score_new'])}",
            f"{LABEL_NAMES[row['label']]}, {row['method']}",
        ]
        for row in listed.to_dict("records")
    ]
    columns = ["video", "now", "verdict", "score", "label"]
    caption = "Test videos with another verdict, the largest change of the score first"
    tables = [Table(caption, columns, cells[:MAX_FACES], faces)]
    if len(cells) > MAX_FACES:
        tables.append(Table("More videos", columns, cells[MAX_FACES:], collapsed=True))
    return Section(title, notes, tables)


def params_section(values: Sequence[ValueChange]) -> Section:
    """Params that differ."""
    rows = [[one.name, _value(one.old), _value(one.new)] for one in values]
    if not rows:
        return Section("Params", ["no difference"])
    return Section("Params", tables=[Table("Params that differ", ["param", "old", "new"], rows)])


def data_section(data: DataChanges | None) -> Section:
    """Videos that were added, removed, relabelled, replaced or moved to another split."""
    if data is None:
        return Section("Data", ["not known: a manifest could not be read, see below"])
    notes = [f"{data.old} videos before, {data.new} now"]
    if data.counts.empty:
        return Section("Data", [*notes, "no difference"])
    if data.relabelled:
        notes.append(f"relabelled: {first_names(data.relabelled, MAX_NAMES)}")
    columns = ["change", "data set", "method", "label", "videos"]
    rows = [[str(cell) for cell in row] for row in data.counts.itertuples(index=False)]
    return Section("Data", notes, [Table("Videos that differ", columns, rows)])


def stages_section(stages: Sequence[StageChange]) -> Section:
    """Code by stage, what ran, and whether dvc.lock is current."""
    behind = [one.name for one in stages if one.would_run]
    notes = ["dvc.lock is current: no stage would run"]
    if behind:
        notes = [
            f"dvc.lock is not current: {', '.join(behind)} would run, so the results are of other"
            " code, params or data; run `dvc repro` and commit"
        ]
    rows = [
        [
            one.name,
            ", ".join(one.code) or NOTHING,
            one.state or NOTHING,
            ", ".join(one.outs) or NOTHING,
            "yes" if one.would_run else NOTHING,
        ]
        for one in stages
        if one.code or one.state or one.would_run
    ]
    columns = [
        "stage",
        "code and files that differ",
        "in dvc.lock",
        "outputs that differ",
        "would run",
    ]
    tables = [Table("Stages that differ", columns, rows)] if rows else []
    return Section("Stages", notes if rows else [*notes, "no stage differs"], tables)


def plots_section(base: Revision, head: Revision) -> Section:
    """ROC, precision and recall, reliability, robustness and training of both revisions."""
    figures = [
        figure for path, curve in RATES.items() for figure in _figures(path, [curve], base, head)
    ]
    figures += _robustness(base, head)
    figures += _figures(HISTORY, TRAINING, base, head)
    notes = [f"dashed: {base.title}; solid: {head.title}"] if figures else ["no plot could be read"]
    return Section("Plots", notes, figures=figures)


def _figures(path: str, curves: Sequence[Curve], base: Revision, head: Revision) -> list[Figure]:
    """A chart for each curve of a table that at least one revision has."""
    figures = []
    for curve in curves:
        tables = [side.table(path, [curve.x, curve.y]) for side in (base, head)]
        if any(table is not None for table in tables):
            figures.append(Figure(curve.title, draw(curve, *tables)))
    return figures


def _robustness(base: Revision, head: Revision) -> list[Figure]:
    """A chart for each degradation."""
    tables = [side.table(ROBUSTNESS, ["degradation", "level", "roc_auc"]) for side in (base, head)]
    names = sorted({name for table in tables if table is not None for name in table["degradation"]})
    known = [table for table in tables if table is not None]
    levels = (0.0, float(max((table["level"].max() for table in known), default=1)))
    lowest = min((table["roc_auc"].min() for table in known), default=CHANCE)
    areas = (float(min(CHANCE, lowest)), 1.0)  # the same in all charts
    figures = []
    for name in names:
        parts = [None if table is None else table[table["degradation"] == name] for table in tables]
        curve = Curve(f"Robustness: {name}", "level", "roc_auc", "level", "ROC-AUC", levels, areas)
        figures.append(Figure(curve.title, draw(curve, *parts)))
    return figures


def missing_section(base: Revision, head: Revision) -> Section | None:
    """What could not be read; None if there was nothing."""
    lines = list(dict.fromkeys([*base.missing, *head.missing]))
    return Section("What could not be read", lines) if lines else None


def _number(value: float, sign: str = "") -> str:
    if isinstance(value, (bool, str)) or not math.isfinite(value):
        return str(value) if isinstance(value, (bool, str)) else NOTHING
    if value == 0:
        return "0"
    return f"{value:{sign}d}" if isinstance(value, int) else f"{value:{sign}.4f}"


def _interval(one: MetricChange) -> str:
    bounds = one.difference.low, one.difference.high
    if one.outcome is Outcome.NOT_TESTED or not all(map(math.isfinite, bounds)):
        return NOTHING
    return " to ".join(_number(bound, "+") for bound in bounds)


def _value(value: object) -> str:
    return "not there" if value is None else str(value)
