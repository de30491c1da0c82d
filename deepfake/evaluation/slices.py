"""Metrics by face size, sharpness, brightness, compression, and columns that the user names."""

from typing import Any

import numpy as np
import pandas as pd

from deepfake.core.labels import UNDECIDED, Integers
from deepfake.core.tables import SLICE, slice_columns
from deepfake.evaluation.predictions import Predictions
from deepfake.evaluation.split_metrics import MAIN_METRICS, measure_rows
from deepfake.params.schema import EvaluateParams

QUANTITIES = ("face_pixels", "sharpness", "brightness")  # of the person who decides the verdict
THIRDS = ("low", "middle", "high")
COMPRESSION = "compression"


def face_quantities(videos: pd.DataFrame, crops: pd.DataFrame) -> pd.DataFrame:
    """Median size, sharpness and brightness of the face that decides the verdict on each video.

    Args:
        videos: with video_id and track, as `Predictions.videos`.
        crops: data/crops.csv.

    Returns:
        `QUANTITIES`, indexed by video_id; face_pixels is the longer side of the face's box in the
        frame. UNDECIDED videos have no row.
    """
    rows = crops.merge(videos[["video_id", "track"]], on=["video_id", "track"])
    boxes = np.array([box.split() for box in rows["box"]], float).reshape(-1, 4)
    rows = rows.assign(face_pixels=(boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0))
    return rows.groupby("video_id")[list(QUANTITIES)].median()


def evaluate_slices(
    predictions: Predictions,
    split: pd.DataFrame,
    crops: pd.DataFrame,
    threshold: float,
    params: EvaluateParams,
) -> dict[str, Any]:
    """The main metrics of parts of the videos of a split.

    Args:
        predictions: of the split.
        split: one of data/splits/*.csv.
        crops: data/crops.csv.
        threshold: scores from here on are FAKE.
        params: the evaluate section of params.yaml.

    Returns:
        For each quantity, the thirds low, middle and high of the videos, with the range `from` to
        `to`; for compression and each column slice_NAME of the split, by NAME, each value that is not
        "". What has one value only is left out.
    """
    scored = predictions.videos[predictions.videos["verdict"] != UNDECIDED]
    quantities = face_quantities(scored, crops)
    columns = {COMPRESSION: COMPRESSION, **{c: c[len(SLICE) :] for c in slice_columns(split)}}
    named = split.set_index("video_id")[list(columns)].rename(columns=columns)
    table = scored.join(quantities, on="video_id").join(named, on="video_id")
    metrics: dict[str, Any] = {}
    for name in QUANTITIES:
        third = _thirds(table[name])
        parts = {part: table[third == number] for number, part in enumerate(THIRDS)}
        metrics[name] = {
            part: {
                "from": float(rows[name].min()),
                "to": float(rows[name].max()),
                **_measured(rows, threshold, params),
            }
            for part, rows in parts.items()
            if len(rows)
        }
    for name in columns.values():
        known = table[table[name].fillna("") != ""]
        metrics[name] = {
            str(value): _measured(rows, threshold, params) for value, rows in known.groupby(name)
        }
    return {name: parts for name, parts in metrics.items() if len(parts) > 1}


def _thirds(values: pd.Series) -> Integers:
    """Which third of the values each is in, 0 to 2; equal values are in the same one."""
    edges = values.quantile([1 / 3, 2 / 3]).to_numpy()
    return np.searchsorted(edges, values.to_numpy()).astype(np.int64)


def _measured(rows: pd.DataFrame, threshold: float, params: EvaluateParams) -> dict[str, Any]:
    return measure_rows(rows, threshold, params, MAIN_METRICS)
