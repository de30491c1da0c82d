"""What training sees of a draw: the crop, or half of a self-blended pair, augmented."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from deepfake.core.image import Image, decode_image
from deepfake.core.landmarks import LandmarkTable
from deepfake.model.inputs import stored_images, to_tensor
from deepfake.training.sampler import BLENDED, WHOLE, Draw
from deepfake.transforms.self_blending import self_blended


class CropDataset(Dataset[tuple[Tensor, int]]):
    """Examples and labels, each the same whatever the worker, order or restart.

    Args:
        folder: where the crop archives are.
        table: rows with video_id, image and label.
        landmarks: landmarks of each row, rows x 68 x (x, y); only those of rows that are blended are
            read.
        transform: of a crop, uint8 3 x h x w (RGB), as `augment.training` gives it; draws from
            torch's global generator.
    """

    def __init__(
        self, folder: Path, table: pd.DataFrame, landmarks: LandmarkTable, transform: nn.Module
    ) -> None:
        self.images = stored_images(folder, table)
        self.labels = [int(label) for label in table["label"]]
        self.landmarks = landmarks
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int]:
        crop, label = self._example(draw)
        with torch.random.fork_rng(devices=[]):
            # torch.manual_seed also notes the call for every kind of GPU: a third of the time here.
            torch.default_generator.manual_seed(draw.seed)
            return self.transform(to_tensor(crop)), label

    def _example(self, draw: Draw) -> tuple[Image, int]:
        crop = decode_image(self.images[draw.row])
        if draw.part == WHOLE:
            return crop, self.labels[draw.row]
        landmarks = self.landmarks[draw.row].astype(np.float32)
        target, blended = self_blended(crop, landmarks, np.random.default_rng(draw.seed))
        return (blended, 1) if draw.part == BLENDED else (target, 0)
