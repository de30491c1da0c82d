"""DVC's experiments of the last commit: which setting is best on val, over all seeds, and a figure."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from matplotlib import colormaps
from matplotlib.figure import Figure

from deepfake.core.labels import SPLITS
from deepfake.params.overlay import ExperimentError

SEED = "train.seed"
NAME = "experiment"  # column of the names that DVC gives
MANY_VALUES = 12  # labels on an axis at most
HOW = (
    "`dvc exp run --queue -S train.seed=0,1,2`, then `dvc exp run --run-all` (docs/experiments.md)"
)


def read_runs(metric: str) -> pd.DataFrame:
    """The finished experiments of HEAD, in the current folder: a row for each.

    Returns:
        Columns `NAME`, the parameters in which they differ, and the metric; the best run first.

    Raises:
        ExperimentError: there are none, they have no such metric or the same parameters, or this is
            no DVC repository. Also for a metric of test, which must not choose a setting.
    """
    import dvc.api
    from dvc.exceptions import DvcException

    if metric.split(".")[0] == SPLITS[-1]:
        raise ExperimentError(
            f"{metric} is of test, which only measures: choose settings by a metric of val"
        )
    try:
        rows = dvc.api.exp_show()
        params = yaml.safe_load(Path("params.yaml").read_bytes())
    except (DvcException, OSError) as error:
        raise ExperimentError(
            f"no experiments could be read ({error}): run this in a clone"
        ) from error
    runs = pd.DataFrame([row for row in rows if row["Experiment"] is not None])
    if metric in runs:
        runs = runs[runs[metric].notna()]
    if runs.empty or metric not in runs:
        raise ExperimentError(f"no experiment of the last commit has {metric}: run {HOW}")
    names = [name for name in _flat(params) if name in runs]
    changed = [name for name in names if runs[name].astype(str).nunique() > 1]
    if not changed:
        raise ExperimentError(f"the experiments differ in no parameter: run more, with {HOW}")
    runs = runs.rename(columns={"Experiment": NAME})[[NAME, *changed, metric]]
    return runs.sort_values([metric, NAME], ascending=[False, True], ignore_index=True)


def _flat(params: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Names of all values, such as train.seed."""
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def summarise(runs: pd.DataFrame) -> pd.DataFrame:
    """The settings, without the seed, with mean, lowest and highest of the metric; the best mean first.

    Args:
        runs: as `read_runs` returns them.
    """
    metric = runs.columns[-1]
    settings = [name for name in runs.columns[1:-1] if name != SEED]
    groups = runs.groupby(settings, dropna=False) if settings else runs.groupby(lambda _: 0)
    found = groups[metric].agg(["count", "mean", "min", "max"]).sort_values("mean", ascending=False)
    table = found.reset_index(drop=not settings).rename(columns={"count": "runs"})
    texts: pd.DataFrame = table.apply(lambda column: column.map(_text))
    return texts


def _text(value: Any) -> str:
    """A value as in params.yaml; DVC gives whole numbers as floats."""
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def plot_runs(runs: pd.DataFrame) -> Figure:
    """Parallel coordinates: an axis for each parameter and the metric, a line for each run.

    Inselberg, The plane with parallel coordinates, 1985. Values of a parameter are evenly spaced.

    Args:
        runs: as `read_runs` returns them.
    """
    names = [*runs.columns[1:]]
    metric = runs[names[-1]].astype(float)
    low, high = metric.min(), metric.max()
    colours = colormaps["viridis"]((metric - low) / (high - low or 1))
    figure = Figure(figsize=(2.2 * len(names) + 1.5, 4.5), layout="constrained")
    axes = figure.subplots()
    heights, labels = [], []
    for name in names[:-1]:
        values = sorted(runs[name].unique(), key=lambda value: (isinstance(value, str), value))
        places = dict(zip(values, _spaced(len(values)), strict=True))
        heights.append(runs[name].map(places))
        labels.append({place: _text(value) for value, place in places.items()})
    heights.append((metric - low) / (high - low or 1))
    labels.append({0.0: f"{low:.4f}", 1.0: f"{high:.4f}"})
    for line, colour in zip(np.transpose(heights), colours, strict=True):
        axes.plot(range(len(names)), line, color=colour, alpha=0.8)
    for place, texts in enumerate(labels):
        axes.axvline(place, color="0.4", linewidth=0.8)
        for height, text in [*texts.items()][:: -(-len(texts) // MANY_VALUES)]:
            axes.annotate(
                text,
                (place, height),
                xytext=(4, 3),
                textcoords="offset points",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1},
            )
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks([])
    axes.set_xlim(-0.2, len(names) - 0.5)
    axes.set_title(f"{len(runs)} experiments, coloured by {names[-1]}")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _spaced(count: int) -> list[float]:
    """Heights from 0 to 1; the middle for one value."""
    return [0.5] if count == 1 else [place / (count - 1) for place in range(count)]
