"""How the learning rate and the average of the weights change over the steps."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def warm_cosine(step: int, steps: int, warmup_fraction: float) -> float:
    """Factor of the learning rate: linear from near 0 to 1, then half a cosine to 0.

    >>> [round(warm_cosine(step, 10, 0.2), 3) for step in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    warmup = round(steps * warmup_fraction)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


Tensors = tuple[Tensor, ...] | list[Tensor]


def ema_with_warm_up(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """How `AveragedModel` moves its weights towards those of the network after a step.

    The decay of the exponential moving average rises to `decay` over the first steps, as
    (1 + step) / (10 + step), so that the start is soon forgotten; 0 gives the network itself.
    """

    @torch.no_grad()
    def update(averages: Tensors, current: Tensors, step: Tensor | int) -> None:
        weight = 1 - min(decay, float((1 + step) / (10 + step)))
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value, weight)
            else:
                average.copy_(value)

    return update
