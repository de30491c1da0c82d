"""What the checkpoint is chosen by: the mean over the domains of the ROC-AUC on val.

Pooled, val rewards a network that tells domains apart, such as photos from frames of videos.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from deepfake.core.image import decode_image, encode_jpeg
from deepfake.core.labels import FAKE, REAL, Floats, Integers
from deepfake.core.roc import roc_auc
from deepfake.model.inputs import stored_images
from deepfake.model.scores import video_scores
from deepfake.params.schema import ScoreParams, TrainParams
from deepfake.training.crop_set import CropSet
from deepfake.training.domains import list_domains
from deepfake.transforms.self_blending import self_blended

JPEG_QUALITY = 95  # of the blended crops and their targets
Predict = Callable[[Sequence[bytes]], Floats]  # a logit per JPEG crop


@dataclass(frozen=True)
class DomainVal:
    """The crops on which one domain is measured.

    Attributes:
        name: of the domain.
        table: one row per crop, with video_id, track and label.
        rows: their positions in val; None for self-blended crops, which are not in val.
        images: JPEGs of the self-blended crops; empty if `rows` says where they are.
    """

    name: str
    table: pd.DataFrame
    rows: Integers | None
    images: Sequence[bytes]


def val_domains(val_set: CropSet, params: TrainParams) -> list[DomainVal]:
    """The crops of each domain in val, or self-blended pairs of its REAL crops if it has no FAKE.

    The pairs depend on the seed alone, so every epoch is measured on the same ones.

    Args:
        val_set: crops of val; REAL crops of domains without FAKE need landmarks.
        params: the train section of params.yaml.
    """
    found = []
    for domain in list_domains(val_set.table, params, "val"):
        part = val_set.table.iloc[domain.rows]
        if FAKE in part["label"].to_numpy():
            found.append(DomainVal(domain.name, part, domain.rows, ()))
        else:
            blendable = domain.rows[val_set.blendable()[domain.rows]]
            pairs = blended_pairs(val_set, blendable, params.seed)
            found.append(DomainVal(domain.name, pairs[0], None, pairs[1]))
    return found


def blended_pairs(crops: CropSet, rows: Integers, seed: int) -> tuple[pd.DataFrame, list[bytes]]:
    """A REAL and a self-blended FAKE crop of each of some REAL crops.

    Returns:
        A table of the pairs, with video_id, track and label; fakes are videos of their own. And a
        JPEG for each row.
    """
    table = crops.table.iloc[rows]
    images: list[bytes] = []
    for number, data in enumerate(stored_images(crops.folder, table)):
        landmarks = crops.landmarks[rows[number]].astype(np.float32)
        rng = np.random.default_rng([seed, number])
        pair = self_blended(decode_image(data), landmarks, rng)
        images += [encode_jpeg(image, JPEG_QUALITY, "yuv444") for image in pair]
    twice = table[["video_id", "track"]].loc[table.index.repeat(2)].reset_index(drop=True)
    is_fake = np.arange(len(twice)) % 2 == 1
    names = twice["video_id"].where(~is_fake, "self-blended/" + twice["video_id"])
    return twice.assign(video_id=names, label=np.where(is_fake, FAKE, REAL)), images


def val_metrics(
    table: pd.DataFrame,
    logits: Floats,
    domains: Sequence[DomainVal],
    predict: Predict,
    params: ScoreParams,
) -> dict[str, float]:
    """The columns of the history that are measured on val.

    Args:
        table: of the crops of val.
        logits: one per row of `table`.
        domains: as `val_domains` returns them.
        predict: gives the logits of self-blended crops.
        params: the score section of params.yaml.

    Returns:
        Loss and ROC-AUC of all crops and videos of val; `val_domain_roc_auc`, the mean over the
        domains of their video ROC-AUC; and that of each domain if there are several.
    """
    labels = torch.from_numpy(table["label"].to_numpy(float))
    by_domain = {
        f"val_roc_auc_{domain.name}": video_roc_auc(
            domain.table,
            predict(domain.images) if domain.rows is None else logits[domain.rows],
            params,
        )
        for domain in domains
    }
    return {
        "val_loss": float(binary_cross_entropy_with_logits(torch.from_numpy(logits), labels)),
        "val_frame_roc_auc": roc_auc(table["label"].to_numpy(int), logits),
        "val_video_roc_auc": video_roc_auc(table, logits, params),
        "val_domain_roc_auc": float(np.mean(list(by_domain.values()))),
        **(by_domain if len(domains) > 1 else {}),
    }


def video_roc_auc(table: pd.DataFrame, logits: Floats, params: ScoreParams) -> float:
    """ROC-AUC of the videos of a table, from one logit per crop; NaN if a label is missing."""
    frames = table.assign(logit=logits)
    videos = video_scores(frames, params.video_score, 1.0, params.min_frames)
    labels = table.drop_duplicates("video_id").set_index("video_id")["label"]
    return roc_auc(labels.loc[videos["video_id"]].to_numpy(int), videos["score"].to_numpy(float))
