"""The crops of one split, as the training loop reads them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from deepfake.core.landmarks import LandmarkTable, read_landmarks
from deepfake.core.tables import read_csv
from deepfake.model.inputs import select_crops


@dataclass(frozen=True)
class CropSet:
    """Crops of one split.

    Attributes:
        table: one row per crop, with video_id, image, frame, track, label, method and original.
        folder: the folder of the crop archives.
        landmarks: landmarks of each row, NaN where they are unknown.
        margin: side of the crops over the longer side of the face's box.
        version: changes whenever the bytes of crops or landmarks do; "" if unknown.
    """

    table: pd.DataFrame
    folder: Path
    landmarks: LandmarkTable
    margin: float
    version: str = ""

    def blendable(self) -> NDArray[np.bool_]:
        """Whether the landmarks of each row are known."""
        known: NDArray[np.bool_] = ~np.isnan(self.landmarks[:, 0, 0])
        return known

    def face_pixels(self) -> float:
        """The size in pixels of the frame that 95 % of the faces have or exceed."""
        boxes = np.array([box.split() for box in self.table["box"]], float)
        sizes = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
        return float(np.quantile(sizes, 0.05).round())


def read_crop_set(
    split: str, margin: float, main_track_only: bool, share: float = 1.0, seed: int = 0
) -> CropSet:
    """Read the crops of a split from the outputs of the stages `split`, `crops` and `landmarks`.

    Args:
        split: train or val.
        margin: of the crops.
        main_track_only: leave out bystanders. In training their label would be a guess.
        share, seed: as `sample_originals` takes them.
    """
    crops = read_csv(Path("data/crops.csv"))
    videos = read_csv(Path(f"data/splits/{split}.csv"))
    selected = select_crops(sample_originals(videos, share, seed), crops, main_track_only)
    landmarks = read_landmarks(Path("data/landmarks.npy"), selected["row"])
    version = stored_version(Path("dvc.lock"), ("data/crops", "data/landmarks.npy"))
    return CropSet(selected, Path("data/crops"), landmarks, margin, version)


def stored_version(lock: Path, paths: Sequence[str]) -> str:
    """DVC's digests of stage outputs, joined; "" for those that no stage has made yet.

    Args:
        lock: dvc.lock, where DVC writes the digests when a stage ends.
        paths: of the outputs.
    """
    content = yaml.safe_load(lock.read_bytes()) if lock.is_file() else {}
    stages = content.get("stages", {}).values()
    digests = {out["path"]: out.get("md5", "") for stage in stages for out in stage.get("outs", [])}
    return " ".join(digests.get(path, "") for path in paths)


def sample_originals(split: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """Keep a random share of the originals, each with all of its fakes; the order stays the same.

    Args:
        split: one of data/splits/*.csv.
        share: fraction of the originals to keep, above 0 to 1. With the same seed, a larger share
            contains a smaller one.
        seed: of the choice.
    """
    families = split["original"].where(split["original"] != "", split["video_id"])
    names = np.sort(families.unique())
    kept = np.random.default_rng(seed).permutation(names)[: max(1, round(share * len(names)))]
    return split[families.isin(kept)]
