"""Compare how the logits of a person's frames become one score.

    python benchmarks/video_scores.py RUN [RUN ...]

Each run is a folder with data/predictions, such as the repository itself. Per split and way: the
ROC-AUC of the videos, and its paired difference from the mean of the logits with a 95 % interval over
groups of people, from ten groups upward. The way is chosen on val; test shows whether that holds.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from bench import markdown_table
from scipy.special import expit
from scipy.stats import trim_mean

from deepfake.core.labels import Floats
from deepfake.core.roc import roc_auc
from deepfake.evaluation.intervals import paired_differences
from deepfake.evaluation.metrics import rank_statistics
from deepfake.evaluation.predictions import Predictions

MAX_GROUPS = 1000
MEAN = "mean logit"
WAYS: dict[str, Callable[[Floats], float]] = {
    MEAN: lambda logits: float(logits.mean()),
    "mean probability": lambda logits: float(expit(logits).mean()),
    "median": lambda logits: float(np.median(logits)),
    "mean without a fifth at each end": lambda logits: float(trim_mean(logits, 0.2)),
    "mean of the highest quarter": lambda logits: float(
        np.sort(logits)[-max(1, len(logits) // 4) :].mean()
    ),
    "quantile .75": lambda logits: float(np.quantile(logits, 0.75)),
    "quantile .9": lambda logits: float(np.quantile(logits, 0.9)),
    "highest": lambda logits: float(logits.max()),
}


def video_values(predictions: Predictions, way: Callable[[Floats], float]) -> pd.DataFrame:
    """Videos with label, group and value: that of the person with the highest one."""
    frames = predictions.frames
    tracks = frames.groupby(["video_id", "track"])["logit"].agg(lambda part: way(part.to_numpy()))
    values = tracks.groupby("video_id").max().rename("value")
    return predictions.videos.join(values, on="video_id", how="inner")


def rows_of(run: Path, split: str) -> list[list[str]]:
    """The rows of one split of a run."""
    predictions = Predictions.read(run / "data/predictions", split)
    base = video_values(predictions, WAYS[MEAN])
    labels, groups = base["label"].to_numpy(int), base["group"].to_numpy(int)
    if len({*labels}) < 2:
        return []
    before = rank_statistics(labels, base["value"].to_numpy(float))
    rows = []
    for name, way in WAYS.items():
        values = video_values(predictions, way)["value"].to_numpy(float)
        after = rank_statistics(labels, values)
        change = paired_differences(before, after, labels, groups, MAX_GROUPS)["roc_auc"]
        interval = "" if np.isnan(change.low) else f" ({change.low:+.3f} to {change.high:+.3f})"
        cell = f"{change.value:+.3f}{interval}"
        rows.append([run.resolve().name, split, name, f"{roc_auc(labels, values):.3f}", cell])
    return rows


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    args = parser.parse_args()
    rows = [row for run in args.runs for split in ("val", "test") for row in rows_of(run, split)]
    print(markdown_table(["run", "split", "score of a person", "ROC-AUC", "difference"], rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
