"""What tells FAKE from REAL without looking at a face.

A data set whose fakes have another size, bit rate, sharpness or background than its real videos
teaches a network that instead. Each shortcut is a classifier on such features alone, fitted on
train and scored on test; what it reaches is what a detector may owe to the data set.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from deepfake.core import archive
from deepfake.core.image import Image, decode_image
from deepfake.evaluation.intervals import group_bootstrap

COLUMNS = ["shortcut", "videos", "roc_auc", "low", "high", "warning"]
WARN_AT = 0.6  # ROC-AUC from which the report warns
TREES = 300
BLOCK = 8  # pixels: side of the blocks that JPEG and most video codecs compress by
BORDER = 0.1  # of the crop's side: the ring that shows no face at margin 1.3
CELLS = 8  # per side of the ring, each described by colour and contrast


def metadata_features(frames: pd.DataFrame) -> pd.DataFrame:
    """Size, speed, length, bit rate and codec of each video, indexed by video_id."""
    table = frames.set_index("video_id")
    fps = table["fps"].where(table["fps"] > 0)
    seconds = table["frame_count"] / fps
    pixels = (table["width"] * table["height"] * table["frame_count"]).clip(lower=1)
    columns = ["width", "height", "fps", "frame_count", "file_bytes"]
    numbers = (
        table[columns]
        .astype(float)
        .assign(
            seconds=seconds.fillna(0),
            bytes_per_second=(table["file_bytes"] / seconds).fillna(0),
            bits_per_pixel=8 * table["file_bytes"] / pixels,
        )
    )
    return numbers.assign(codec=table["codec"].fillna(""))


def picture_features(video_ids: list[str], frames: Path) -> pd.DataFrame:
    """Mean and spread of sharpness and blockiness over the frames of each video."""
    rows = {}
    for video_id in video_ids:
        images = archive.read(archive.path_of(frames, video_id)).images.values()
        found = [picture_quality(decode_image(data)) for data in images]
        if found:
            rows[video_id] = np.concatenate([np.mean(found, axis=0), np.std(found, axis=0)])
    names = ["sharpness", "blockiness"]
    columns = [f"{kind}_{name}" for kind in ("mean", "spread") for name in names]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def picture_quality(image: Image) -> tuple[float, float]:
    """Log of the sharpness and blockiness of an RGB image.

    Sharpness is the variance of the Laplacian. Blockiness is the mean step between neighbours
    across the borders of 8 x 8 blocks, over that inside of the blocks (Wang, Bovik and Evan, 2000).
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    sharpness = float(cv2.Laplacian(gray, cv2.CV_32F).var())
    ratios = []
    for steps in (
        np.abs(np.diff(gray, axis=0)).mean(axis=1),
        np.abs(np.diff(gray, axis=1)).mean(0),
    ):
        on_border = np.arange(1, len(steps) + 1) % BLOCK == 0
        if on_border.any() and not on_border.all():
            ratios.append((steps[on_border].mean() + 1e-3) / (steps[~on_border].mean() + 1e-3))
    blockiness = float(np.mean(ratios)) if ratios else 1.0
    return float(np.log1p(sharpness)), float(np.log(blockiness))


def border_features(video_ids: list[str], crops: Path) -> pd.DataFrame:
    """Colour and contrast along the border of the crops, mean of each video."""
    rows = {}
    for video_id in video_ids:
        images = archive.read(archive.path_of(crops, video_id)).images.values()
        found = [border(decode_image(data)) for data in images]
        if found:
            rows[video_id] = np.mean(found, axis=0)
    return pd.DataFrame.from_dict(rows, orient="index")


def border(crop: Image) -> NDArray[np.float64]:
    """Mean and spread of each colour in `CELLS` cells along each side of a square crop."""
    width = max(1, round(crop.shape[0] * BORDER))
    pieces = []
    for turn in range(4):
        strip = np.rot90(crop, turn)[:width]
        pieces += np.array_split(strip, CELLS, axis=1)
    return np.concatenate(
        [np.concatenate([p.mean(axis=(0, 1)), p.std(axis=(0, 1))]) for p in pieces]
    ).astype(np.float64)


def audit_shortcuts(
    features: Mapping[str, pd.DataFrame],
    train: pd.DataFrame,
    test: pd.DataFrame,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """ROC-AUC on test of one random forest per kind of features, fitted on train.

    Args:
        features: by name of the shortcut; numbers, or text for classes, by video_id. Videos
            without them are left out.
        train, test: rows of the splits.
        resamples, seed: of the group bootstrap.

    Returns:
        shortcut, videos (of test), roc_auc, low and high (95 % interval), warning (0 or 1). NaN
        where a label is missing in either split.
    """
    rows = []
    for name, table in features.items():
        fitted, scored = (part[part["video_id"].isin(table.index)] for part in (train, test))
        roc_auc = low = high = float("nan")
        if fitted["label"].nunique() == 2 and scored["label"].nunique() == 2:
            forest = _forest(table, seed)
            forest.fit(table.loc[fitted["video_id"]], fitted["label"])
            scores = forest.predict_proba(table.loc[scored["video_id"]])[:, 1]
            labels, groups = scored["label"].to_numpy(int), scored["group"].to_numpy(int)
            roc_auc = _roc_auc(labels, scores)["roc_auc"]
            found = group_bootstrap(_roc_auc, labels, scores, groups, resamples, seed)
            low, high = found["roc_auc"]
        rows.append((name, len(scored), roc_auc, low, high, int(roc_auc > WARN_AT)))
    return pd.DataFrame(rows, columns=COLUMNS)


def as_metrics(found: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The numbers of `audit_shortcuts` by shortcut."""
    return {
        str(row["shortcut"]): {key: row[key] for key in COLUMNS if key != "shortcut"}
        for row in found.to_dict("records")
    }


def describe(found: pd.DataFrame) -> str:
    """A line per shortcut, with a warning where one works."""
    lines = []
    for row in found.itertuples():
        line = f"{row.shortcut}: ROC-AUC {row.roc_auc:.3f} ({row.low:.3f} to {row.high:.3f})"
        text = f"WARNING: {row.shortcut} alone tells FAKE from REAL, so a model may learn that\n  "
        lines.append((text if row.warning else "") + line)
    return "\n".join(lines)


def _forest(table: pd.DataFrame, seed: int) -> Any:
    text = [column for column in table if not pd.api.types.is_numeric_dtype(table[column])]
    classes = (OneHotEncoder(handle_unknown="ignore"), text)
    forest = RandomForestClassifier(
        TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed
    )
    return make_pipeline(make_column_transformer(classes, remainder="passthrough"), forest)


def _roc_auc(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> dict[str, float]:
    both = len({*labels.tolist()}) == 2
    return {"roc_auc": float(roc_auc_score(labels, scores)) if both else float("nan")}
