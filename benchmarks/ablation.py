"""What each part of the training recipe is worth, and what more data and pixels bring.

Runs `deepfake experiment dfdc_faces` once for each row, with one thing changed, and compares them on
val, whose people are not in train. Test is not looked at: it is for the recipe that was chosen. All
rows have the same seed; the 95 % intervals resample the groups of val, and that of a difference
resamples both models' scores together. Half of the originals, 160 pixels and 6 epochs are what keeps a
row at 7 minutes on two cores (with AMX).

A run that was interrupted goes on, and one that is there is not repeated. `--list` shows the rows.
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
from bench import bench_parser, is_missing, table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepfake.core.labels import Floats, Labels
from deepfake.evaluation.intervals import Interval, group_bootstrap
from deepfake.evaluation.metrics import rank_metrics
from deepfake.evaluation.predictions import Predictions
from deepfake.experiments.run import WORK
from deepfake.plots.figures import save

TOP = Path(__file__).resolve().parents[1]
EXPERIMENT = "dfdc_faces"
Settings = dict[str, float | str]  # of the train section
SMALL: Settings = {"image_size": 160, "share": 0.5, "augmentation": "light", "epochs": 6}
WHOLE: Settings = {**SMALL, "share": 1.0}
PARTS: list[Settings] = [
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
PARTS_OF_WHOLE: list[Settings] = [
    {},
    {"learning_rate": 0.001},
    {"learning_rate": 0.001, "self_blended": 0.2},
]
CURVES: dict[str, list[Settings]] = {  # by what grows
    "share": [{**SMALL, "share": share} for share in (0.25, 0.5, 1.0)],
    "image_size": [{**WHOLE, "image_size": size} for size in (112, 160, 192)],
}
LONGER: list[Settings] = [  # the recipe of the experiment is the second
    {**WHOLE, "image_size": 192},
    {**WHOLE, "image_size": 192, "augmentation": "strong", "epochs": 12},
    {**WHOLE, "image_size": 192, "augmentation": "strong", "epochs": 24},
]
RESAMPLES = 1000


def run_name(settings: Settings) -> str:
    """What the run of a row is called: by what differs from `SMALL`."""
    changed = [f"{key}{value}" for key, value in settings.items() if SMALL.get(key) != value]
    return "_".join(["ablation", *changed])


def run(settings: Settings, data: Path) -> Path:
    """Train and test a row; where its run is."""
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
    subprocess.run([*command, *options, *changes], cwd=TOP, check=True, stdout=sys.stderr)
    return TOP / WORK / name


def val_scores(run: Path) -> tuple[Labels, Floats, Labels]:
    """Labels, logits and groups of the faces of val."""
    found = Predictions.read(run / "data/predictions", "val")
    frames = found.frames.merge(found.videos[["video_id", "group"]], on="video_id")
    frames = frames.sort_values(["video_id", "image"])
    labels, groups = (frames[name].to_numpy(np.int64) for name in ("label", "group"))
    return labels, frames["logit"].to_numpy(float), groups


@cache
def compared(run: Path, base: Path) -> tuple[float, Interval, float, Interval]:
    """ROC-AUC of a run on val with its interval, and its difference to another run with that one's."""
    labels, scores, groups = val_scores(run)
    same_labels, base_scores, _ = val_scores(base)
    if not np.array_equal(labels, same_labels):
        raise SystemExit(f"error: {run} and {base} have not the same val")

    def statistics(labels: Labels, both: Floats) -> Mapping[str, float]:
        ours, theirs = (rank_metrics(labels, column)["roc_auc"] for column in both.T)
        return {"ours": ours, "difference": ours - theirs}

    both = np.stack([scores, base_scores], axis=1)
    found = group_bootstrap(statistics, labels, both, groups, RESAMPLES, seed=0)
    value = statistics(labels, both)
    return value["ours"], found["ours"], value["difference"], found["difference"]


def last_loss(run: Path) -> float:
    """Loss on train of the epoch that was chosen."""
    return float(json.loads((run / "metrics/train.json").read_text())["train_loss"])


def show(name: str, run: Path, base: Path) -> list[str]:
    """A line of the table."""
    value, (low, high), difference, (less, more) = compared(run, base)
    change = "" if run == base else f"{difference:+.3f} ({less:+.3f} to {more:+.3f})"
    return [name, f"{value:.3f} ({low:.3f} to {high:.3f})", change, f"{last_loss(run):.2f}"]


def draw(axes: Axes, name: str, runs: Mapping[float, Path]) -> None:
    """ROC-AUC with its interval, by what grows."""
    base = next(iter(runs.values()))  # as in the table, so that nothing is computed again
    found = [compared(run, base)[:2] for run in runs.values()]
    values = np.array([value for value, _ in found])
    bounds = np.array([interval for _, interval in found]).T
    axes.errorbar(list(runs), values, np.abs(bounds - values), marker="o", capsize=4)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(runs), [f"{value:g}" for value in runs])
    axes.minorticks_off()
    axes.set(xlabel=f"train.{name}", ylabel="ROC-AUC on val, 95 % intervals")
    axes.label_outer()
    axes.grid(alpha=0.3)


def draw_epochs(axes: Axes, runs: Mapping[str, Path]) -> None:
    """ROC-AUC after each epoch, by what the run is called in the legend."""
    for label, path in runs.items():
        epochs = pd.read_csv(path / "plots/train/history.tsv", sep="\t")
        axes.plot(epochs["epoch"], epochs["val_frame_roc_auc"], marker=".", label=label)
    axes.set(xlabel="epoch")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def curves(runs: Mapping[str, Path]) -> Figure:
    """What more data, pixels and epochs bring, from the runs by name."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    *grown, longer = figure.subplots(1, 3, sharey=True)
    for axes, (name, curve) in zip(grown, CURVES.items(), strict=True):
        draw(axes, name, {float(one[name]): runs[run_name(one)] for one in curve})
    labels = [f"{one['augmentation']}, {one['epochs']} epochs" for one in LONGER]
    draw_epochs(longer, dict(zip(labels, (runs[run_name(one)] for one in LONGER), strict=True)))
    return figure


def main() -> int:
    """Run, print the tables, draw the curves."""
    parser = bench_parser(__doc__)
    parser.add_argument("--list", action="store_true", help="show the rows and end")
    parser.add_argument("--picture", type=Path, help="draw the curves into this PNG")
    args = parser.parse_args()
    tables = [
        ("half of the data", [{**SMALL, **part} for part in PARTS]),
        ("all of it", [{**WHOLE, **part} for part in PARTS_OF_WHOLE]),
        *CURVES.items(),
        ("longer", LONGER),
    ]
    rows = {run_name(one): one for _, table_rows in tables for one in table_rows}
    if args.list:
        print("\n".join(rows))
        return 0
    if is_missing(args.bench, EXPERIMENT):
        return 2
    runs = {name: run(settings, args.bench / EXPERIMENT) for name, settings in rows.items()}
    for title, table_rows in tables:
        header = [title, "ROC-AUC on val", "difference", "loss on train"]
        found = {run_name(one): runs[run_name(one)] for one in table_rows}
        base = next(iter(found.values()))
        print(table(header, [show(name, one, base) for name, one in found.items()]) + "\n")
    if args.picture:
        save(curves(runs), args.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
