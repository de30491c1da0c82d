"""The crops of a split, and images as tensors."""

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from deepfake.core import archive
from deepfake.core.image import Image


def select_crops(split: pd.DataFrame, crops: pd.DataFrame, main_track_only: bool) -> pd.DataFrame:
    """The crops of a split: rows of data/crops.csv, with their position there and video columns.

    Args:
        split: one of data/splits/*.csv.
        crops: data/crops.csv.
        main_track_only: leave out bystanders, whose label is unknown in training.

    Returns:
        Rows of `crops` with `row` (position in data/crops.csv), and dataset, label, method,
        original and group of the video.
    """
    numbered = crops.assign(row=range(len(crops)))
    selected = numbered[numbered["track"] == 0] if main_track_only else numbered
    columns = ["video_id", "dataset", "label", "method", "original", "group"]
    return selected.merge(split[columns], on="video_id", validate="many_to_one")


def stored_images(folder: Path, table: pd.DataFrame) -> archive.StoredImages:
    """The JPEGs of the crops in the rows of `table` (columns video_id and image)."""
    return archive.StoredImages(folder, zip(table["video_id"], table["image"], strict=True))


def to_tensor(image: Image) -> Tensor:
    """An RGB image as a uint8 tensor, 3 x height x width."""
    return torch.from_numpy(image).permute(2, 0, 1)
