"""Shared by the benchmarks of accuracy: crops under coloured light and at lower quality."""

from __future__ import annotations

from collections.abc import Sequence

from deepfake.core.image import Image
from deepfake.evaluation.robustness import crop_generators, encode_bmp
from deepfake.transforms.degradations import TINTS, degrade

Condition = tuple[str, int]  # a degradation and its level

LEVEL = 3
COLOURS: list[Condition] = [
    *((tint, LEVEL) for tint in TINTS),
    ("saturation", 5),
]  # the last is grey
QUALITIES: list[Condition] = [
    (name, LEVEL) for name in ("jpeg", "h264", "downscale", "blur", "noise")
]


def changed_crops(
    crops: Sequence[Image], names: Sequence[str], condition: Condition
) -> list[bytes]:
    """Single crops under a condition, as files for `predict_logits`; the names seed what is random."""
    name, level = condition
    pairs = zip(crops, crop_generators(0, names), strict=True)
    return [encode_bmp(degrade(name, level, [crop], [rng])[0]) for crop, rng in pairs]
