"""Training in several processes: the result of one, up to rounding, and nothing is left running."""

import multiprocessing
import os
import signal
from typing import Any

import pytest
import torch
from torch import nn

from deepfake.base.errors import ArchiveError, TrainingError
from deepfake.training import processes as tested
from deepfake.training.processes import Processes, run_in_processes, share_batch_norm

pytestmark = pytest.mark.slow


def test_shares_are_disjoint_and_complete() -> None:
    for length in range(9):
        items = list(range(length))
        shares = [Processes(rank, 4).share(items) for rank in range(4)]
        assert [item for share in shares for item in share] == items
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def one_step(processes: Processes, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Loss, gradients and running statistics of a small network on a share of some crops."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 2))
    share_batch_norm(network, processes)
    loss = network(processes.share(crops)).square().sum() / len(crops)
    loss.backward()
    processes.sum_gradients(network)
    gradients = [weights.grad for weights in network.parameters() if weights.grad is not None]
    return processes.sum(loss.detach()), *gradients, *network.state_dict().values()


def steps(processes: Processes) -> list[tuple[torch.Tensor, ...]]:
    """Of five crops, then of one, which leaves no crop for a process."""
    crops = torch.randn((6, 3, 5, 5), generator=torch.Generator().manual_seed(1))
    return [one_step(processes, crops[:5]), one_step(processes, crops[5:])]


def fail(processes: Processes, how: str) -> float:
    """An error, or a death, in the second process, while the first waits for it."""
    if processes.rank == 1:
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise ArchiveError("data/crops/a.tar is not a complete archive")
    return float(processes.sum(torch.ones(1)))


def test_a_step_of_two_processes_is_that_of_one() -> None:
    for together, alone in zip(run_in_processes(2, steps), steps(Processes()), strict=True):
        for one, other in zip(together, alone, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("error", ArchiveError, "a.tar is not a complete archive"),
        ("killed", TrainingError, r"process ended \(exit status -9\), possibly out of memory"),
    ],
)
def test_a_process_that_ends_ends_all(how: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        run_in_processes(2, fail, how)
    assert multiprocessing.active_children() == []


def test_torchrun_with_another_number_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(TrainingError, match=r"torchrun started 4 processes.*set it to 4"):
        run_in_processes(1, steps)


def test_too_few_gpus_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    def unreachable(*_: Any, **__: Any) -> None:
        pytest.fail("joined the others")

    monkeypatch.setattr(tested.dist, "init_process_group", unreachable)
    with (
        pytest.raises(TrainingError, match=r"2 training processes need .* has 1"),
        tested._joined(Processes(0, 2, 0, 2), "env://"),
    ):
        pass
