"""Sheets of crops to check by eye: wrong verdicts, and how faces are cropped."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deepfake.core.image import Image, decode_image
from deepfake.core.labels import LABEL_NAMES, UNDECIDED
from deepfake.core.sampling import evenly_spaced
from deepfake.evaluation.predictions import Predictions
from deepfake.model.inputs import stored_images
from deepfake.plots.figures import image_grid

MAX_MISTAKES = 18
MAX_CROPS = 36


def worst_mistakes(predictions: Predictions, folder: Path) -> Figure:
    """The videos with a wrong verdict, the worst score first, each with its worst crop.

    Args:
        predictions: of one split.
        folder: the folder of the crop archives.
    """
    videos = predictions.videos
    actual = videos["label"].map(LABEL_NAMES)
    wrong = videos[(videos["verdict"] != actual) & (videos["verdict"] != UNDECIDED)]
    wrong = wrong.assign(error=(wrong["label"] - wrong["score"]).abs())
    wrong = wrong.sort_values(["error", "video_id"], ascending=[False, True])
    title = f"Wrong verdicts on {len(wrong)} of {len(videos)} videos, the worst first"
    wrong = wrong.head(MAX_MISTAKES)
    crops = predictions.frames.merge(wrong[["video_id"]], on="video_id")
    crops = crops.assign(error=np.abs(crops["label"] - crops["score"]))
    crops = crops.sort_values(["error", "image"], ascending=[False, True]).drop_duplicates(
        "video_id"
    )
    ordered = wrong[["video_id"]].merge(crops, on="video_id", how="left")
    images = _images(folder, ordered)
    return image_grid(images, [_caption(row) for _, row in wrong.iterrows()], title)


def crop_sheet(crops: pd.DataFrame, folder: Path) -> Figure:
    """The first crop of evenly spaced videos, to check how faces are cropped.

    Args:
        crops: data/crops.csv.
        folder: the folder of the crop archives.
    """
    first = crops.drop_duplicates("video_id")
    chosen = first.iloc[evenly_spaced(len(first), MAX_CROPS)]
    images = _images(folder, chosen)
    captions = [_short(video_id) for video_id in chosen["video_id"]]
    return image_grid(images, captions, f"Crops of {len(chosen)} of {len(first)} videos")


def _images(folder: Path, crops: pd.DataFrame) -> list[Image]:
    return [decode_image(data) for data in stored_images(folder, crops)]


def _caption(row: "pd.Series[str]") -> str:
    label = LABEL_NAMES[int(row["label"])]
    return f"{_short(row['video_id'])}\nlabel {label}, score {row['score']:.2f}"


def _short(video_id: str) -> str:
    return "/".join(video_id.split("/")[-2:])[-30:]
