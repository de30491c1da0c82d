"""Robustness: level 0 agrees with `evaluate`; the sample is balanced; values by hand."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from deepfake.core import archive
from deepfake.core.files import write_metrics
from deepfake.core.image import decode_image, encode_jpeg
from deepfake.core.labels import FAKE, REAL, UNDECIDED, Floats
from deepfake.evaluation import robustness
from deepfake.evaluation.predictions import Predictions, predict_split
from deepfake.evaluation.robustness import (
    UNDEGRADED,
    Condition,
    choose_sample,
    measure,
    score_degraded,
)
from deepfake.evaluation.split_metrics import evaluate
from deepfake.params.schema import EvaluateParams
from deepfake.transforms.degradations import DEGRADATIONS

pytestmark = pytest.mark.usefixtures("one_thread")
FRAMES = 5  # per video


class Redness(nn.Module):
    """A network whose logit is the mean of red minus blue."""

    def forward(self, images: Tensor) -> Tensor:
        return (images[:, 0] - images[:, 2]).mean(dim=(1, 2))[:, None]


def card(min_frames: int = 1) -> Any:
    return SimpleNamespace(
        image_size=16, temperature=0.8, bias=0.1, threshold=0.55, video_score="mean_logit",
        min_frames=min_frames,
    )  # fmt: skip


@pytest.fixture(scope="module")
def crops_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight videos of noise: FAKE is redder than REAL, and the last one has no crops."""
    folder = tmp_path_factory.mktemp("crops")
    generator = np.random.default_rng(0)
    for number in range(8):
        images = {}
        for frame in range(FRAMES if number < 7 else 0):
            image = generator.integers(40, 180, (24, 24, 3), np.uint8)
            image[..., 0] += np.uint8(8 * number + 20 * (number % 2))
            images[f"0-{frame:06d}.jpg"] = encode_jpeg(image, 95, "yuv444")
        archive.write(folder, f"v/{number}", archive.pack({"status": "ok"}, images))
    return folder


