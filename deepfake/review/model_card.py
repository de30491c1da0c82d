"""The model card that people read: what a model is for, how often it is wrong, and what it was made of.

Mitchell et al., Model Cards for Model Reporting, 2019. Numbers come from the files of a run, words
from notes that a person writes.
"""

import html
import json
import math
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from deepfake.base.errors import DeepfakeError
from deepfake.base.text import printable
from deepfake.core.groups import MIN_GROUPS
from deepfake.core.labels import FAKE, LABEL_NAMES, SPLITS
from deepfake.core.tables import read_csv
from deepfake.model.card import ModelCard, read_card
from deepfake.model.operating_points import (
    BALANCED,
    CAUTIOUS,
    MEASURED,
    OPERATING_POINTS,
    Measured,
    Rate,
    read_measured,
)

SECTIONS = ("Intended use", "Out of scope", "Known failures", "Terms")  # of the notes
DASH = "–"  # in a table, where there is nothing
WHOLE = "all"  # the part of plots/evaluate/metrics.tsv that is all videos
METRICS = {  # rows of the table of results, by unit and name in plots/evaluate/metrics.tsv
    ("video", "roc_auc"): "ROC-AUC",
    ("video", "pr_auc"): "PR-AUC",
    ("video", "balanced_accuracy"): "balanced accuracy",
    ("video", "f1"): "F1",
    ("video", "tpr_at_5_percent_fpr"): "fakes found, if 5 % of real videos are called FAKE",
    ("video", "precision_at_1_in_100"): "right alarms, if one video in 100 is fake",
    ("video", "calibration_error"): "calibration error",
    ("video", "coverage"): "share of videos with a usable face",
    ("frame", "roc_auc"): "ROC-AUC of single frames",
}
PART_METRICS = ("roc_auc", "recall", "false_positive_rate")
FIRST_PARTS = ("dataset", "method")  # of the table of parts; slices follow


class CardError(DeepfakeError):
    """The model card cannot be written: notes or results are missing or have another form."""


@dataclass(frozen=True)
class Notes:
    """What a person wrote about a model.

    Attributes:
        title: heading of the card.
        introduction: below it; may be "".
        sections: text by heading, one for each of `SECTIONS`.
    """

    title: str
    introduction: str
    sections: dict[str, str]


@dataclass(frozen=True)
class Results:
    """The files of a run that a card is made of.

    Attributes:
        card: models/model.json.
        measured: models/operating_points.json.
        metrics: plots/evaluate/metrics.tsv.
        leaks, people: of metrics/split.json.
        people_with_high_fpr: of metrics/evaluate.json; None where too few people are known.
        balance: plots/split/balance.tsv.
        summary: plots/split/summary.tsv.
        robustness: plots/robustness.tsv.
        shortcuts: plots/shortcuts.tsv.
    """

    card: ModelCard
    measured: dict[str, Measured]
    metrics: pd.DataFrame
    leaks: int
    people: int
    people_with_high_fpr: float | None
    balance: pd.DataFrame
    summary: pd.DataFrame
    robustness: pd.DataFrame
    shortcuts: pd.DataFrame


def model_card(run: Path, notes: Path) -> str:
    """The Markdown of the card of the model of a run.

    Args:
        run: top of the folder in which the pipeline ran.
        notes: Markdown with a title and the headings `SECTIONS`.

    Raises:
        CardError: the notes have other headings, or a file is missing or damaged.
        ModelError: as `read_card` and `read_measured`.
    """
    words = read_notes(notes)
    try:
        return render(read_results(run), words)
    except FileNotFoundError as error:
        raise CardError(f"{error.filename} is missing: run `dvc repro` or `dvc pull`") from error
    except (ValueError, KeyError) as error:
        raise CardError(
            f"results in {run} are of another version or damaged ({error!r}): run `dvc repro`"
        ) from error


