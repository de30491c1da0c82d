"""Scores of frames, people and videos, computed by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from deepfake.core.image import encode_jpeg
from deepfake.model.logits import predict_logits
from deepfake.model.scores import frame_scores, video_scores
from deepfake.transforms import evaluation


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def frames(*rows: tuple[str, int, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["video_id", "track", "logit"])
    return table.astype({"track": int, "logit": float})


class Brightness(nn.Module):
    """A network whose logit is the mean of its input; it must be in eval mode."""

    def forward(self, images: Tensor) -> Tensor:
        assert not self.training
        return images.mean(dim=(1, 2, 3))[:, None]


def grey(values: Sequence[int]) -> list[bytes]:
    return [encode_jpeg(np.full((20, 20, 3), value, np.uint8), 95, "yuv444") for value in values]


@pytest.mark.parametrize("count", [0, 1, 64, 65, 130])
def test_one_logit_per_crop_in_order(count: int) -> None:
    values = [(37 * i) % 256 for i in range(count)]
    found = predict_logits(Brightness(), grey(values), 16)
    means = zip(evaluation.MEAN, evaluation.STD, strict=True)
    scales = [(mean, deviation) for mean, deviation in means]
    expected = [np.mean([(v / 255 - m) / d for m, d in scales]) for v in values]
    assert found.dtype == np.float64
    assert found.shape == (count,)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_network_is_left_in_eval_mode() -> None:
    network = Brightness().train()
    predict_logits(network, [], 16)
    assert not network.training
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("logit", "temperature", "score"),
    [(0.0, 1.0, 0.5), (2.0, 2.0, 0.7310586), (-2.0, 1.0, 0.1192029), (1000.0, 0.5, 1.0)],
)
def test_frame_scores(logit: float, temperature: float, score: float) -> None:
    assert frame_scores(np.array([logit]), temperature) == pytest.approx([score])


@pytest.mark.parametrize(
    ("video_score", "score"),
    [
        ("mean_logit", sigmoid((4 - 2) / 2 / 2)),
        ("mean_probability", (sigmoid(4 / 2) + sigmoid(-2 / 2)) / 2),
    ],
)
def test_video_score_by_hand(video_score: str, score: float) -> None:
    found = video_scores(frames(("a", 0, 4.0), ("a", 0, -2.0)), video_score, 2.0, 1)
    assert list(found.columns) == ["video_id", "score", "track", "frames"]
    assert found["score"].tolist() == pytest.approx([score])
    assert found[["video_id", "track", "frames"]].values.tolist() == [["a", 0, 2]]


@pytest.mark.parametrize("video_score", ["mean_logit", "mean_probability"])
def test_a_bias_is_added_to_the_divided_logits(video_score: str) -> None:
    found = video_scores(frames(("a", 0, 4.0), ("a", 0, 4.0)), video_score, 2.0, 1, -0.5)
    assert found["score"].tolist() == pytest.approx([sigmoid(1.5)])
    assert frame_scores(np.array([4.0]), 2.0, -0.5) == pytest.approx([sigmoid(1.5)])


@pytest.mark.parametrize("video_score", ["mean_logit", "mean_probability"])
def test_most_suspicious_person_decides(video_score: str) -> None:
    table = frames(
        *(("b", 0, -3.0), ("b", 1, 2.0), ("b", 1, 2.0), ("b", 2, 1.0)),
        *(("a", 1, -1.0), ("a", 0, -1.0)),
    )
    found = video_scores(table, video_score, 1.0, 1)
    assert found[["video_id", "track", "frames"]].values.tolist() == [["a", 0, 1], ["b", 1, 2]]
    assert found["score"].tolist() == pytest.approx([sigmoid(-1), sigmoid(2)])


def test_averages_differ_if_one_frame_is_very_certain() -> None:
    """It dominates the mean of logits, but not the mean of probabilities."""
    table = frames(("a", 0, -1.0), ("a", 0, -1.0), ("a", 0, 9.0))
    by_logit, by_probability = (
        video_scores(table, name, 1.0, 1)["score"].item()
        for name in ("mean_logit", "mean_probability")
    )
    assert by_logit == pytest.approx(sigmoid(7 / 3))
    assert by_probability == pytest.approx((2 * sigmoid(-1) + sigmoid(9)) / 3)
    assert by_probability < 0.55 < 0.9 < by_logit


@pytest.mark.parametrize("video_score", ["mean_logit", "mean_probability"])
@pytest.mark.parametrize(
    ("min_frames", "tracks"),
    [(1, {"a": 1, "b": 0}), (2, {"a": 0, "b": 0}), (3, {"b": 0}), (4, {})],
)
def test_min_frames(video_score: str, min_frames: int, tracks: dict[str, int]) -> None:
    """Video a has a suspicious person in 1 frame and another in 2, b one person in 3."""
    table = frames(("a", 0, 0.0), ("a", 0, 0.0), ("a", 1, 5.0), *[("b", 0, 1.0)] * 3)
    found = video_scores(table, video_score, 1.0, min_frames)
    assert dict(zip(found["video_id"], found["track"], strict=True)) == tracks


@pytest.mark.parametrize("video_score", ["mean_logit", "mean_probability"])
def test_no_frames_give_no_scores(video_score: str) -> None:
    found = video_scores(frames(), video_score, 1.0, 1)
    assert found.empty
    assert list(found.columns) == ["video_id", "score", "track", "frames"]
