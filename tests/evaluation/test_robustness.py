"""Robustness: nothing degraded is what evaluate says; the sample is even; numbers by hand."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from deepfake.core import archive
from deepfake.core.files import write_metrics
from deepfake.core.image import decode_image, encode_jpeg
from deepfake.core.roc import roc_auc
from deepfake.evaluation import robustness
from deepfake.evaluation.predictions import Predictions, predict_split
from deepfake.evaluation.robustness import UNDEGRADED, choose_sample, compare, score_levels
from deepfake.evaluation.split_metrics import evaluate
from deepfake.params.schema import EvaluateParams
from deepfake.plots.figures import save
from deepfake.plots.robustness import robustness_curves
from deepfake.transforms.degradations import DEGRADATIONS

pytestmark = pytest.mark.usefixtures("one_thread")
FRAMES = 5  # of each video


class Redness(nn.Module):
    """A network whose logit is how red the crop is."""

    def forward(self, images: Tensor) -> Tensor:
        return (images[:, 0] - images[:, 2]).mean(dim=(1, 2))[:, None]


def card(min_frames: int = 1) -> Any:
    return SimpleNamespace(
        image_size=16, temperature=0.8, threshold=0.55, video_score="mean_logit",
        min_frames=min_frames,
    )  # fmt: skip


@pytest.fixture(scope="module")
def crops_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight videos of noise, FAKE redder than REAL, the last one without a face."""
    folder = tmp_path_factory.mktemp("crops")
    generator = np.random.default_rng(0)
    for number in range(8):
        images = {}
        for frame in range(FRAMES if number < 7 else 0):
            image = generator.integers(40, 180, (24, 24, 3), np.uint8)
            image[..., 0] += np.uint8(8 * number + 20 * (number % 2))
            images[f"0-{frame:06d}.jpg"] = encode_jpeg(image, 95, "4:4:4")
        archive.write(folder, f"v/{number}", archive.pack({"status": "ok"}, images))
    return folder


