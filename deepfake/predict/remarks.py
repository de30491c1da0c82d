"""What makes a verdict less certain than its score tells."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deepfake.model.card import ModelCard
from deepfake.predict.result import Face

# Where the scores of the starter are hardly better than chance (`python benchmarks/limits.py`). Fewer
# than one in a thousand crops of DFDC are below.
MIN_SHARPNESS = 3.0  # `cropping.sharpness`: ROC-AUC .67, and 95 % of REAL crops called FAKE
MIN_BRIGHTNESS = 12.0  # `cropping.brightness`, grey levels: ROC-AUC .59


def quality_remarks(crops: Sequence[Mapping[str, Any]], card: ModelCard) -> list[str]:
    """Remarks on the crops of the person who decides the verdict.

    Args:
        crops: their records, as `cropping.crop_frames` gives them.
        card: the card of the model.
    """
    left, top, right, bottom = np.array([crop["box"] for crop in crops]).T
    pixels = float(np.median(np.maximum(right - left, bottom - top)))
    in_training = card.origin.get("face_pixels", 0)
    remarks = []
    if pixels < in_training:
        remarks.append(
            f"face of {pixels:.0f} pixels: 95 % of those in training had {in_training:.0f} or more"
        )
    if np.median([crop["sharpness"] for crop in crops]) < MIN_SHARPNESS:
        remarks.append("blurred face: the score may mean little")
    if np.median([crop["brightness"] for crop in crops]) < MIN_BRIGHTNESS:
        remarks.append("dark face: the score may mean little")
    return remarks


def crowd_remark(faces: Sequence[Face], threshold: float) -> str:
    """How many of several people have a score above the threshold for FAKE; "" if none or all.

    The highest score decides, so false alarms grow with the number of people.
    """
    scores = [face.score for face in faces if face.score is not None]
    fake = sum(score >= threshold for score in scores)
    return f"{fake} of {len(scores)} people above the threshold" if 0 < fake < len(scores) else ""
