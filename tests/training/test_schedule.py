"""Learning rate and averaged weights, by hand."""

import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from deepfake.training.schedule import cosine_with_warmup, ema_with_warmup


@pytest.mark.parametrize(
    ("step", "steps", "warmup", "factor"),
    [
        (0, 100, 0.1, 0.1),
        (9, 100, 0.1, 1.0),
        (10, 100, 0.1, 1.0),
        (55, 100, 0.1, 0.5),
        (100, 100, 0.1, 0.0),
        (0, 10, 0.0, 1.0),
        (5, 10, 0.0, 0.5),
        (4, 10, 1.0, 0.5),
        (10, 10, 1.0, 1.0),  # all steps warm up; the one after the last is never made
    ],
)
def test_learning_rate_by_hand(step: int, steps: int, warmup: float, factor: float) -> None:
    assert cosine_with_warmup(step, steps, warmup) == pytest.approx(factor)


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_average_by_hand(decay: float) -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    average = AveragedModel(network, multi_avg_fn=ema_with_warmup(decay))
    expected = 0.0
    for step, value in enumerate([1.0, 2.0, 5.0]):
        torch.nn.init.constant_(network.weight, value)
        average.update_parameters(network)
        kept = min(decay, (1 + step) / (10 + step)) if step else 0.0  # it begins as a copy
        expected = kept * expected + (1 - kept) * value
    assert float(average.module.weight.detach()) == pytest.approx(expected)
