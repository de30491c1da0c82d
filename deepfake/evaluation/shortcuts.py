"""Shortcuts: how well FAKE is separated from REAL without a face.

If the fakes of a data set differ from its real videos in size, bit rate, sharpness or background, a
network may learn that difference instead. Each shortcut is a classifier on such features alone, fitted
on train and scored on test. Its ROC-AUC is what a detector may owe to the data set. There are two
classifiers, since a random forest finds steps and combinations but understates a faint trend, such as
one in sharpness, which a linear model finds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from deepfake.core import archive
from deepfake.core.image import Image, decode_image
from deepfake.core.labels import Floats
from deepfake.core.roc import roc_auc
from deepfake.evaluation.intervals import group_intervals
from deepfake.evaluation.metrics import rank_statistics
from deepfake.evaluation.people import main_people

COLUMNS = ["shortcut", "videos", "groups", "roc_auc", "low", "high", "warning"]
WARNING_ROC_AUC = 0.6  # a higher ROC-AUC gives a warning
CHANCE = 0.5  # if the interval is above it
TREES = 300
STEPS = 2000  # of logistic regression, at most
BLOCK = 8  # pixels: side of the blocks of JPEG and most video codecs
BORDER_FRACTION = 0.1  # width of the border over the crop's side; shows no face at margin 1.3
CELLS_PER_SIDE = 8  # of the border


def metadata_features(frames: pd.DataFrame) -> pd.DataFrame:
    """Size, frame rate, length, bit rate and codec of each video, indexed by video_id.

    Args:
        frames: data/frames.csv.
    """
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


def quality_features(video_ids: list[str], frames: Path) -> pd.DataFrame:
    """Mean and standard deviation of `image_quality` over the frames of each video.

    Args:
        video_ids: of the videos. Those without frames have no row.
        frames: the folder of the frame archives.
    """
    names = ["sharpness", "blockiness"]
    columns = [f"{statistic}_{name}" for statistic in ("mean", "spread") for name in names]
    rows = {
        video_id: np.concatenate([values.mean(axis=0), values.std(axis=0)])
        for video_id, values in _measured(video_ids, frames, image_quality)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _measured(
    video_ids: list[str], folder: Path, measure: Callable[[Image], Sequence[float] | Floats]
) -> Iterator[tuple[str, Floats]]:
    """What `measure` gives for each image of a video (images x values); videos without are left out."""
    for video_id in video_ids:
        images = archive.read(archive.path_of(folder, video_id)).images.values()
        if images:
            yield video_id, np.array([measure(decode_image(data)) for data in images], np.float64)


def image_quality(image: Image) -> tuple[float, float]:
    """Logarithms of the sharpness and the blockiness of an RGB image.

    Sharpness is the variance of the Laplacian. Blockiness is the mean difference of neighbouring
    pixels across the borders of 8 x 8 blocks, over that inside the blocks (Wang, Bovik and Evans,
    2000).
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
    """Mean of `border_colours` over the crops of each video.

    Args:
        video_ids: of the videos. Those without crops have no row.
        crops: the folder of the crop archives.
    """
    colours = _measured(video_ids, crops, border_colours)
    rows = {video_id: values.mean(axis=0) for video_id, values in colours}
    return pd.DataFrame.from_dict(rows, orient="index")


def border_colours(crop: Image) -> Floats:
    """Mean and standard deviation of each channel in the cells along the border of a square crop.

    Returns:
        4 sides x `CELLS_PER_SIDE` x (3 means, 3 standard deviations), flat; 0 to 255.
    """
    width = max(1, round(crop.shape[0] * BORDER_FRACTION))
    cells = []
    for quarter_turns in range(4):
        side = np.rot90(crop, quarter_turns)[:width]
        cells += np.array_split(side, CELLS_PER_SIDE, axis=1)
    return np.concatenate(
        [np.concatenate([cell.mean(axis=(0, 1)), cell.std(axis=(0, 1))]) for cell in cells]
    ).astype(np.float64)


