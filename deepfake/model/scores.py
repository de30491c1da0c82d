"""From the network's logits to the score of a frame, a person and a video."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from torch import Tensor, nn

from deepfake.core.image import decode_image
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED, Floats
from deepfake.model.inputs import to_tensor
from deepfake.transforms.evaluation import evaluation

BATCH = 64


def predict_logits(
    model: nn.Module, images: Sequence[bytes], image_size: int, device: torch.device | str = "cpu"
) -> Floats:
    """One logit per JPEG crop (higher = more likely FAKE); the model is left in eval mode."""
    preset = evaluation(image_size)
    model.eval()
    logits: list[Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch_of = (decode_image(data) for data in images[start : start + BATCH])
            crops = torch.stack([preset(to_tensor(image)) for image in batch_of])
            batch = crops.to(device, memory_format=torch.channels_last)
            logits.append(model(batch).squeeze(1).float().cpu())
    return torch.cat(logits).double().numpy() if logits else np.zeros(0)


def frame_scores(logits: Floats, temperature: float) -> Floats:
    """Calibrated probability of FAKE per frame, 0..1 (temperature scaling, Guo et al., 2017)."""
    scores: Floats = expit(np.asarray(logits) / temperature)
    return scores


def video_scores(
    frames: pd.DataFrame, video_score: str, temperature: float, min_frames: int
) -> pd.DataFrame:
    """Scores of videos from the logits of their frames.

    A person's score is the average over the frames of their track; the video takes that of its
    most suspicious person, since one swapped face makes a video FAKE.

    Args:
        frames: rows with video_id, track and logit.
        video_score: "mean_logit" averages before the sigmoid, "mean_probability" after it.
        temperature: logits are divided by it.
        min_frames: tracks seen in fewer frames are not judged.

    Returns:
        Rows sorted by video_id: video_id, score (0..1), track, frames. Videos without a track that
        can be judged have no row.
    """
    scaled = frames["logit"] / temperature
    value = scaled if video_score == "mean_logit" else expit(scaled)
    tracks = (
        frames.assign(score=value)
        .groupby(["video_id", "track"], as_index=False)
        .agg(score=("score", "mean"), frames=("score", "size"))
    )
    tracks = tracks[tracks["frames"] >= min_frames]
    if video_score == "mean_logit":
        tracks = tracks.assign(score=expit(tracks["score"].to_numpy(float)))
    worst = tracks.sort_values(["score", "track"], ascending=[False, True], kind="stable")
    videos = worst.drop_duplicates("video_id").sort_values("video_id", ignore_index=True)
    return videos[["video_id", "score", "track", "frames"]]


def verdicts(
    videos: pd.DataFrame, scored: pd.DataFrame, frames: pd.DataFrame, threshold: float
) -> pd.DataFrame:
    """Say REAL, FAKE or UNDECIDED of every video, and why it is undecided.

    Args:
        videos: rows with video_id, in the order wanted.
        scored: as `video_scores` gives them.
        frames: what was scored, with video_id; tells apart those without any face.
        threshold: scores from here on are FAKE.

    Returns:
        The rows of `videos` with score, track and frames (missing where undecided), verdict and
        reason ("" where decided).
    """
    table = videos.merge(scored, on="video_id", how="left", validate="one_to_one")
    unknown = table["score"].isna()
    seen = table["video_id"].isin(frames["video_id"])
    called = np.where(table["score"] >= threshold, LABEL_NAMES[FAKE], LABEL_NAMES[REAL])
    reason = np.where(seen, "too few frames with a face", "no face found")
    return table.assign(
        verdict=np.where(unknown, UNDECIDED, called), reason=np.where(unknown, reason, "")
    )