@pytest.fixture(scope="module")
def test_set(crops_folder: Path) -> Predictions:
    """What evaluate says of them."""
    split = pd.DataFrame(
        {
            "video_id": [f"v/{i}" for i in range(8)],
            "dataset": "v",
            "path": "",
            "label": [i % 2 for i in range(8)],
            "method": ["real", "swap"] * 4,
            "original": "",
            "group": [i // 2 for i in range(8)],
        }
    )
    crops = pd.DataFrame(
        [(f"v/{i}", k, 0, f"0-{k:06d}.jpg") for i in range(7) for k in range(FRAMES)],
        columns=["video_id", "frame", "track", "image"],
    )
    return predict_split(Redness(), card(), split, crops, crops_folder)


def settle(sample: Predictions, folder: Path, levels: list[int], **others: Any) -> Any:
    seed = others.pop("seed", 0)
    return score_levels(Redness(), card(**others), sample, folder, levels, seed)


def table(scores: dict[Any, Any], videos: pd.DataFrame) -> pd.DataFrame:
    return compare(scores, videos, card().threshold, 50, 0)


def test_level_0_is_what_evaluate_says(test_set: Predictions, crops_folder: Path) -> None:
    sample = choose_sample(test_set, 500, FRAMES)
    found = table(settle(sample, crops_folder, []), sample.videos)
    wanted = evaluate(test_set, card().threshold, EvaluateParams(bootstrap=50, seed=0))["video"]
    assert found["degradation"].tolist() == list(DEGRADATIONS)
    for _, row in found.iterrows():
        assert row["level"] == 0
        assert row["roc_auc"] == pytest.approx(wanted["roc_auc"])
        assert row["balanced_accuracy"] == pytest.approx(wanted["balanced_accuracy"])
        bounds = wanted["interval_95"]["roc_auc"]
        assert (row["low"], row["high"]) == pytest.approx((bounds["low"], bounds["high"]))
        assert row[["drop", "drop_low", "drop_high"]].tolist() == [0, 0, 0]


def test_crops_that_nothing_happened_to_get_the_same_scores(
    test_set: Predictions, crops_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way through decoding, the lossless bytes and the network adds nothing."""
    monkeypatch.setattr(robustness, "degrade", lambda _name, _level, images, _generators: images)
    sample = choose_sample(test_set, 500, FRAMES)
    scores = settle(sample, crops_folder, [1, 5])
    assert len(scores) == 1 + 2 * len(DEGRADATIONS)
    wanted = test_set.videos["score"].dropna().to_numpy(float)
    for found in scores.values():
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_without_colour_redness_tells_nothing(test_set: Predictions, crops_folder: Path) -> None:
    sample = choose_sample(test_set, 500, FRAMES)
    scores = settle(sample, crops_folder, [1, 5])
    assert np.ptp(scores["saturation", 5]) < 0.01 < np.ptp(scores[UNDEGRADED])
    found = table(scores, sample.videos).set_index(["degradation", "level"])
    assert found.loc[("saturation", 5), "balanced_accuracy"] == 0.5
    assert found.loc[("jpeg", 1), "drop"] == pytest.approx(0, abs=0.1)


def test_the_same_again_and_another_seed(test_set: Predictions, crops_folder: Path) -> None:
    sample = choose_sample(test_set, 500, 2)
    one, same, other = (settle(sample, crops_folder, [3], seed=seed) for seed in (0, 0, 1))
    for condition, scores in one.items():
        assert (scores == same[condition]).all()
        drawn = condition[0] in ("noise", "blocks")
        assert (scores != other[condition]).any() == drawn


def test_a_crop_has_its_own_randomness() -> None:
    a, b, again = robustness.generators(0, ["v/1/a.jpg", "v/1/b.jpg", "v/1/a.jpg"])
    first = a.random()
    assert first == again.random()
    assert first != b.random()


def test_lossless() -> None:
    image = np.random.default_rng(0).integers(0, 256, (17, 9, 3), np.uint8)
    assert (decode_image(robustness.lossless(image)) == image).all()


def predictions(reals: int, fakes: int, undecided: int = 0, tracks: int = 1) -> Predictions:
    """Videos with a score, then those without, ten crops of each person."""
    labels = [0] * reals + [1] * fakes
    videos = pd.DataFrame(
        {
            "video_id": [f"{i:03d}" for i in range(len(labels) + undecided)],
            "label": labels + [1] * undecided,
            "group": range(len(labels) + undecided),
            "verdict": ["REAL"] * len(labels) + ["UNDECIDED"] * undecided,
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
    assert (labels.count(0), labels.count(1)) == chosen
    assert len(sample.frames) == 3 * sum(chosen)
    assert (sample.videos["verdict"] != "UNDECIDED").all()


def test_videos_and_crops_are_spread_evenly() -> None:
    sample = choose_sample(predictions(20, 20, tracks=2), 8, 2)
    assert [int(name) for name in sample.videos["video_id"]] == [2, 7, 12, 17, 22, 27, 32, 37]
    of_one = sample.frames[sample.frames["video_id"] == "002"]
    kept = list(zip(of_one["track"], of_one["frame"], strict=True))
    assert kept == [(0, 2), (0, 7), (1, 2), (1, 7)]


def test_people_seen_in_too_few_frames_stay_unjudged(
    test_set: Predictions, crops_folder: Path
) -> None:
    sample = choose_sample(test_set, 500, max(2, 4))  # as the stage does for min_frames = 4
    assert np.isfinite(settle(sample, crops_folder, [1], min_frames=4)["jpeg", 1]).all()


@pytest.mark.parametrize("ties", [False, True])
def test_roc_auc_is_that_of_scikit_learn(ties: bool) -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 60)
    scores = generator.random(60).round(1 if ties else 9)
    assert roc_auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))


@pytest.mark.parametrize("labels", [[], [0, 0], [1]])
def test_roc_auc_of_one_label(labels: list[int]) -> None:
    assert np.isnan(roc_auc(np.array(labels, int), np.zeros(len(labels))))


def test_drop_by_hand_and_its_interval() -> None:
    """Two of the four pairs turn round; the groups are alike, so the interval is narrow."""
    videos = pd.DataFrame({"label": [0, 0, 1, 1] * 5, "group": np.repeat(range(5), 4)})
    before = np.tile([0.1, 0.2, 0.8, 0.9], 5)
    after = np.tile([0.1, 0.85, 0.8, 0.84], 5)
    found = compare({UNDEGRADED: before, ("jpeg", 1): after}, videos, 0.5, 40, 0)
    row = found[(found["degradation"] == "jpeg") & (found["level"] == 1)].iloc[0]
    assert row["strength"] == 90
    assert (row["roc_auc"], row["drop"]) == pytest.approx((0.5, 0.5))
    assert (row["drop_low"], row["drop_high"]) == pytest.approx((0.5, 0.5))
    assert row["balanced_accuracy"] == pytest.approx(0.75)


def test_metrics_file(test_set: Predictions, crops_folder: Path, tmp_path: Path) -> None:
    sample = choose_sample(test_set, 6, 2)
    found = table(settle(sample, crops_folder, [1, 5]), sample.videos)
    metrics = robustness.as_metrics(found, sample, test_set)
    write_metrics(tmp_path / "robustness.json", metrics)
    read = json.loads((tmp_path / "robustness.json").read_text())
    assert (read["videos"], read["crops"], read["undecided"]) == (6, 12, 1)
    assert list(read)[4:] == list(DEGRADATIONS)
    assert list(read["h264"]) == ["1", "5"]
    assert list(read["undegraded"]) == ["roc_auc", "low", "high", "balanced_accuracy"]
    text = robustness.describe(found)
    assert len(text.splitlines()) == 1 + len(DEGRADATIONS)
    assert "h264 (H.264 CRF): " in text
    assert " at 40" in text


def test_picture(test_set: Predictions, crops_folder: Path, tmp_path: Path) -> None:
    sample = choose_sample(test_set, 500, 1)
    found = table(settle(sample, crops_folder, [1, 5]), sample.videos)
    for name in ("one.png", "other.png"):
        save(robustness_curves(found), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    axes = robustness_curves(found).axes
    assert [panel.get_title() for panel in axes] == list(DEGRADATIONS)
    assert [text.get_text() for text in axes[-1].get_xticklabels()] == ["none", "30", "40"]


def test_nothing_to_measure(crops_folder: Path, tmp_path: Path) -> None:
    """A test split in which every video is UNDECIDED is told, not a crash."""
    nothing = predictions(0, 0, undecided=3)
    sample = choose_sample(nothing, 500, 4)
    found = table(settle(sample, crops_folder, [1]), sample.videos)
    assert found["roc_auc"].isna().all()
    write_metrics(tmp_path / "m.json", robustness.as_metrics(found, sample, nothing))
    read = json.loads((tmp_path / "m.json").read_text())
    assert (read["videos"], read["undecided"], read["jpeg"]) == (0, 3, {"1": {}})
    save(robustness_curves(found), tmp_path / "nothing.png")
    assert torch.is_grad_enabled()
