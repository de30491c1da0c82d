"""How the learning rate and the averaged weights change from step to step."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def cosine_with_warmup(step: int, steps: int, warmup_fraction: float) -> float:
    """Factor of the learning rate: linear from near 0 to 1, then half a cosine down to 0.

    Args:
        step: counted from 0.
        steps: of the whole training.
        warmup_fraction: share of the steps that are linear, 0 to 1.

    Example:
        >>> [round(cosine_with_warmup(step, 10, 0.2), 3) for step in (0, 1, 2, 6, 10)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    warmup = round(steps * warmup_fraction)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


Tensors = tuple[Tensor, ...] | list[Tensor]


def ema_with_warmup(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """Exponential moving average of the weights, as `multi_avg_fn` of torch's `AveragedModel`.

    The decay rises to `decay` over the first steps, as (1 + step) / (10 + step), so that the
    initial weights are soon forgotten. With `decay` 0 the average equals the network itself.
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
