"""A verdict on any file, by the same path that the pipeline's own videos take."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from deepfake import archive, cropping, video
from deepfake.crops import crop_settings
from deepfake.frames import frame_settings
from deepfake.media import kind_of
from deepfake.model import ModelCard, load_model, pick_device
from deepfake.params import CropsParams, FramesParams
from deepfake.scoring import predict_logits, verdicts, video_scores


@dataclass(frozen=True)
class Verdict:
    """What the model says of one file.

    Attributes:
        path: the file as it was given.
        verdict: REAL, FAKE or UNDECIDED.
        score: calibrated probability of FAKE, 0..1, of the most suspicious person; None if
            UNDECIDED.
        threshold: scores from here on are FAKE; the model's own.
        reason: why it is UNDECIDED, else "".
        people: how many people were followed.
        frames: how many frames were looked at.
        frames_with_face: in how many of them a face was found.
    """

    path: str
    verdict: str
    score: float | None
    threshold: float
    reason: str
    people: int
    frames: int
    frames_with_face: int


class Detector:
    """A published model with its preprocessing.

    >>> Detector.load().predict("clip.mp4").verdict  # doctest: +SKIP
    'FAKE'
    """

    def __init__(self, network: nn.Module, card: ModelCard, device: torch.device) -> None:
        self.network = network.to(device)
        self.card = card
        self.device = device
        frames = FramesParams.model_validate(card.preprocessing["frames"])
        crops = CropsParams.model_validate(card.preprocessing["crops"])
        self._frame_settings = frame_settings(frames)
        self._crop_settings = crop_settings(crops)

    @classmethod
    def load(cls, folder: Path | str = "models") -> "Detector":
        """The model in `folder`; raises ModelError where there is none."""
        network, card = load_model(Path(folder))
        return cls(network, card, pick_device())

    def crop_file(self, path: Path) -> tuple[video.VideoMeta, archive.Archive]:
        """The record of the file's frames, and the crops of its faces."""
        kind = kind_of(path)
        kind = kind if kind in video.READERS else "video"  # an unknown suffix: let the decoder see
        data = video.frame_archive(path, kind, **self._frame_settings)
        frames = archive.unpack(data)
        crops = archive.unpack(cropping.crop_frames(frames, **self._crop_settings))
        return video.VideoMeta(**frames.meta), crops

    def predict(self, path: Path | str) -> Verdict:
        """Verdict on an image or a video; what cannot be read or shows no face is UNDECIDED."""
        meta, crops = self.crop_file(Path(path))
        table = pd.DataFrame(crops.meta["crops"], columns=["frame", "track"])
        logits = predict_logits(
            self.network, list(crops.images.values()), self.card.image_size, self.device
        )
        frames = table.assign(logit=logits, video_id=str(path))
        scored = video_scores(
            frames, self.card.video_score, self.card.temperature, self.card.min_frames
        )
        judged = verdicts(
            pd.DataFrame({"video_id": [str(path)]}), scored, frames, self.card.threshold
        )
        row = judged.iloc[0]
        return Verdict(
            path=str(path),
            verdict=str(row["verdict"]),
            score=None if pd.isna(row["score"]) else float(row["score"]),
            threshold=self.card.threshold,
            reason=meta.reason or str(row["reason"]),
            people=int(table["track"].nunique()),
            frames=len(meta.indices),
            frames_with_face=int(table["frame"].nunique()),
        )