def predicted(folder: Path, **columns: Any) -> Predictions:
    """Their predictions, as `evaluate` makes them from a split with these columns."""
    split = pd.DataFrame(
        {
            "video_id": [f"v/{i}" for i in range(8)],
            "dataset": "v",
            "path": "",
            "label": [i % 2 for i in range(8)],
            "method": ["real", "swap"] * 4,
            "original": "",
            "group": [i // 2 for i in range(8)],
            **columns,
        }
    )
    crops = pd.DataFrame(
        [(f"v/{i}", k, 0, f"0-{k:06d}.jpg") for i in range(7) for k in range(FRAMES)],
        columns=["video_id", "frame", "track", "image"],
    )
    return predict_split(Redness(), card(), split, crops, folder)


@pytest.fixture(scope="module")
def test_set(crops_folder: Path) -> Predictions:
    return predicted(crops_folder)


def test_videos_count_for_people_where_they_are_known(
    test_set: Predictions, crops_folder: Path
) -> None:
    assert test_set.videos["group"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    named = predicted(crops_folder, target=["a", "b", "c", "b"] * 2)
    assert named.videos["group"].tolist() == [0, 1, 2, 1, 0, 1, 2, 1]


def scored(
    sample: Predictions, folder: Path, levels: list[int], seed: int = 0, min_frames: int = 1
) -> dict[Condition, Floats]:
    return score_degraded(Redness(), card(min_frames), sample, folder, levels, seed)


def measured(scores: dict[Condition, Floats], videos: pd.DataFrame) -> pd.DataFrame:
    return measure(scores, videos, card().threshold, 1000)


def test_level_0_agrees_with_evaluate(test_set: Predictions, crops_folder: Path) -> None:
    sample = choose_sample(test_set, 500, FRAMES)
    table = measured(scored(sample, crops_folder, []), sample.videos)
    expected = evaluate(
        test_set, card().threshold, EvaluateParams(max_groups=1000, scores_in_git="names", seed=0)
    )["video"]
    assert table["degradation"].tolist() == list(DEGRADATIONS)
    for _, row in table.iterrows():
        assert row["level"] == 0
        assert row["roc_auc"] == pytest.approx(expected["roc_auc"])
        assert row["balanced_accuracy"] == pytest.approx(expected["balanced_accuracy"])
        assert expected["interval_95"] == {}
        assert row[["low", "high", "drop_low", "drop_high"]].isna().all(), "there are 4 groups"
        assert row["drop"] == row["flipped"] == 0


def test_unchanged_crops_get_the_same_scores(
    test_set: Predictions, crops_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decoding, encoding as BMP and scoring again change nothing."""
    monkeypatch.setattr(robustness, "degrade", lambda _name, _level, images, _generators: images)
    sample = choose_sample(test_set, 500, FRAMES)
    scores = scored(sample, crops_folder, [1, 5])
    assert len(scores) == 1 + 2 * len(DEGRADATIONS)
    expected = test_set.videos["score"].dropna().to_numpy(float)
    for values in scores.values():
        np.testing.assert_allclose(values, expected, atol=1e-6)


def test_without_colour_redness_is_useless(test_set: Predictions, crops_folder: Path) -> None:
    sample = choose_sample(test_set, 500, FRAMES)
    scores = scored(sample, crops_folder, [1, 5])
    assert np.ptp(scores["saturation", 5]) < 0.01 < np.ptp(scores[UNDEGRADED])
    table = measured(scores, sample.videos).set_index(["degradation", "level"])
    assert table.loc[("saturation", 5), "balanced_accuracy"] == 0.5
    assert table.loc[("jpeg", 1), "drop"] == pytest.approx(0, abs=0.1)


def test_only_random_degradations_depend_on_the_seed(
    test_set: Predictions, crops_folder: Path
) -> None:
    sample = choose_sample(test_set, 500, 2)
    one, same, other = (scored(sample, crops_folder, [3], seed=seed) for seed in (0, 0, 1))
    for condition, scores in one.items():
        assert (scores == same[condition]).all()
        is_random = condition[0] in ("noise", "blocks")
        assert (scores != other[condition]).any() == is_random


def test_each_crop_has_its_own_generator() -> None:
    a, b, again = robustness.crop_generators(0, ["v/1/a.jpg", "v/1/b.jpg", "v/1/a.jpg"])
    first = a.random()
    assert first == again.random()
    assert first != b.random()


def test_bmp_is_lossless() -> None:
    image = np.random.default_rng(0).integers(0, 256, (17, 9, 3), np.uint8)
    assert (decode_image(robustness.encode_bmp(image)) == image).all()


def predictions(reals: int, fakes: int, undecided: int = 0, tracks: int = 1) -> Predictions:
    """Videos with a score, then UNDECIDED ones; ten crops per track."""
    labels = [REAL] * reals + [FAKE] * fakes
    videos = pd.DataFrame(
        {
            "video_id": [f"{i:03d}" for i in range(len(labels) + undecided)],
            "label": labels + [FAKE] * undecided,
            "group": range(len(labels) + undecided),
            "verdict": ["REAL"] * len(labels) + [UNDECIDED] * undecided,
        }
    )
    rows = [
        (video_id, frame, track, f"{track}-{frame}.jpg", 0.0)
        for video_id in videos["video_id"]
        for frame in range(10)
        for track in range(tracks)
    ]
    return Predictions(
        pd.DataFrame(rows, columns=["video_id", "frame", "track", "image", "logit"]), videos
    )


@pytest.mark.parametrize(
    ("reals", "fakes", "limit", "chosen"),
    [
        (10, 10, 500, (10, 10)),
        (10, 10, 6, (3, 3)),
        (10, 10, 5, (3, 2)),
        (2, 30, 10, (2, 8)),
        (30, 2, 10, (8, 2)),
        (0, 7, 4, (0, 4)),
        (9, 9, 1, (1, 0)),
        (0, 0, 5, (0, 0)),
    ],
)
def test_videos_are_balanced(reals: int, fakes: int, limit: int, chosen: tuple[int, int]) -> None:
    sample = choose_sample(predictions(reals, fakes, undecided=2), limit, 3)
    labels = sample.videos["label"].tolist()
    assert (labels.count(REAL), labels.count(FAKE)) == chosen
    assert len(sample.frames) == 3 * sum(chosen)
    assert (sample.videos["verdict"] != UNDECIDED).all()


def test_videos_and_crops_are_evenly_spaced() -> None:
    sample = choose_sample(predictions(20, 20, tracks=2), 8, 2)
    assert [int(name) for name in sample.videos["video_id"]] == [2, 7, 12, 17, 22, 27, 32, 37]
    crops = sample.frames[sample.frames["video_id"] == "002"]
    kept = list(zip(crops["track"], crops["frame"], strict=True))
    assert kept == [(0, 2), (0, 7), (1, 2), (1, 7)]


def test_every_video_of_the_sample_has_a_score(test_set: Predictions, crops_folder: Path) -> None:
    """Also with a high `min_frames`, because the stage never takes fewer crops per track."""
    sample = choose_sample(test_set, 500, max(2, 4))
    assert np.isfinite(scored(sample, crops_folder, [1], min_frames=4)["jpeg", 1]).all()


def test_drop_by_hand_and_its_interval() -> None:
    """Two of the four pairs change order; all groups are equal, so the interval has no width."""
    videos = pd.DataFrame({"label": [0, 0, 1, 1] * 12, "group": np.repeat(range(12), 4)})
    before = np.tile([0.1, 0.2, 0.8, 0.9], 12)
    after = np.tile([0.1, 0.85, 0.8, 0.84], 12)
    table = measure({UNDEGRADED: before, ("jpeg", 1): after}, videos, 0.5, 1000)
    row = table[(table["degradation"] == "jpeg") & (table["level"] == 1)].iloc[0]
    assert row["strength"] == 90
    assert (row["roc_auc"], row["drop"]) == pytest.approx((0.5, 0.5))
    assert (row["drop_low"], row["drop_high"]) == pytest.approx((0.5, 0.5))
    assert row["balanced_accuracy"] == pytest.approx(0.75)
    assert row["flipped"] == pytest.approx(0.25)


def test_headline_and_text(test_set: Predictions, crops_folder: Path) -> None:
    """The mean over degradations and levels, without level 0."""
    sample = choose_sample(test_set, 6, 2)
    table = measured(scored(sample, crops_folder, [1, 5]), sample.videos)
    assert (table["videos"] == 6).all()
    assert (table["groups"] == 4).all()
    drops = table.loc[table["level"].isin([1, 5]), "drop"]
    assert len(drops) == 2 * len(DEGRADATIONS)
    assert drops.abs().sum() > 0
    assert robustness.headline(table) == {"roc_auc_drop": pytest.approx(sum(drops) / len(drops))}
    text = robustness.describe(table)
    assert len(text.splitlines()) == 1 + len(DEGRADATIONS)
    assert "h264 (H.264 CRF): " in text
    assert " at 40" in text


def test_nothing_to_measure(crops_folder: Path, tmp_path: Path) -> None:
    """A test split in which every video is UNDECIDED gives NaN, not an error."""
    all_undecided = predictions(0, 0, undecided=3)
    sample = choose_sample(all_undecided, 500, 4)
    table = measured(scored(sample, crops_folder, [1]), sample.videos)
    assert table["roc_auc"].isna().all()
    write_metrics(tmp_path / "m.json", robustness.headline(table))
    assert json.loads((tmp_path / "m.json").read_text()) == {}
    assert torch.is_grad_enabled()
