"""Shortcuts: one in the data gives a warning, noise does not; features by hand."""

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


def audit(features: pd.DataFrame, classifier: str = "forest") -> pd.Series:
    """The row of one shortcut."""
    table = shortcuts.audit_shortcuts({"x": features}, TRAIN, TEST, 1000, 0)
    return table.set_index("shortcut").loc[f"x ({classifier})"]


def noise(seed: int) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(len(BOTH), 3))
    return pd.DataFrame(values, index=BOTH["video_id"], columns=list("abc"))


@pytest.mark.parametrize("classifier", ["forest", "linear"])
def test_a_codec_of_the_fakes_is_a_shortcut(classifier: str) -> None:
    codecs = pd.Series(np.where(BOTH["label"] == 1, "mpeg4", "h264"), index=BOTH["video_id"])
    row = audit(noise(0).assign(codec=codecs), classifier)
    assert row["roc_auc"] > 0.95
    assert row["low"] <= row["roc_auc"] <= row["high"]
    assert row["warning"] == 1
    assert row["videos"] == 40


@pytest.mark.parametrize(("groups", "warning"), [(10, 1), (9, 0)])
def test_few_people_give_no_warning(groups: int, warning: int) -> None:
    test = TEST.assign(group=np.arange(len(TEST)) // 2 % groups)
    codecs = pd.Series(np.where(BOTH["label"] == 1, "mpeg4", "h264"), index=BOTH["video_id"])
    features = {"x": noise(0).assign(codec=codecs)}
    row = shortcuts.audit_shortcuts(features, TRAIN, test, 1000, 0).iloc[0]
    assert (row["groups"], row["warning"]) == (groups, warning)
    named = TEST.assign(dataset="d", target=test["group"].map("p{}".format), group=0)
    row = shortcuts.audit_shortcuts(features, TRAIN, named, 1000, 0).iloc[0]
    assert (row["groups"], row["warning"]) == (groups, warning), (
        "people count, where they are known"
    )


def test_an_interval_that_holds_chance_gives_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    codecs = pd.Series(np.where(BOTH["label"] == 1, "mpeg4", "h264"), index=BOTH["video_id"])
    monkeypatch.setattr(shortcuts, "group_intervals", lambda *_: {"roc_auc": (0.49, 0.9)})
    assert audit(noise(0).assign(codec=codecs))["warning"] == 0


def test_the_linear_classifier_finds_a_faint_trend_that_the_forest_understates() -> None:
    train, test = split("train", 400), split("test", 400)
    both = pd.concat([train, test])
    sharpness = 0.7 * both["label"] + np.random.default_rng(0).normal(size=len(both))
    features = {"sharpness": pd.DataFrame({"value": sharpness.to_numpy()}, index=both["video_id"])}
    table = shortcuts.audit_shortcuts(features, train, test, 1000, 0).set_index("shortcut")
    found = table["roc_auc"]
    assert found["sharpness (linear)"] > found["sharpness (forest)"] + 0.03


@pytest.mark.slow
def test_noise_is_no_shortcut() -> None:
    rows = [audit(noise(seed)) for seed in range(5)]
    assert 0.4 < np.mean([row["roc_auc"] for row in rows]) < 0.6


def test_a_codec_in_test_alone_is_no_error() -> None:
    codecs = pd.Series("h264", index=BOTH["video_id"]).where(
        ~BOTH["video_id"].str.startswith("test").to_numpy(), "vp9"
    )
    assert audit(noise(1).assign(codec=codecs))["videos"] == 40


@pytest.mark.parametrize("empty", [True, False])
def test_nan_without_features_in_train(empty: bool) -> None:
    features = noise(0)[:0] if empty else noise(0).loc[TEST["video_id"]]
    row = audit(features)
    assert np.isnan(row["roc_auc"])
    assert row["warning"] == 0


def test_report_and_headline() -> None:
    table = pd.DataFrame(
        [("metadata", 40, 20, 0.7, 0.6, 0.8, 1), ("border", 40, 9, 0.5, np.nan, np.nan, 0)],
        columns=shortcuts.COLUMNS,
    )
    text = shortcuts.describe(table)
    assert text.count("WARNING") == 1
    assert "WARNING: metadata alone separates FAKE from REAL" in text
    assert "border: cannot tell from 9 people" in text
    assert text.endswith("border: ROC-AUC 0.500"), "no interval"
    assert shortcuts.headline(table) == {"worst_roc_auc": 0.7}


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
    features = shortcuts.metadata_features(frames)
    assert features.loc["v", "seconds"] == 2
    assert features.loc["v", "bytes_per_second"] == 500
    assert features.loc["v", "bits_per_pixel"] == pytest.approx(8000 / 250000)
    assert features.loc["i", ["seconds", "bytes_per_second", "bits_per_pixel"]].tolist() == [
        0,
        0,
        2,
    ]
    assert not features.isna().any(axis=None)


def test_sharpness_and_blockiness(astronaut: Image) -> None:
    sharp, blocks = shortcuts.image_quality(astronaut)
    blurred, _ = shortcuts.image_quality(cv2.GaussianBlur(astronaut, (9, 9), 0))
    small = cv2.resize(astronaut, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    blocky = cv2.resize(small, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    assert sharp > blurred
    assert shortcuts.image_quality(blocky)[1] > blocks + 1
    assert shortcuts.image_quality(np.zeros((4, 4, 3), np.uint8)) == (0, 0)


def test_border_excludes_the_face() -> None:
    crop = np.full((160, 160, 3), 60, np.uint8)
    changed = crop.copy()
    changed[16:-16, 16:-16] = 200
    assert shortcuts.border_colours(crop).tolist() == shortcuts.border_colours(changed).tolist()
    changed[:16] = 90
    assert shortcuts.border_colours(crop).tolist() != shortcuts.border_colours(changed).tolist()


def test_videos_without_images_are_left_out(tmp_path: Path, astronaut: Image) -> None:
    archive.write(
        tmp_path,
        "a",
        archive.pack({"status": "ok"}, {"0.jpg": encode_jpeg(astronaut, 95, "yuv444")}),
    )
    archive.write(tmp_path, "b", archive.pack({"status": "unreadable"}, {}))
    assert shortcuts.quality_features(["a", "b"], tmp_path).index.tolist() == ["a"]
    assert shortcuts.border_features(["a", "b"], tmp_path).index.tolist() == ["a"]
