"""A shortcut that is there is found and warned of; one that is not is not."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from deepfake.core import archive
from deepfake.core.image import Image, encode_jpeg
from deepfake.evaluation import shortcuts


def split(name: str, count: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video_id": [f"{name}/{i}" for i in range(count)],
            "label": [i % 2 for i in range(count)],
            "group": [i // 2 for i in range(count)],
        }
    )


TRAIN, TEST = split("train", 60), split("test", 40)
BOTH = pd.concat([TRAIN, TEST])


def audit(features: pd.DataFrame) -> pd.Series:
    found = shortcuts.audit_shortcuts({"x": features}, TRAIN, TEST, 50, 0)
    return found.iloc[0]


def noise(seed: int) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(len(BOTH), 3))
    return pd.DataFrame(values, index=BOTH["video_id"], columns=list("abc"))


def test_a_codec_that_tells_the_label() -> None:
    codecs = pd.Series(np.where(BOTH["label"] == 1, "mpeg4", "h264"), index=BOTH["video_id"])
    found = audit(noise(0).assign(codec=codecs))
    assert found["roc_auc"] > 0.95
    assert found["low"] <= found["roc_auc"] <= found["high"]
    assert found["warning"] == 1
    assert found["videos"] == 40


def test_noise_tells_nothing() -> None:
    found = [audit(noise(seed)) for seed in range(5)]
    assert 0.4 < np.mean([row["roc_auc"] for row in found]) < 0.6


def test_a_codec_that_only_test_has_is_no_error() -> None:
    codecs = pd.Series("h264", index=BOTH["video_id"]).where(
        ~BOTH["video_id"].str.startswith("test").to_numpy(), "vp9"
    )
    assert audit(noise(1).assign(codec=codecs))["videos"] == 40


@pytest.mark.parametrize("empty", [True, False])
def test_what_cannot_be_judged_is_nan(empty: bool) -> None:
    features = noise(0)[:0] if empty else noise(0).loc[TEST["video_id"]]
    found = audit(features)
    assert np.isnan(found["roc_auc"])
    assert found["warning"] == 0


def test_report_and_metrics() -> None:
    table = pd.DataFrame(
        [("metadata", 40, 0.7, 0.6, 0.8, 1), ("border", 40, 0.5, 0.4, 0.6, 0)],
        columns=shortcuts.COLUMNS,
    )
    text = shortcuts.describe(table)
    assert text.count("WARNING") == 1
    assert "WARNING: metadata alone tells FAKE from REAL" in text
    metrics = shortcuts.as_metrics(table)
    assert metrics["border"] == {
        **{"videos": 40, "roc_auc": 0.5, "low": 0.4, "high": 0.6, "warning": 0}
    }


def test_metadata_of_videos_and_images() -> None:
    frames = pd.DataFrame(
        {
            "video_id": ["v", "i", "broken"],
            "width": [100, 10, 0],
            "height": [50, 10, 0],
            "fps": [25.0, 0, 0],
            "frame_count": [50, 1, 0],
            "file_bytes": [1000, 25, 7],
            "codec": ["h264", "", ""],
        }
    )
    found = shortcuts.metadata_features(frames)
    assert found.loc["v", "seconds"] == 2
    assert found.loc["v", "bytes_per_second"] == 500
    assert found.loc["v", "bits_per_pixel"] == pytest.approx(8000 / 250000)
    assert found.loc["i", ["seconds", "bytes_per_second", "bits_per_pixel"]].tolist() == [0, 0, 2]
    assert not found.isna().any(axis=None)


def test_sharpness_and_blockiness(astronaut: Image) -> None:
    sharp, blocks = shortcuts.picture_quality(astronaut)
    blurred, _ = shortcuts.picture_quality(cv2.GaussianBlur(astronaut, (9, 9), 0))
    small = cv2.resize(astronaut, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    blocky = cv2.resize(small, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    assert sharp > blurred
    assert shortcuts.picture_quality(blocky)[1] > blocks + 1
    assert shortcuts.picture_quality(np.zeros((4, 4, 3), np.uint8)) == (0, 0)


def test_border_does_not_see_the_face() -> None:
    crop = np.full((160, 160, 3), 60, np.uint8)
    changed = crop.copy()
    changed[16:-16, 16:-16] = 200
    assert shortcuts.border(crop).tolist() == shortcuts.border(changed).tolist()
    changed[:16] = 90
    assert shortcuts.border(crop).tolist() != shortcuts.border(changed).tolist()


def test_videos_without_pictures_are_left_out(tmp_path: Path, astronaut: Image) -> None:
    archive.write(
        tmp_path,
        "a",
        archive.pack({"status": "ok"}, {"0.jpg": encode_jpeg(astronaut, 95, "4:4:4")}),
    )
    archive.write(tmp_path, "b", archive.pack({"status": "unreadable"}, {}))
    assert shortcuts.picture_features(["a", "b"], tmp_path).index.tolist() == ["a"]
    assert shortcuts.border_features(["a", "b"], tmp_path).index.tolist() == ["a"]
