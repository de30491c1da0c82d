"""Crops as tensors."""

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from deepfake.core import archive
from deepfake.core.image import Image


def select_crops(split: pd.DataFrame, crops: pd.DataFrame, main_track_only: bool) -> pd.DataFrame:
    """Rows of data/crops.csv that belong to a split, with `row`, their place there, and what is
    known of the video.

    Args:
        split: one of data/splits/*.csv.
        crops: data/crops.csv.
        main_track_only: leave out bystanders; in training their label would be a guess.
    """
    numbered = crops.assign(row=range(len(crops)))
    wanted = numbered[numbered["track"] == 0] if main_track_only else numbered
    columns = ["video_id", "dataset", "label", "method", "original", "group"]
    return wanted.merge(split[columns], on="video_id", validate="many_to_one")


def stored_images(folder: Path, table: pd.DataFrame) -> archive.StoredImages:
    """The JPEGs of the crops in every row (video_id, image)."""
    return archive.StoredImages(folder, list(zip(table["video_id"], table["image"], strict=True)))


def to_tensor(image: Image) -> Tensor:
    """An RGB image as uint8, 3 x height x width."""
    return torch.from_numpy(image).permute(2, 0, 1)
