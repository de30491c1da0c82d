"""The files that a finished run leaves for people and for `deepfake review`, with made-up numbers."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.core.files import write_json, write_metrics
from deepfake.core.tables import quantity_table, write_csv

RATES = ("false_positive_rate", "false_negative_rate", "recall", "undecided")
COUNTS = {"videos": 400, "groups": 40, "real_groups": 40, "fake_groups": 30}


def rate(value: float, width: float | None = 0.05) -> dict[str, float | None]:
    """A rate of models/operating_points.json; without a width it has no interval."""
    low, high = (None, None) if width is None else (value - width, value + width)
    return {"value": value, "low": low, "high": high}


def point(low: float, high: float, width: float | None = 0.05, groups: int = 40) -> dict[str, Any]:
    """What an operating point measured: of 100 REAL 5 are called FAKE, of 100 FAKE 70."""
    measured = zip(RATES, (0.05, 0.2, 0.7, 0.1), strict=True)
    return {
        "thresholds": {"real_below": low, "fake_from": high},
        **{"real_videos": 200, "fake_videos": 200, "real_groups": groups, "fake_groups": groups},
        **{name: rate(value, width) for name, value in measured},
    }


def model_json(starter: Path, points: dict[str, Any], problems: dict[str, str]) -> dict[str, Any]:
    """A card, the starter's with other operating points."""
    thresholds = {name: one and one["thresholds"] for name, one in points.items()}
    card: dict[str, Any] = json.loads(starter.read_text(encoding="utf-8"))
    return {**card, "operating_points": thresholds, "point_problems": problems}


def metric_rows(
    part: str, value: str, unit: str = "video", **metrics: float
) -> list[dict[str, Any]]:
    """Rows of plots/evaluate/metrics.tsv, with an interval of .05 on each side."""
    where = {"split": "test", "unit": unit, "part": part, "value_of_part": value}
    return [
        {**where, "metric": name, "value": one, "low": one - 0.05, "high": one + 0.05, **COUNTS}
        for name, one in metrics.items()
    ]


def write_run(
    folder: Path,
    starter: Path,
    points: dict[str, Any] | None = None,
    problems: dict[str, str] | None = None,
) -> Path:
    """Write the files below a folder, and return it.

    Args:
        folder: created if it is missing.
        starter: model.json of any model.
        points: of models/operating_points.json; all four are there by default.
        problems: why those that are None are not there.
    """
    points = points or {
        **dict.fromkeys(("balanced", "strict", "screening"), point(0.5, 0.5)),
        "cautious": point(0.3, 0.8),
    }
    problems = problems or {}
    write_json(folder / "models/model.json", model_json(starter, points, problems))
    measured = {"operating_points": points, "point_problems": problems}
    write_json(folder / "models/operating_points.json", measured)
    test = {"roc_auc": 0.9, "coverage": 0.98, "videos": 400, "people_with_fpr_above_half": 0.07}
    write_metrics(folder / "metrics/evaluate.json", {"val": {"roc_auc": 0.91}, "test": test})
    write_metrics(folder / "metrics/split.json", {"leaks": 0, "people": 70, "groups": 60})
    rows = [
        *metric_rows("all", "", roc_auc=0.9, coverage=0.98, calibration_error=0.04),
        *metric_rows("all", "", "frame", roc_auc=0.85),
        *metric_rows("method", "warp|paste", roc_auc=0.95, recall=0.9, false_positive_rate=0.05),
        *metric_rows("dataset", "clips", roc_auc=0.8, recall=0.6, false_positive_rate=0.1),
        *metric_rows("face_pixels", "low: 48 to 90", false_positive_rate=0.3),
    ]
    plots = folder / "plots"
    write_csv(plots / "evaluate/metrics.tsv", pd.DataFrame(rows))
    balance = [
        (split, label, method, 100, None)
        for split in ("train", "val", "test")
        for label, method in ((0, "real"), (1, "warp|paste"))
    ]
    balance.append(("test", 1, "other", 20, None))
    columns = ["split", "label", "method", "videos", "wanted"]
    write_csv(plots / "split/balance.tsv", pd.DataFrame(balance, columns=columns))
    counts = {split: {"identities": 25, "groups": 20} for split in ("train", "val", "test")}
    write_csv(plots / "split/summary.tsv", quantity_table(counts))
    robustness = [
        ("jpeg", 0, 0, 0.9, None, None, 0.8, 0, 0, None, None),
        ("jpeg", 5, 10, 0.8, 0.7, 0.9, 0.7, 0.2, 0.1, 0.05, 0.15),
        ("noise", 5, 1, 0.6, 0.5, 0.7, 0.5, 0.4, 0.3, 0.2, 0.4),
    ]
    numbers = ["roc_auc", "low", "high", "balanced_accuracy", "flipped"]
    columns = ["degradation", "level", "strength", *numbers, "drop", "drop_low", "drop_high"]
    write_csv(plots / "robustness.tsv", pd.DataFrame(robustness, columns=columns))
    shortcuts = [("metadata", 400, 40, 0.55, None, None, 0)]
    columns = ["shortcut", "videos", "groups", "roc_auc", "low", "high", "warning"]
    write_csv(plots / "shortcuts.tsv", pd.DataFrame(shortcuts, columns=columns))
    return folder
