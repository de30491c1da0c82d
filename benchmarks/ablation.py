"""Measure what each part of the training recipe contributes, and the effect of more data and pixels.

Runs `deepfake experiment dfdc_faces` once per row, with one change each, and compares the runs on
val, whose people are not in train. Test is reserved for the chosen recipe. All rows use the same
seed. The 95 % intervals leave out groups of val in turn; those of differences are paired. With half of
the originals, 160 pixels and 6 epochs, a row takes 7 minutes on two cores with AMX.

An interrupted run is resumed, and a finished run is not repeated. `--list` shows the runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from bench import bench_parser, markdown_table, report_missing
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepfake.core.labels import Floats, Integers, Labels
from deepfake.core.roc import roc_auc
from deepfake.evaluation.intervals import Interval, group_intervals, paired_differences
from deepfake.evaluation.metrics import rank_statistics
from deepfake.evaluation.predictions import Predictions
from deepfake.experiments.run import WORK
from deepfake.plots.figures import save_figure

REPOSITORY = Path(__file__).resolve().parents[1]
EXPERIMENT = "dfdc_faces"
Settings = dict[str, float | str]  # values of the section train of params.yaml
HALF_OF_DATA: Settings = {"image_size": 160, "share": 0.5, "augmentation": "light", "epochs": 6}
ALL_DATA: Settings = {**HALF_OF_DATA, "share": 1.0}
CHANGES: list[Settings] = [
    {},
    {"augmentation": "none"},
    {"augmentation": "strong"},
    {"pairs": 0.0},
    {"ema": 0.0},
    {"layer_decay": 0.7},
    {"warmup_fraction": 0.0},
    {"label_smoothing": 0.0},
    {"weight_decay": 0.0},
    {"init": "random"},
    {"image_size": 112, "region": 1.0},
]
CHANGES_WITH_ALL_DATA: list[Settings] = [
    {},
    {"learning_rate": 0.001},
    {"learning_rate": 0.001, "self_blended": 0.2},
]
CURVES: dict[str, list[Settings]] = {  # runs by the parameter that varies
    "share": [{**HALF_OF_DATA, "share": share} for share in (0.25, 0.5, 1.0)],
    "image_size": [{**ALL_DATA, "image_size": size} for size in (112, 160, 192)],
}
SCHEDULES: list[Settings] = [  # the second is the recipe of the experiment
    {**ALL_DATA, "image_size": 192},
    {**ALL_DATA, "image_size": 192, "augmentation": "strong", "epochs": 12},
    {**ALL_DATA, "image_size": 192, "augmentation": "strong", "epochs": 24},
]
MAX_GROUPS = 1000


def run_name(settings: Settings) -> str:
    """Name of a run: its differences from `HALF_OF_DATA`."""
    changed = [f"{key}{value}" for key, value in settings.items() if HALF_OF_DATA.get(key) != value]
    return "_".join(["ablation", *changed])


def run_experiment(settings: Settings, data: Path) -> Path:
    """Train and evaluate with these settings; return the folder of the run."""
    name = run_name(settings)
    changes = [
        word for key, value in settings.items() for word in ("--set", f"train.{key}={value}")
    ]
    command = [
        sys.executable,
        "-c",
        "from deepfake.cli.app import app; app()",
        "experiment",
        EXPERIMENT,
    ]
    options = ["--as", name, "--stage", "evaluate", "--data", f"{EXPERIMENT}={data}"]
    subprocess.run([*command, *options, *changes], cwd=REPOSITORY, check=True, stdout=sys.stderr)
    return REPOSITORY / WORK / name


def read_val(run: Path) -> tuple[Labels, Floats, Integers]:
    """Labels, logits and groups of the faces of val."""
    predictions = Predictions.read(run / "data/predictions", "val")
    frames = predictions.frames.merge(predictions.videos[["video_id", "group"]], on="video_id")
    frames = frames.sort_values(["video_id", "image"])
    labels, groups = (frames[name].to_numpy(np.int64) for name in ("label", "group"))
    return labels, frames["logit"].to_numpy(float), groups


@cache
def compare(run: Path, base: Path) -> tuple[float, Interval, float, Interval]:
    """ROC-AUC of a run on val and its difference from a base run, each with its interval."""
    labels, logits, groups = read_val(run)
    base_labels, base_logits, _ = read_val(base)
    if not np.array_equal(labels, base_labels):
        raise SystemExit(
            f"error: {run} and {base} have different val splits: delete both and run again"
        )

    old, new = (rank_statistics(labels, values) for values in (base_logits, logits))
    interval = group_intervals(new, labels, groups, MAX_GROUPS)["roc_auc"]
    change = paired_differences(old, new, labels, groups, MAX_GROUPS)["roc_auc"]
    return roc_auc(labels, logits), interval, change.value, (change.low, change.high)


def train_loss(run: Path) -> float:
    """Loss on train of the published epoch."""
    return float(json.loads((run / "metrics/train.json").read_text())["train_loss"])


def table_row(name: str, run: Path, base: Path) -> list[str]:
    """Cells of one row of a table."""
    value, (low, high), difference, (less, more) = compare(run, base)
    change = "" if run == base else f"{difference:+.3f} ({less:+.3f} to {more:+.3f})"
    return [name, f"{value:.3f} ({low:.3f} to {high:.3f})", change, f"{train_loss(run):.2f}"]


def plot_curve(axes: Axes, name: str, runs: Mapping[float, Path]) -> None:
    """Plot the ROC-AUC with its interval against the values of a parameter."""
    base = next(iter(runs.values()))  # that of the table, so that `compare` has the result cached
    points = [compare(run, base)[:2] for run in runs.values()]
    values = np.array([value for value, _ in points])
    bounds = np.array([interval for _, interval in points]).T
    axes.errorbar(list(runs), values, np.abs(bounds - values), marker="o", capsize=4)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(runs), [f"{value:g}" for value in runs])
    axes.minorticks_off()
    axes.set(xlabel=f"train.{name}", ylabel="ROC-AUC on val, 95 % intervals")
    axes.label_outer()
    axes.grid(alpha=0.3)


def plot_epochs(axes: Axes, runs: Mapping[str, Path]) -> None:
    """Plot the ROC-AUC after each epoch, one line per entry of the legend."""
    for label, path in runs.items():
        epochs = pd.read_csv(path / "plots/train/history.tsv", sep="\t")
        axes.plot(epochs["epoch"], epochs["val_frame_roc_auc"], marker=".", label=label)
    axes.set(xlabel="epoch")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def learning_curves(runs: Mapping[str, Path]) -> Figure:
    """Draw the ROC-AUC against data, pixels and epochs, from the runs by name."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    *curve_axes, epoch_axes = figure.subplots(1, 3, sharey=True)
    for axes, (name, curve) in zip(curve_axes, CURVES.items(), strict=True):
        plot_curve(
            axes, name, {float(settings[name]): runs[run_name(settings)] for settings in curve}
        )
    plot_epochs(
        epoch_axes,
        {
            f"{settings['augmentation']}, {settings['epochs']} epochs": runs[run_name(settings)]
            for settings in SCHEDULES
        },
    )
    return figure


def main() -> int:
    """Run the experiments, print the tables, draw the curves."""
    parser = bench_parser(__doc__)
    parser.add_argument("--list", action="store_true", help="print the names of the runs and exit")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="write the curves to this file")
    args = parser.parse_args()
    tables = [
        ("half of the data", [{**HALF_OF_DATA, **change} for change in CHANGES]),
        ("all data", [{**ALL_DATA, **change} for change in CHANGES_WITH_ALL_DATA]),
        *CURVES.items(),
        ("schedule", SCHEDULES),
    ]
    all_settings = {run_name(settings): settings for _, rows in tables for settings in rows}
    if args.list:
        print("\n".join(all_settings))
        return 0
    if report_missing(args.bench, EXPERIMENT):
        return 2
    data = args.bench / EXPERIMENT
    runs = {name: run_experiment(settings, data) for name, settings in all_settings.items()}
    for title, rows in tables:
        header = [title, "ROC-AUC on val", "difference", "loss on train"]
        names = [run_name(settings) for settings in rows]
        base = runs[names[0]]
        print(markdown_table(header, [table_row(name, runs[name], base) for name in names]) + "\n")
    if args.picture:
        save_figure(learning_curves(runs), args.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