def read_notes(path: Path) -> Notes:
    """Read the notes.

    Raises:
        CardError: there are none, or other headings than one title and `SECTIONS`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise CardError(f"{path} is missing: restore it with `git checkout -- {path}`") from error
    head, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    title = re.match(r"# (.+)\n", head)
    sections = {
        heading.strip(): body.strip() for heading, _, body in (one.partition("\n") for one in parts)
    }
    empty = [name for name, body in sections.items() if not body]
    if title is None or len(sections) < len(parts) or sections.keys() != {*SECTIONS} or empty:
        wanted = ", ".join(f"## {name}" for name in SECTIONS)
        raise CardError(
            f"{path} must begin with a title (# ...) and have these headings once, each with a text:"
            f" {wanted}"
        )
    return Notes(title[1].strip(), head[title.end() :].strip(), sections)


def read_results(run: Path) -> Results:
    """Read the files of a run.

    Raises:
        FileNotFoundError: one is missing.
        ValueError: one is damaged.
    """
    models, plots = run / "models", run / "plots"
    (models / MEASURED).stat()  # `read_measured` allows for models without it
    return Results(
        card=read_card(models),
        measured=read_measured(models),
        metrics=read_csv(plots / "evaluate/metrics.tsv"),
        leaks=_read_metric(run / "metrics/split.json", "leaks"),
        people=_read_metric(run / "metrics/split.json", "people"),
        people_with_high_fpr=_read_metric(
            run / "metrics/evaluate.json", "test", "people_with_fpr_above_half"
        ),
        balance=read_csv(plots / "split/balance.tsv"),
        summary=read_csv(plots / "split/summary.tsv"),
        robustness=read_csv(plots / "robustness.tsv"),
        shortcuts=read_csv(plots / "shortcuts.tsv"),
    )


def _read_metric(path: Path, *keys: str) -> Any:
    """A value of a file of metrics; None where it is undefined, which leaves it out."""
    value = json.loads(path.read_text(encoding="utf-8"))
    for key in keys:
        value = value.get(key, {})
    return None if value == {} else value


def render(results: Results, notes: Notes) -> str:
    """The Markdown of a card."""
    environment = Environment(
        loader=PackageLoader("deepfake.review"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, in which `cell` makes names safe
    )
    filters = (cell, count, number, per_hundred, with_interval)
    environment.filters |= {one.__name__: one for one in filters}
    default = BALANCED if results.card.operating_points[CAUTIOUS] is None else CAUTIOUS
    text: str = environment.get_template("model_card.md").render(
        notes=notes,
        card=results.card,
        leaks=results.leaks,
        people=results.people,
        people_with_high_fpr=results.people_with_high_fpr,
        default=default,
        measured=results.measured.get(default),
        points=[
            (name, results.card.operating_points[name], results.measured.get(name))
            for name in OPERATING_POINTS
        ],
        methods=fake_methods(results.balance),
        splits=list(split_rows(results)),
        metrics=list(metric_rows(results.metrics)),
        parts=list(part_rows(results.metrics)),
        weakest=weakest_part(results.metrics),
        degradations=list(degradation_rows(results.robustness)),
        shortcuts=[
            {**row, "measured": _value(row, "roc_auc")}
            for row in results.shortcuts.to_dict("records")
        ],
        min_groups=MIN_GROUPS,
    )
    return text


def fake_methods(balance: pd.DataFrame) -> dict[str, list[str]]:
    """Names of the methods of making fakes, by split."""
    fakes = balance[balance["label"] == FAKE]
    return {name: sorted(fakes.loc[fakes["split"] == name, "method"]) for name in SPLITS}


def split_rows(results: Results) -> Iterator[dict[str, Any]]:
    """Videos by label, people and groups of each split."""
    known = results.summary.set_index("quantity")["value"]
    for split, rows in results.balance.groupby("split", sort=False):
        videos = rows.groupby("label")["videos"].sum()
        yield {
            "split": split,
            **{name: int(videos.get(label, 0)) for label, name in LABEL_NAMES.items()},
            "people": int(known[f"{split}.identities"]),
            "groups": int(known[f"{split}.groups"]),
        }


def metric_rows(metrics: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Those of `METRICS` that are defined on all test videos."""
    whole = metrics[(metrics["split"] == "test") & (metrics["part"] == WHOLE)]
    found = {(row["unit"], row["metric"]): row for row in whole.to_dict("records")}
    for key, title in METRICS.items():
        if key in found:
            yield {"title": title, **{str(name): value for name, value in found[key].items()}}


