"""Crops as tensors."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler

from deepfake import archive
from deepfake.image import decode_image


def select_crops(split: pd.DataFrame, crops: pd.DataFrame, main_track_only: bool) -> pd.DataFrame:
    """Rows of data/crops.csv that belong to a split, with the video's label and group.

    Args:
        split: one of data/splits/*.csv.
        crops: data/crops.csv.
        main_track_only: leave out bystanders; in training their label would be a guess.
    """
    wanted = crops[crops["track"] == 0] if main_track_only else crops
    columns = ["video_id", "label", "method", "group"]
    return wanted.merge(split[columns], on="video_id", validate="many_to_one")


class CropDataset(Dataset[tuple[Tensor, int]]):
    """Crops and labels, the same whatever the worker, order or restart.

    Item `epoch * len(dataset) + i` is crop i, with the randomness of that epoch.

    Args:
        folder: where the crop archives are.
        table: rows with video_id, image and label.
        transform: from uint8 3 x h x w (RGB) to the network's input.
        seed: of the random part of `transform`.
    """

    def __init__(self, folder: Path, table: pd.DataFrame, transform: nn.Module, seed: int) -> None:
        self.images = stored_images(folder, table)
        self.labels = [int(label) for label in table["label"]]
        self.transform = transform
        self.seed = seed

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        item = index % len(self)
        with torch.random.fork_rng(devices=[]):
            key = np.random.SeedSequence([self.seed, index])
            torch.manual_seed(int(key.generate_state(1)[0]))
            return self.transform(to_tensor(self.images[item])), self.labels[item]


def stored_images(folder: Path, table: pd.DataFrame) -> archive.StoredImages:
    """The JPEGs of the crops in every row (video_id, image)."""
    return archive.StoredImages(folder, list(zip(table["video_id"], table["image"], strict=True)))


def to_tensor(image: bytes) -> Tensor:
    """A JPEG as uint8 RGB, 3 x height x width."""
    return torch.from_numpy(decode_image(image)).permute(2, 0, 1)


class BalancedSampler(Sampler[int]):
    """Draws as many crops as there are, each label half of the time, anew in each epoch.

    Within a label every video is drawn equally often, so long videos do not dominate. Yields items
    of `CropDataset` for the epoch it is set to.
    """

    def __init__(self, table: pd.DataFrame, seed: int) -> None:
        per_video = table.groupby("video_id")["label"].transform("size")
        videos_of_label = table.groupby("label")["video_id"].transform("nunique")
        self.weights = torch.tensor((1.0 / (per_video * videos_of_label)).to_numpy())
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.weights)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        drawn = torch.multinomial(self.weights, len(self), replacement=True, generator=generator)
        yield from (drawn + self.epoch * len(self)).tolist()
