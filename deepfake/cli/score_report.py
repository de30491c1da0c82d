"""What `deepfake evaluate` prints and writes: the metrics of a file of scores on the videos of a split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from deepfake.base.errors import format_list
from deepfake.base.text import printable
from deepfake.core.files import write_metrics
from deepfake.core.labels import LABEL_NAMES
from deepfake.evaluation.curves import write_curves
from deepfake.evaluation.predictions import Predictions
from deepfake.evaluation.score_files import Polarity, ScoreFile, ScoreFileError, read_scores
from deepfake.evaluation.score_matching import (
    Comparison,
    MatchedScores,
    compare_auc,
    match_scores,
    own_split,
    read_split,
)
from deepfake.evaluation.split_metrics import evaluate, evaluate_datasets
from deepfake.params.schema import EvaluateParams

OF_PROBABILITIES = (
    "brier",
    "log_loss",
    "calibration_error",
)  # metrics that other scores do not have
CHANCE = 0.5  # ROC-AUC
MAX_NAMES = 5
PLOT_SUFFIXES = (".tsv", ".png")  # of what --plots writes
FRAME_COLUMNS = ["video_id", "label", "method", "logit", "score"]
TITLES = {  # of metrics, where the name without underscores is none
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "eer": "equal error rate",
    "recall": "recall (of FAKE)",
    "f1": "F1",
    "brier": "Brier score",
}


@dataclass(frozen=True)
class ScoreReport:
    """The metrics of a file of scores.

    Attributes:
        scores: the file.
        matched: the videos with their scores.
        metrics: as `split_metrics.evaluate` returns them, without frames.
        comparison, other: with the file `other`, if there is one.
    """

    scores: ScoreFile
    matched: MatchedScores
    metrics: dict[str, Any]
    comparison: Comparison | None = None
    other: Path | None = None

    def write_json(self, path: Path) -> None:
        """Write the metrics, with the names of docs/metrics.md."""
        unknown = {"file": {"rows": len(self.scores.rows), "unknown": len(self.matched.unknown)}}
        comparison = {"comparison": vars(self.comparison)} if self.comparison else {}
        write_metrics(path, {**self.metrics, **unknown, **comparison})

    def write_plots(self, folder: Path) -> None:
        """Write the curves of the stage evaluate as tables, and their figure."""
        from deepfake.plots.evaluation import evaluation_overview
        from deepfake.plots.figures import save_figure

        write_curves(folder, self.matched.videos)
        videos = {self.scores.path.stem: self.matched.videos}
        save_figure(evaluation_overview(videos, self.matched.threshold), folder / "evaluation.png")


def report_scores(
    path: Path, split: Path | None, fake: Polarity, threshold: float | None, params: EvaluateParams
) -> ScoreReport:
    """Match a file of scores with a split, or with its own labels, and compute the metrics.

    Raises:
        ScoreFileError: as `read_scores`, `own_split`, `read_split` and `match_scores`.
    """
    scores = read_scores(path, fake)
    videos = own_split(scores) if split is None else read_split(split)
    matched = match_scores(scores, videos, threshold)
    predictions = Predictions(pd.DataFrame(columns=FRAME_COLUMNS), matched.videos)
    metrics = evaluate(predictions, matched.threshold, params)
    if datasets := evaluate_datasets(predictions, matched.threshold, params):
        metrics["datasets"] = datasets
    return ScoreReport(scores, matched, _of_videos(metrics, scores.probabilities))


def check_outputs(inputs: Sequence[Path], json_file: Path | None, plots: Path | None) -> None:
    """Raise ScoreFileError if a file to be written could replace one of the inputs."""
    for path in inputs:
        place = path.resolve()
        if json_file is not None and json_file.resolve() == place:
            raise ScoreFileError(f"--json {json_file} is an input: name another file")
        is_there = plots is not None and plots.resolve() == place.parent
        if is_there and place.suffix in PLOT_SUFFIXES:
            raise ScoreFileError(f"--plots {plots} is the folder of {path}: name another folder")


def compared(
    report: ScoreReport, other: Path, split: Path | None, params: EvaluateParams
) -> ScoreReport:
    """The report with the comparison with another file of scores on the same videos.

    Raises:
        ScoreFileError: as `report_scores`.
    """
    scores = read_scores(other, "high")
    videos = own_split(report.scores) if split is None else read_split(split)
    # Only ranks are compared, so any threshold will do.
    matched = match_scores(scores, videos, threshold=0.5)
    comparison = compare_auc(report.matched.videos, matched.videos, params)
    return replace(report, comparison=comparison, other=other)


def _of_videos(metrics: dict[str, Any], probabilities: bool) -> dict[str, Any]:
    """The metrics without those of frames and, for other scores, without those of probabilities."""
    left_out = {"frame", *(() if probabilities else OF_PROBABILITIES)}
    return {
        key: _of_videos(value, probabilities) if isinstance(value, dict) else value
        for key, value in metrics.items()
        if key not in left_out
    }


def print_report(report: ScoreReport) -> None:
    """Print a table of the metrics, then what a reader must know about the file."""
    video = report.metrics["video"]
    intervals = video.get("interval_95", {})
    table = Table(box=None, pad_edge=False)
    table.add_column("metric of videos", no_wrap=True)
    table.add_column("value", justify="right")
    table.add_column("95 % interval", no_wrap=True)
    for name, value in video.items():
        if isinstance(value, float):  # counts are not
            title = TITLES.get(name, name.replace("_", " "))
            table.add_row(title, _number(value), _range(intervals.get(name)))
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for line in [*_coverage(report), *_by_method(video), *_comparison(report), *_notes(report)]:
        typer.echo("\n".join(map(printable, line.split("\n"))))


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.4f}" if math.isfinite(value) else "-"


def _range(bounds: dict[str, float] | None) -> str:
    """An interval; "" where there is none."""
    if bounds is None or not math.isfinite(bounds["low"]):
        return ""
    return f"{bounds['low']:.4f} to {bounds['high']:.4f}"


def _coverage(report: ScoreReport) -> list[str]:
    videos = report.matched.videos
    scored = videos[videos["score"].notna()]
    counts = ", ".join(
        f"{(scored['label'] == label).sum()} {name}" for label, name in LABEL_NAMES.items()
    )
    lines = [
        f"{len(scored)} of {len(videos)} videos have a score ({counts}), in"
        f" {scored['group'].nunique()} groups"
    ]
    reasons = videos.loc[videos["score"].isna(), "reason"].value_counts()
    lines += [f"{count} UNDECIDED: {reason}" for reason, count in reasons.items()]
    return lines


def _by_method(video: dict[str, Any]) -> list[str]:
    """ROC-AUC of each method, where there are several."""
    methods = video.get("methods", {})
    return [
        f"{name}: ROC-AUC {one['roc_auc']:.4f} ({one['videos']} FAKE videos)"
        for name, one in methods.items()
        if len(methods) > 1
    ]


def _notes(report: ScoreReport) -> list[str]:
    scores, matched = report.scores, report.matched
    name, score = scores.columns
    cut = f"{matched.file_threshold:g}"
    cut = f"from {cut} on" if scores.fake == "high" else f"up to {cut}"
    notes = [f"videos by column {name}, {scores.fake} values of column {score} mean FAKE, {cut}"]
    if report.metrics["video"]["roc_auc"] < CHANCE:
        other = "low" if scores.fake == "high" else "high"
        notes.append(
            f"WARNING: ROC-AUC below chance; if {other} scores mean FAKE, use --fake {other}"
        )
    if not scores.probabilities:
        notes.append("scores are not within 0 to 1, so there is no Brier score and no log loss")
    if matched.unknown:
        title = f"{len(matched.unknown)} rows are of videos that the split does not have:"
        notes.append(format_list(title, matched.unknown, MAX_NAMES))
    if matched.conflicts:
        title = f"{len(matched.conflicts)} rows have another label than the split, which counts:"
        notes.append(format_list(title, matched.conflicts, MAX_NAMES))
    if matched.videos["group"].is_unique and len(matched.videos) > 1:
        notes.append(
            "WARNING: every video is a group of its own: if people occur in several videos, the"
            " intervals are too narrow; add a column group"
        )
    return notes


def _comparison(report: ScoreReport) -> list[str]:
    """The ROC-AUC of both files on their common videos, and whether the difference is luck."""
    found = report.comparison
    if found is None:
        return []
    meaning = "better" if found.low > 0 else "worse" if found.high < 0 else "no evidence"
    meaning = meaning if math.isfinite(found.low) else "no interval, too few groups"
    value, low, high = (
        _number(number, "+") for number in (found.first - found.second, found.low, found.high)
    )
    return [
        f"compared with {report.other} on {found.videos} common videos in {found.groups} groups:"
        f" ROC-AUC {_number(found.first)} and {_number(found.second)},\n  difference {value}"
        f" ({low} to {high}): {meaning}"
    ]
