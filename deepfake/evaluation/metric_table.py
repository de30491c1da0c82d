"""All metrics of an evaluation as one table, and the few that a person compares between revisions."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

COUNTS = ["videos", "groups", "real_groups", "fake_groups"]
COLUMNS = [
    *("split", "unit", "part", "value_of_part", "metric"),
    *("value", "low", "high", *COUNTS),
]
ALL, METHOD, DATASET = "all", "method", "dataset"  # parts; the others are names of slices
UNDECIDED_COUNTED = ("left_out", "as_wrong", "as_real")  # units, beside frame and video

# Of metrics/evaluate.json, by the unit that they are measured on
HEADLINE: dict[str, dict[str, tuple[str, ...]]] = {
    "val": {"video": ("roc_auc", "balanced_accuracy")},
    "test": {
        "video": (
            *("roc_auc", "pr_auc", "balanced_accuracy", "f1", "tpr_at_5_percent_fpr"),
            *("false_positive_rate", "calibration_error"),
        ),
        "frame": ("roc_auc", "balanced_accuracy"),
    },
}


def metric_table(
    splits: Mapping[str, Mapping[str, Any]],
    datasets: Mapping[str, Mapping[str, Any]],
    slices: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """All metrics in long form, one row for each.

    Args:
        splits: as `split_metrics.evaluate` returns them, by the name of the split.
        datasets: as `split_metrics.evaluate_datasets` returns them for test.
        slices: as `slices.evaluate_slices` returns them for test.

    Returns:
        `COLUMNS`. `unit` is what is counted: frame, video, or videos with the UNDECIDED ones left_out,
        as_wrong or as_real; `part` is all, method, dataset or the name of a slice. The interval, low
        to high, is missing where there is none; undefined metrics have no row.
    """
    rows: list[dict[str, Any]] = []
    for split, metrics in splits.items():
        rows += _of_videos(metrics, {"split": split, "part": ALL, "value_of_part": ""})
        for method, measured in metrics["video"]["methods"].items():
            part = {"part": METHOD, "value_of_part": method}
            rows += _rows(measured, {"split": split, "unit": "video", **part})
    for dataset, metrics in datasets.items():
        part = {"part": DATASET, "value_of_part": dataset}
        rows += _of_videos(metrics, {"split": "test", **part})
    for name, parts in slices.items():
        for value, measured in parts.items():
            where = {"split": "test", "unit": "video", "part": name}
            rows += _rows(measured, {**where, "value_of_part": _range(value, measured)})
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table[table["value"].notna()].reset_index(drop=True)


def headline(
    splits: Mapping[str, Mapping[str, Any]], people_with_fpr_above_half: float
) -> dict[str, dict[str, float]]:
    """The metrics that a person compares between revisions, for metrics/evaluate.json.

    Args:
        splits: as for `metric_table`.
        people_with_fpr_above_half: of test.
    """
    metrics: dict[str, dict[str, float]] = {}
    for split, units in HEADLINE.items():
        if split in splits:
            metrics[split] = {
                name if unit == "video" else f"{unit}_{name}": splits[split][unit][name]
                for unit, names in units.items()
                for name in names
            }
    if "test" in splits:
        metrics["test"] |= {
            "people_with_fpr_above_half": people_with_fpr_above_half,
            "coverage": splits["test"]["coverage"]["fraction"],
            "videos": splits["test"]["coverage"]["videos"],
            "groups": splits["test"]["video"]["groups"],
        }
    return metrics


def _of_videos(metrics: Mapping[str, Any], where: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Rows of the frames and videos of a split or data set, and of its coverage."""
    coverage = metrics["coverage"]
    for unit in ("frame", "video"):
        yield from _rows(metrics[unit], {**where, "unit": unit})
    for name, value in (("coverage", "fraction"), ("undecided", "undecided")):
        row = {"metric": name, "value": coverage[value], "videos": coverage["videos"]}
        yield {**where, "unit": "video", **row}
    for unit in UNDECIDED_COUNTED:
        yield from _rows(coverage[unit], {**where, "unit": unit})


def _rows(measured: Mapping[str, Any], where: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """One row per metric that `split_metrics.measure_rows` returned."""
    intervals = measured["interval_95"]
    counts = {name: measured[name] for name in COUNTS}
    for name, value in measured.items():
        if name not in (*COUNTS, "from", "to") and not isinstance(value, dict):
            yield {**where, "metric": name, "value": value, **intervals.get(name, {}), **counts}


def _range(value: str, measured: Mapping[str, Any]) -> str:
    """The name of a part of a slice, with its range if it is a third of the videos."""
    return (
        f"{value}: {measured['from']:.4g} to {measured['to']:.4g}" if "from" in measured else value
    )
