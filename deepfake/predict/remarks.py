"""What makes a verdict less certain than its score tells."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepfake.model.card import ModelCard
from deepfake.predict.result import Face, Weakness

# Where the scores of the starter are hardly better than chance (`python benchmarks/limits.py`). Fewer
# than one in a thousand crops of DFDC are below.
MIN_SHARPNESS = 3.0  # `cropping.sharpness`: ROC-AUC .67, and 95 % of REAL crops called FAKE
MIN_BRIGHTNESS = 12.0  # `cropping.brightness`, grey levels: ROC-AUC .59
MIN_FRAMES_SHARE = 0.25  # of the analysed frames; below it, most of the file is not judged


def quality_remarks(
    crops: Sequence[Mapping[str, Any]], card: ModelCard, frames: int
) -> dict[Weakness, str]:
    """Remarks on the crops of the person who decides the verdict.

    Args:
        crops: their records, as `cropping.crop_frames` gives them.
        card: the card of the model.
        frames: number of analysed frames of the file.
    """
    left, top, right, bottom = np.array([crop["box"] for crop in crops]).T
    pixels = float(np.median(np.maximum(right - left, bottom - top)))
    in_training = card.origin.get("face_pixels", 0)
    remarks = {}
    if pixels < in_training:
        remarks[Weakness.SMALL] = (
            f"small face ({pixels:.0f} pixels; most in training had {in_training:.0f} or more)"
        )
    if np.median([crop["sharpness"] for crop in crops]) < MIN_SHARPNESS:
        remarks[Weakness.BLURRED] = "blurred face: the score may mean little"
    if np.median([crop["brightness"] for crop in crops]) < MIN_BRIGHTNESS:
        remarks[Weakness.DARK] = "dark face: the score may mean little"
    if np.median([_turned(crop["landmarks"]) for crop in crops]) > 0:
        remarks[Weakness.TURNED_AWAY] = "face turned to the side"
    if len(crops) < MIN_FRAMES_SHARE * frames:
        remarks[Weakness.FEW_FRAMES] = f"face in only {len(crops)} of {frames} frames"
    return remarks


def _turned(landmarks: Sequence[Sequence[float]]) -> float:
    """How far the tip of the nose is outside of the two eyes, along the line between them.

    In units of the distance of the eyes; negative between them, as in a face that is seen from the
    front. Landmarks are as in `detection.Face`: two corners of each eye, and the nose.
    """
    points = np.asarray(landmarks, float)
    first, second, nose = points[:2].mean(axis=0), points[2:4].mean(axis=0), points[4]
    line = second - first
    position = float((nose - first) @ line / max(float(line @ line), 1e-9))
    return max(-position, position - 1)


def crowd_remark(faces: Sequence[Face], threshold: float) -> str:
    """How many of several people have a score above the threshold for FAKE; "" if none or all.

    The highest score decides, so false alarms grow with the number of people.
    """
    scores = [face.score for face in faces if face.score is not None]
    fake = sum(score >= threshold for score in scores)
    return f"{fake} of {len(scores)} people above the threshold" if 0 < fake < len(scores) else ""
