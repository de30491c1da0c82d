"""From the logits of crops to scores of frames, people and videos."""

import numpy as np
import pandas as pd
from scipy.special import expit

from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED, Floats

# Reasons for UNDECIDED
NO_FACE_FOUND = "no face found"
TOO_FEW_FRAMES = "too few frames with a face"


def frame_scores(logits: Floats, temperature: float, bias: float = 0.0) -> Floats:
    """The score of each frame, 0..1: the sigmoid of logit / temperature + bias."""
    scores: Floats = expit(np.asarray(logits) / temperature + bias)
    return scores


def video_scores(
    frames: pd.DataFrame,
    video_score: str,
    temperature: float,
    min_frames: int,
    bias: float = 0.0,
) -> pd.DataFrame:
    """Scores of videos from the logits of their frames.

    A person's score is the average over the frames of their track. A video's score is the highest
    of its people, since one swapped face makes it FAKE.

    Args:
        frames: rows with video_id, track and logit.
        video_score: "mean_logit" averages before the sigmoid, "mean_probability" after it.
        temperature: logits are divided by it.
        min_frames: tracks with fewer frames get no score.
        bias: added to the divided logits.

    Returns:
        Rows sorted by video_id: video_id, score (0..1), and the track that it is from with its
        number of frames. Videos in which no track has a score have no row.
    """
    scaled = frames["logit"] / temperature + bias
    values = scaled if video_score == "mean_logit" else expit(scaled)
    tracks = (
        frames.assign(score=values)
        .groupby(["video_id", "track"], as_index=False)
        .agg(score=("score", "mean"), frames=("score", "size"))
    )
    tracks = tracks[tracks["frames"] >= min_frames]
    if video_score == "mean_logit":
        tracks = tracks.assign(score=expit(tracks["score"].to_numpy(float)))
    ranked = tracks.sort_values(["score", "track"], ascending=[False, True], kind="stable")
    videos = ranked.drop_duplicates("video_id").sort_values("video_id", ignore_index=True)
    return videos[["video_id", "score", "track", "frames"]]


def verdicts(
    videos: pd.DataFrame, scored: pd.DataFrame, frames: pd.DataFrame, threshold: float
) -> pd.DataFrame:
    """The verdict on each video: REAL, FAKE, or UNDECIDED with a reason.

    Args:
        videos: rows with video_id.
        scored: as returned by `video_scores`.
        frames: the scored frames, with video_id; a video without any has no face.
        threshold: a video with at least this score is FAKE.

    Returns:
        The rows of `videos` with score, track and frames (missing if UNDECIDED), verdict and reason
        ("" unless UNDECIDED).
    """
    table = videos.merge(scored, on="video_id", how="left", validate="one_to_one")
    undecided = table["score"].isna()
    has_face = table["video_id"].isin(frames["video_id"])
    decided = np.where(table["score"] >= threshold, LABEL_NAMES[FAKE], LABEL_NAMES[REAL])
    reason = np.where(has_face, TOO_FEW_FRAMES, NO_FACE_FOUND)
    return table.assign(
        verdict=np.where(undecided, UNDECIDED, decided), reason=np.where(undecided, reason, "")
    )