def part_rows(metrics: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """One row for each part of the test videos, with `PART_METRICS`: data sets, methods, slices."""
    is_part = metrics["part"] != WHOLE
    parts = metrics[(metrics["split"] == "test") & (metrics["unit"] == "video") & is_part]
    parts = parts[parts["metric"].isin(PART_METRICS)]
    names = [*FIRST_PARTS, *(name for name in parts["part"].unique() if name not in FIRST_PARTS)]
    for name in names:
        for value, rows in parts[parts["part"] == name].groupby("value_of_part", sort=False):
            by_metric = rows.set_index("metric")[["value", "low", "high"]].to_dict("index")
            yield {
                "part": name.replace("_", " "),
                "value_of_part": value,
                **rows[["videos", "groups"]].iloc[0].to_dict(),
                **{metric: by_metric.get(metric) for metric in PART_METRICS},
            }


def weakest_part(metrics: pd.DataFrame) -> dict[str, Any] | None:
    """The row of `part_rows` with the lowest ROC-AUC; None without any."""
    rows = [row for row in part_rows(metrics) if row["roc_auc"]]
    return min(rows, key=lambda row: float(row["roc_auc"]["value"]), default=None)


def degradation_rows(robustness: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The strongest level of each degradation, the largest drop first."""
    strongest = robustness.sort_values("level", kind="stable").drop_duplicates(
        "degradation", keep="last"
    )
    for row in strongest.sort_values("drop", ascending=False, kind="stable").to_dict("records"):
        measured, drop = _value(row, "roc_auc"), _value(row, "drop", "drop_")
        yield {
            "degradation": row["degradation"],
            "measured": measured,
            "drop": drop,
            "flipped": row["flipped"],
        }


def _value(row: Mapping[Hashable, Any], name: str, prefix: str = "") -> dict[str, float]:
    """A value of a table with its interval."""
    return {"value": row[name], "low": row[f"{prefix}low"], "high": row[f"{prefix}high"]}


def cell(text: object) -> str:
    r"""A name that comes from data, as text in Markdown and its tables.

    >>> cell("a|b<i>")
    'a\\|b&lt;i&gt;'
    """
    return html.escape(printable(str(text)), quote=False).replace("|", r"\|")


def count(value: float) -> str:
    """A number of videos or groups, or a dash where it is missing."""
    return f"{value:.0f}" if math.isfinite(value) else DASH


def number(value: float) -> str:
    """A share or a difference of two, or a dash where it is missing.

    >>> number(0.8034), number(1), number(-0.05), number(math.nan)
    ('.803', '1.000', '-.050', '–')
    """
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.3f}") if math.isfinite(value) else DASH


def with_interval(measured: Mapping[str, float] | None) -> str:
    """A value with its interval, where there is one.

    >>> with_interval({"value": 0.8034, "low": 0.7, "high": 0.9})
    '.803 (.700 to .900)'
    """
    if measured is None:
        return DASH
    text = number(measured["value"])
    if math.isfinite(measured["low"]) and math.isfinite(measured["high"]):
        text += f" ({number(measured['low'])} to {number(measured['high'])})"
    return text


def per_hundred(rate: Rate) -> str:
    """How many of 100 videos, with the interval where there is one.

    >>> per_hundred(Rate(0.254, 0.2, 0.312)), per_hundred(Rate(0.25, None, None))
    ('25 (20 to 31)', '25')
    """
    if rate.value is None:
        return DASH
    if rate.low is None or rate.high is None:
        return f"{100 * rate.value:.0f}"
    return f"{100 * rate.value:.0f} ({100 * rate.low:.0f} to {100 * rate.high:.0f})"
