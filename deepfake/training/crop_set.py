"""The crops that a model is trained on, or chosen by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deepfake.core.landmarks import LandmarkTable, read_landmarks
from deepfake.core.tables import read_csv
from deepfake.model.inputs import select_crops


@dataclass(frozen=True)
class CropSet:
    """Crops of one split.

    Attributes:
        table: rows with video_id, image, frame, track, label, method and original.
        folder: where the archives are.
        landmarks: landmarks of each row, NaN where they are not known.
        margin: side of the crops over the longer side of the face's box.
    """

    table: pd.DataFrame
    folder: Path
    landmarks: LandmarkTable
    margin: float


def read_crop_set(
    split: str, margin: float, main_track_only: bool, share: float = 1.0, seed: int = 0
) -> CropSet:
    """The crops of a split as the stages before have written them.

    Args:
        split: train or val.
        margin: of the crops.
        main_track_only: leave out bystanders; in training their label would be a guess.
        share, seed: of the originals, each with its fakes, how many are taken, and which.
    """
    crops = read_csv(Path("data/crops.csv"))
    videos = read_csv(Path(f"data/splits/{split}.csv"))
    chosen = select_crops(share_of(videos, share, seed), crops, main_track_only)
    landmarks = read_landmarks(Path("data/landmarks.npy"), chosen["row"])
    return CropSet(chosen, Path("data/crops"), landmarks, margin)


def share_of(split: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """The rows of some originals and of their fakes, in the same order.

    Args:
        split: one of data/splits/*.csv.
        share: how many of the originals, above 0 to 1; a larger share holds the videos of a smaller.
        seed: which ones.
    """
    families = split["original"].where(split["original"] != "", split["video_id"])
    names = np.sort(families.unique())
    taken = np.random.default_rng(seed).permutation(names)[: max(1, round(share * len(names)))]
    return split[families.isin(taken)]
