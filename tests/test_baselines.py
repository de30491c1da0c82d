"""Classifiers that see no face: they find a leak, and nothing where there is none."""

import math

import numpy as np
import pandas as pd
import pytest

from deepfake.baselines import (
    METADATA,
    SHARPNESS,
    baseline_roc_auc,
    metadata_features,
    sharpness_features,
)


def videos(count: int) -> pd.DataFrame:
    """Rows of a split, every second one FAKE."""
    return pd.DataFrame(
        {"video_id": [f"d/{i}" for i in range(count)], "label": [i % 2 for i in range(count)]}
    )


def frame_table(split: pd.DataFrame, leak: float) -> pd.DataFrame:
    """Facts about files; those of fakes are larger by `leak` standard deviations."""
    generator = np.random.default_rng(0)
    size = 1e6 + 1e5 * (generator.normal(size=len(split)) + leak * split["label"])
    columns = {"width": 640, "height": 480, "fps": 25.0, "frame_count": 100, "file_bytes": size}
    return pd.DataFrame({"video_id": split["video_id"], **columns})


@pytest.mark.parametrize(("leak", "low", "high"), [(6.0, 0.95, 1.0), (0.0, 0.35, 0.65)])
def test_a_leak_is_found_and_noise_is_not(leak: float, low: float, high: float) -> None:
    split = videos(400)
    features = metadata_features(frame_table(split, leak))
    found = baseline_roc_auc(features, split[:200], split[200:])
    assert low < found <= high


def test_sharper_fakes_are_found() -> None:
    split = videos(100)
    generator = np.random.default_rng(0)
    crops = split.loc[split.index.repeat(3)]
    sharpness = np.exp(4 + crops["label"] + 0.1 * generator.normal(size=300))
    features = sharpness_features(crops.assign(sharpness=sharpness))
    assert baseline_roc_auc(features, split[:60], split[60:]) > 0.95


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (videos(20).query("label == 0"), videos(20)),
        (videos(20), videos(20).query("label == 1")),
        (videos(0), videos(20)),
        (videos(20), videos(0)),
        (videos(20), videos(20).assign(video_id="d/unknown")),
    ],
    ids=["train of one label", "test of one label", "no train", "no test", "no features"],
)
def test_missing_label_gives_nan(train: pd.DataFrame, test: pd.DataFrame) -> None:
    features = metadata_features(frame_table(videos(20), 0))
    assert math.isnan(baseline_roc_auc(features, train, test))


def test_metadata_by_hand() -> None:
    columns = ["video_id", "width", "height", "fps", "frame_count", "file_bytes"]
    rows = [("a", 10, 20, 25.0, 4, 500), ("broken", 0, 0, 0.0, 0, 7)]
    found = metadata_features(pd.DataFrame(rows, columns=columns))
    assert list(found.columns) == METADATA
    assert found.loc["a"].tolist() == [10, 20, 25, 4, 500, 5]  # 4000 bits over 800 pixels
    assert found.loc["broken"].tolist() == [0, 0, 0, 0, 7, 56]


def test_sharpness_by_hand() -> None:
    crops = pd.DataFrame({"video_id": ["a", "b", "a"], "sharpness": [0.0, 9.0, np.e**2 - 1]})
    found = sharpness_features(crops)
    assert list(found.columns) == SHARPNESS
    assert found.loc["a"].tolist() == pytest.approx([1, 1])
    assert found.loc["b"].tolist() == pytest.approx([np.log(10), 0])
