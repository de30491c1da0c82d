"""What each part of the training recipe is worth, and what more data, pixels or epochs bring.

Runs `deepfake experiment dfdc_faces` once for each row, with one thing changed, and compares them on
val, whose people are not in train. Test is not looked at: it is for the recipe that was chosen. All
rows have the same seed; the 95 % intervals resample the groups of val, and that of a difference
resamples both models' scores together.

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
from bench import bench_parser, is_missing, table
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepfake.evaluation import Predictions
from deepfake.experiment import WORK
from deepfake.metrics import rank_metrics
from deepfake.plots import save
from deepfake.uncertainty import Floats, Interval, Labels, group_bootstrap

TOP = Path(__file__).resolve().parents[1]
EXPERIMENT = "dfdc_faces"
# Parts are taken out or put in on half of the originals at 160 pixels: a row then takes 7 minutes.
HALF = ["train.image_size=160", "train.share=0.5"]
BASE = "as in dfdc_faces.yaml"
PARTS: dict[str, list[str]] = {
    BASE: [],
    "pairs 0": ["train.pairs=0"],
    "self_blended 0.2": ["train.self_blended=0.2"],
    "augmentation none": ["train.augmentation=none"],
    "augmentation strong": ["train.augmentation=strong"],
    "ema 0": ["train.ema=0"],
    "label_smoothing 0": ["train.label_smoothing=0"],
    "layer_decay 0.7": ["train.layer_decay=0.7"],
    "weight_decay 0": ["train.weight_decay=0"],
    "learning_rate 0.001": ["train.learning_rate=0.001"],
    "init random": ["train.init=random"],
}
CURVES: dict[str, dict[float, list[str]]] = {  # by what grows: the values, and the settings of each
    "share": {
        value: [HALF[0]] if value == 1 else [HALF[0], f"train.share={value}"]
        for value in (0.125, 0.25, 0.5, 1)
    },
    "image_size": {
        value: [] if value == 192 else [f"train.image_size={value}"] for value in (112, 160, 192)
    },
    "epochs": {value: [] if value == 6 else [f"train.epochs={value}"] for value in (3, 6, 12)},
}
RESAMPLES = 1000


def run_name(settings: list[str]) -> str:
    """What the run of a row is called."""
    return "ablation" + "".join(
        f"_{one.removeprefix('train.').replace('=', '')}" for one in settings
    )


def run(settings: list[str], data: Path) -> Path:
    """Train and test a row; where its run is."""
    name = run_name(settings)
    changes = [word for one in settings for word in ("--set", one)]
    command = [
        sys.executable,
        "-c",
        "from deepfake.cli import app; app()",
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


def draw(axes: Axes, name: str, runs: Mapping[float, Path], base: Path) -> None:
    """ROC-AUC with its interval, by what grows."""
    found = [compared(run, base)[:2] for run in runs.values()]
    values = np.array([value for value, _ in found])
    bounds = np.array([interval for _, interval in found]).T
    axes.errorbar(list(runs), values, np.abs(bounds - values), marker="o", capsize=4)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(runs), [f"{value:g}" for value in runs])
    axes.minorticks_off()
    axes.set(xlabel=f"train.{name}")
    axes.grid(alpha=0.3)


def main() -> int:
    """Run, print the tables, draw the curves."""
    parser = bench_parser(__doc__)
    parser.add_argument("--list", action="store_true", help="show the rows and end")
    parser.add_argument("--picture", type=Path, help="draw the curves into this PNG")
    args = parser.parse_args()
    parts = {name: HALF + settings for name, settings in PARTS.items()}
    rows = [*parts.values(), *(one for curve in CURVES.values() for one in curve.values())]
    if args.list:
        print("\n".join(dict.fromkeys(map(run_name, rows))))
        return 0
    if is_missing(args.bench, EXPERIMENT):
        return 2
    runs = {run_name(settings): run(settings, args.bench / EXPERIMENT) for settings in rows}
    header = ["", "ROC-AUC on val", "difference", "loss on train"]
    base = runs[run_name(parts[BASE])]
    lines = [show(name, runs[run_name(settings)], base) for name, settings in parts.items()]
    print(table(header, lines) + "\n")
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    panels = figure.subplots(1, len(CURVES), sharey=True)
    for axes, (name, curve) in zip(panels, CURVES.items(), strict=True):
        points = {value: runs[run_name(settings)] for value, settings in curve.items()}
        header[0], base = name, points[max(points)]
        print(table(header, [show(f"{at:g}", run, base) for at, run in points.items()]) + "\n")
        draw(axes, name, points, base)
    panels[0].set(ylabel="ROC-AUC on val, 95 % intervals")
    if args.picture:
        save(figure, args.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
