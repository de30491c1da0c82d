"""Scores of all crops and videos of a split, and their files."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from deepfake.core.tables import read_csv, write_csv
from deepfake.evaluation.people import main_people
from deepfake.model.card import ModelCard
from deepfake.model.inputs import select_crops, stored_images
from deepfake.model.scores import frame_scores, predict_logits, verdicts, video_scores


@dataclass(frozen=True)
class Predictions:
    """Scores of one split.

    Attributes:
        frames: one row per crop: video_id, frame, track, image, label, method, logit, score.
        videos: one row per video of the split: video_id, dataset, path, label, method, group, score,
            verdict, reason, track, frames. The group is that of `people.main_people`, not of the split.
            The score is missing where the verdict is UNDECIDED.
    """

    frames: pd.DataFrame
    videos: pd.DataFrame

    def write(self, folder: Path, split: str) -> None:
        """Write `split`.csv (videos) and `split`_frames.csv."""
        write_csv(folder / f"{split}.csv", self.videos)
        write_csv(folder / f"{split}_frames.csv", self.frames)

    @classmethod
    def read(cls, folder: Path, split: str) -> "Predictions":
        """Read the files that `write` wrote."""
        return cls(read_csv(folder / f"{split}_frames.csv"), read_csv(folder / f"{split}.csv"))


def predict_split(
    network: nn.Module,
    card: ModelCard,
    split: pd.DataFrame,
    crops: pd.DataFrame,
    folder: Path,
    device: torch.device | str = "cpu",
) -> Predictions:
    """Score every crop and every video of a split, in the same way as `deepfake predict`.

    Args:
        network: returns one logit per crop.
        card: of the model.
        split: one of data/splits/*.csv.
        crops: data/crops.csv.
        folder: the folder of the crop archives.
        device: where the network is.
    """
    rows = select_crops(split, crops, main_track_only=False)
    logits = predict_logits(network, stored_images(folder, rows), card.image_size, device)
    frames = rows.assign(logit=logits, score=frame_scores(logits, card.temperature, card.bias))
    scored = video_scores(frames, card.video_score, card.temperature, card.min_frames, card.bias)
    videos = split.assign(group=main_people(split))[
        ["video_id", "dataset", "path", "label", "method", "group"]
    ]
    columns = ["video_id", "frame", "track", "image", "label", "method", "logit", "score"]
    return Predictions(frames[columns], verdicts(videos, scored, rows, card.threshold))