def audit_shortcuts(
    features: Mapping[str, pd.DataFrame],
    train: pd.DataFrame,
    test: pd.DataFrame,
    max_groups: int,
    seed: int,
) -> pd.DataFrame:
    """Fit two classifiers per set of features on train, and score them on test.

    Args:
        features: by the name of the shortcut; columns of numbers or text (categories), indexed by
            video_id. Videos without features are left out.
        train, test: rows of the splits.
        max_groups: as `intervals.group_intervals` takes it.
        seed: of the classifiers.

    Returns:
        One row per shortcut, "NAME (forest)" and "NAME (linear)": videos and groups (people of test), roc_auc
        with its 95 % interval low to high (NaN unless `enough_groups`), warning (1 if it is above
        `WARNING_ROC_AUC` and its interval above chance, else 0). The ROC-AUC is NaN if a label is
        missing in either split.
    """
    test = test.assign(group=main_people(test))
    rows = []
    for name, table in features.items():
        fitted, scored = (part[part["video_id"].isin(table.index)] for part in (train, test))
        count = int(scored["group"].nunique())
        for kind, classifier in _classifiers(table, seed).items():
            value, low, high = _measure(classifier, table, fitted, scored, max_groups)
            warning = value > WARNING_ROC_AUC and low > CHANCE
            rows.append((f"{name} ({kind})", len(scored), count, value, low, high, int(warning)))
    return pd.DataFrame(rows, columns=COLUMNS)


def headline(table: pd.DataFrame) -> dict[str, float]:
    """The highest ROC-AUC of all shortcuts, for metrics/shortcuts.json.

    Args:
        table: as `audit_shortcuts` returns it.
    """
    return {"worst_roc_auc": float(table["roc_auc"].max())}


def describe(table: pd.DataFrame) -> str:
    """One line per shortcut, after a warning where its ROC-AUC is high.

    Args:
        table: as `audit_shortcuts` returns it.
    """
    lines = []
    for row in table.to_dict("records"):
        name = row["shortcut"]
        if np.isnan(row["low"]) and not np.isnan(row["roc_auc"]):
            lines.append(f"{name}: cannot tell from {row['groups']} people in the test videos")
        if row["warning"]:
            lines.append(
                f"WARNING: {name} alone separates FAKE from REAL; a model may learn it instead of the"
                " faces"
            )
        indent = "  " if row["warning"] else ""
        interval = "" if np.isnan(row["low"]) else f" ({row['low']:.3f} to {row['high']:.3f})"
        lines.append(f"{indent}{name}: ROC-AUC {row['roc_auc']:.3f}{interval}")
    return "\n".join(lines)


def _measure(
    classifier: Any,
    table: pd.DataFrame,
    fitted: pd.DataFrame,
    scored: pd.DataFrame,
    max_groups: int,
) -> tuple[float, float, float]:
    """ROC-AUC with its interval; NaN if a label is missing."""
    if fitted["label"].nunique() < 2 or scored["label"].nunique() < 2:
        return float("nan"), float("nan"), float("nan")
    classifier.fit(table.loc[fitted["video_id"]], fitted["label"])
    scores = classifier.predict_proba(table.loc[scored["video_id"]])[:, 1]
    labels, groups = scored["label"].to_numpy(int), scored["group"].to_numpy(int)
    low, high = group_intervals(rank_statistics(labels, scores), labels, groups, max_groups)[
        "roc_auc"
    ]
    return roc_auc(labels, scores), low, high


def _classifiers(table: pd.DataFrame, seed: int) -> dict[str, Any]:
    """A random forest, and a logistic regression on standardised numbers."""
    text = [column for column in table if not pd.api.types.is_numeric_dtype(table[column])]
    categories = (OneHotEncoder(handle_unknown="ignore"), text)
    forest = RandomForestClassifier(
        TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed
    )
    linear = LogisticRegression(class_weight="balanced", max_iter=STEPS)
    return {
        "forest": make_pipeline(
            make_column_transformer(categories, remainder="passthrough"), forest
        ),
        "linear": make_pipeline(
            make_column_transformer(categories, remainder=StandardScaler()), linear
        ),
    }
