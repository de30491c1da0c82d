"""Validation: the ROC-AUC of each domain, on self-blended crops where it has no fakes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfake.core import archive
from deepfake.core.image import decode_image, encode_jpeg
from deepfake.core.labels import FAKE, REAL, Floats
from deepfake.params.schema import DomainParams, Params, ScoreParams, TrainParams
from deepfake.training.crop_set import CropSet
from deepfake.training.validation import val_domains, val_metrics

SCORE = ScoreParams(video_score="mean_logit", calibration="temperature", min_frames=1, mirror=False)
LABELS = {"s/r": REAL, "s/f": FAKE, "p/0": REAL, "p/1": REAL}
SIDE = 48


@pytest.fixture
def crops(tmp_path: Path) -> CropSet:
    """Two crops of each of four videos; the landmarks of one photo are unknown."""
    generator = np.random.default_rng(0)
    names = ["0-000000.jpg", "0-000001.jpg"]
    for video_id in LABELS:
        images = [generator.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for _ in names]
        encoded = [encode_jpeg(image, 95, "yuv444") for image in images]
        packed = archive.pack({"status": "ok"}, dict(zip(names, encoded, strict=True)))
        archive.write(tmp_path, video_id, packed)
    rows = [(video, name, video[0], label) for video, label in LABELS.items() for name in names]
    table = pd.DataFrame(rows, columns=["video_id", "image", "dataset", "label"]).assign(track=0)
    angles = np.linspace(0, 2 * np.pi, 68)
    circle = SIDE / 2 + SIDE / 3 * np.column_stack([np.sin(angles), np.cos(angles)])
    landmarks = np.stack([circle] * 8).astype(np.float16)
    landmarks[7] = np.nan
    return CropSet(table, tmp_path, landmarks, 1.3)


@pytest.fixture
def two_domains(params: Params) -> TrainParams:
    domains = {
        "swaps": DomainParams(datasets=["s"], share=0.5, self_blended=0.0),
        "photos": DomainParams(datasets=["p"], share=0.5, self_blended=1.0),
    }
    return params.train.model_copy(update={"domains": domains})


def test_blended_crops_stand_in_for_fakes(crops: CropSet, two_domains: TrainParams) -> None:
    swaps, photos = val_domains(crops, two_domains)
    assert swaps.rows is not None
    assert swaps.rows.tolist() == [0, 1, 2, 3]
    assert photos.rows is None
    assert photos.table["label"].tolist() == [REAL, FAKE] * 3
    videos = photos.table["video_id"].tolist()
    assert videos[:2] == ["p/0", "self-blended/p/0"]
    assert set(videos) == {"p/0", "p/1", "self-blended/p/0", "self-blended/p/1"}
    assert len(photos.images) == 6
    for real, fake in zip(photos.images[::2], photos.images[1::2], strict=True):
        assert decode_image(real).shape == decode_image(fake).shape == (SIDE, SIDE, 3)
        assert real != fake


def test_stand_ins_depend_on_the_seed_alone(crops: CropSet, two_domains: TrainParams) -> None:
    first, again = (val_domains(crops, two_domains)[1].images for _ in range(2))
    assert first == again
    other = two_domains.model_copy(update={"seed": 5})
    assert val_domains(crops, other)[1].images != first


def test_the_mean_of_the_domains(crops: CropSet, two_domains: TrainParams) -> None:
    """All swaps are ranked rightly, all photos wrongly, and photos above the swaps."""

    def predict(images: Sequence[bytes]) -> Floats:
        return np.array([1.0, -1.0] * (len(images) // 2))

    logits = np.array([0.0, 0, 2, 2, 5, 5, 5, 5])
    domains = val_domains(crops, two_domains)
    found = val_metrics(crops.table, logits, domains, predict, SCORE)
    assert found["val_roc_auc_swaps"] == 1.0
    assert found["val_roc_auc_photos"] == 0.0
    assert found["val_domain_roc_auc"] == 0.5
    assert found["val_video_roc_auc"] == pytest.approx(1 / 3)


def test_one_domain_is_all_of_val(crops: CropSet, params: Params) -> None:
    logits = np.arange(8.0)
    (domain,) = val_domains(crops, params.train)
    found = val_metrics(crops.table, logits, [domain], lambda _: np.zeros(0), SCORE)
    assert found["val_domain_roc_auc"] == found["val_video_roc_auc"]
    assert "val_roc_auc_all" not in found
