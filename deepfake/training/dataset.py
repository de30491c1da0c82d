"""Training examples: a crop, or one image of a self-blended pair, augmented."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from deepfake.core.image import Image, decode_image
from deepfake.core.labels import FAKE, REAL
from deepfake.core.landmarks import LandmarkTable
from deepfake.model.inputs import stored_images, to_tensor
from deepfake.training.sampler import BLENDED, UNCHANGED, ExampleKey
from deepfake.transforms.self_blending import self_blended


class CropDataset(Dataset[tuple[Tensor, int]]):
    """Augmented crops with their labels.

    An example depends on its key alone, not on the worker, the order or a restart.

    Args:
        folder: the folder of the crop archives.
        table: one row per crop, with video_id, image and label.
        landmarks: landmarks of each row, rows x 68 x (x, y). Only rows that are blended are read.
        transform: augmentation of a crop, uint8 3 x height x width (RGB), as
            `transforms.augmentation.training_transform` returns it. It draws from torch's global
            generator.
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

    def __getitem__(self, key: ExampleKey) -> tuple[Tensor, int]:
        crop, label = self._crop_and_label(key)
        with torch.random.fork_rng(devices=[]):
            # torch.manual_seed also seeds every kind of GPU, which takes a third of the time here.
            torch.default_generator.manual_seed(key.seed)
            return self.transform(to_tensor(crop)), label

    def _crop_and_label(self, key: ExampleKey) -> tuple[Image, int]:
        crop = decode_image(self.images[key.row])
        if key.variant == UNCHANGED:
            return crop, self.labels[key.row]
        landmarks = self.landmarks[key.row].astype(np.float32)
        target, blended = self_blended(crop, landmarks, np.random.default_rng(key.seed))
        return (blended, FAKE) if key.variant == BLENDED else (target, REAL)
