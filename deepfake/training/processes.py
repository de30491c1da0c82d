"""Training in several processes: each computes its share of every batch, and the shares are added up.

So a step is that of one process on the whole batch, up to rounding: gradients, loss and the
statistics of batch normalisation are sums over all processes. They are started here, on one machine,
or by torchrun, on one or several. They communicate by NCCL on GPUs and by Gloo on CPUs.
"""

import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from deepfake.base.errors import DeepfakeError, TrainingError

T = TypeVar("T")
S = TypeVar("S", bound=Sequence[Any])
SECONDS_TO_REPORT = 5.0  # for the error of another process to arrive


@dataclass(frozen=True)
class Processes:
    """This process among those that train together; the default is one alone.

    Attributes:
        rank: from 0; the first one writes and prints.
        count: of all processes.
        local_rank: rank among those on this machine, which is the number of its GPU.
        local_count: of the processes on this machine.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    local_count: int = 1

    def device(self) -> tuple[str, list[int] | int]:
        """The accelerator and devices of this process, as Lightning Fabric names them."""
        if self.count == 1:
            return "auto", 1
        return ("cuda", [self.local_rank]) if torch.cuda.is_available() else ("cpu", 1)

    def share(self, items: S) -> S:
        """The part of the items that this process handles; the shares in order are all items."""
        begin, end = (number * len(items) // self.count for number in (self.rank, self.rank + 1))
        return cast(S, items[begin:end])

    def sum(self, values: Tensor) -> Tensor:
        """The sum of the values of all processes; differentiable, if the loss is such a sum too."""
        if self.count == 1:
            return values
        total: Tensor = cast(Any, _Sum).apply(values)
        return total

    def sum_gradients(self, network: nn.Module) -> None:
        """Replace the gradients by their sums over all processes."""
        if self.count == 1:
            return
        gradients = [weights.grad for weights in network.parameters() if weights.grad is not None]
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = torch.split_with_sizes(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    def from_first(self, value: T) -> T:
        """The value of the first process, in all of them."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values)
        return values[0]


class _Sum(torch.autograd.Function):
    """The sum over all processes; the gradient is the sum of the gradients in all processes."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        total = values.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Any) -> Tensor:
        return _Sum.forward(_, gradients[0])


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation with the mean and variance of the crops in all processes.

    `torch.nn.SyncBatchNorm` does the same, but not on CPUs, and not for a share without crops.
    """

    processes: Processes

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features, crops x channels x height x width, of 0 crops or more."""
        if not self.training:
            return super().forward(features)
        with torch.autocast(features.device.type, enabled=False):
            return self._normalised(features.float()).to(features.dtype)

    def _normalised(self, features: Tensor) -> Tensor:
        dims = (0, 2, 3)
        count = features.new_tensor([features.numel() / self.num_features])
        sums = self.processes.sum(torch.cat([features.sum(dims), count]))
        mean, total = sums[:-1] / sums[-1], sums[-1]
        centred = features - mean[:, None, None]
        variance = self.processes.sum(centred.square().sum(dims)) / total
        with torch.no_grad():
            buffers, momentum = dict(self.named_buffers()), float(self.momentum or 0)
            buffers["running_mean"].lerp_(mean, momentum)
            buffers["running_var"].lerp_(variance * total / (total - 1), momentum)
            buffers["num_batches_tracked"].add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normalised: Tensor = centred * scale[:, None, None] + self.bias[:, None, None]
        return normalised


def share_batch_norm(network: nn.Module, processes: Processes) -> None:
    """Let the layers of batch normalisation use the crops of all processes; in place.

    Names and values of weights stay, so that their number can change when training is resumed.
    """
    if processes.count == 1:
        return
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.__class__ = SharedBatchNorm2d
            cast(SharedBatchNorm2d, layer).processes = processes


def is_first_process() -> bool:
    """Whether this is the process that publishes the result; the only one, except under torchrun."""
    return not dist.is_torchelastic_launched() or os.environ["RANK"] == "0"


def run_in_processes(count: int, work: Callable[..., T], *arguments: Any) -> T:
    """Call `work(processes, *arguments)` in `count` processes, this one being the first.

    If torchrun started this one, it has started the others too.

    Args:
        count: number of processes.
        work: importable; the arguments can be pickled.

    Returns:
        What `work` returned in this process.

    Raises:
        TrainingError: there are fewer GPUs than processes, torchrun started another number, or a
            process ended.
        DeepfakeError: `work` raised it in one of the processes.
    """
    launched = dist.is_torchelastic_launched()
    started = int(os.environ["WORLD_SIZE"]) if launched else count
    if started != count:
        raise TrainingError(
            f"torchrun started {started} processes, but train.processes is {count}: set it to"
            f" {started} in params.yaml"
        )
    if count == 1:
        return work(Processes(), *arguments)
    if launched:
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        processes = Processes(*(int(os.environ[name]) for name in names))
        with _joined(processes, "env://"):
            return work(processes, *arguments)
    return _run_here(count, work, arguments)


def _run_here(count: int, work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    """Start the other processes on this machine, and end them with this one's work."""
    others: list[tuple[BaseProcess, Connection]] = []
    context = get_context("spawn")
    with TemporaryDirectory() as folder:
        address = f"file://{folder}/address"
        try:
            for rank in range(1, count):
                reports, sender = context.Pipe(duplex=False)
                processes = Processes(rank, count, rank, count)
                process = context.Process(
                    target=_work_beside, args=(processes, address, sender, work, arguments)
                )
                process.start()
                sender.close()
                others.append((process, reports))
            first = Processes(0, count, 0, count)
            with _joined(first, address):
                try:
                    result = work(first, *arguments)
                except RuntimeError:  # if another process ended, its error is asked for below
                    raise
                except BaseException:  # before they notice that this one is missing
                    _terminate(others)
                    raise
            for other, _ in others:
                other.join()
            return result
        except RuntimeError as error:  # of the communication, if another process ended
            cause = _error_of(others)
            if cause is None:
                raise
            raise cause from error
        finally:
            _terminate(others)


def _terminate(others: Sequence[tuple[BaseProcess, Connection]]) -> None:
    for other, _ in others:
        other.terminate()
        other.join()


def _work_beside(
    processes: Processes,
    address: str,
    sender: Connection,
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    """The work of another process than the first, which also ends it, and prints its error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _joined(processes, address):
            work(processes, *arguments)
    except DeepfakeError as error:
        sender.send(error)


def _error_of(others: Sequence[tuple[BaseProcess, Connection]]) -> Exception | None:
    """Why another process ended; None if none did."""
    ended: list[BaseProcess] = []
    for other, reports in others:
        try:
            if reports.poll(SECONDS_TO_REPORT):
                error: Exception = reports.recv()
                return error
        except EOFError:
            other.join(SECONDS_TO_REPORT)
            ended.append(other)
    if not ended:
        return None
    # One that was killed has a negative exit status; others end because it is missing.
    status = min(other.exitcode or 0 for other in ended)
    return TrainingError(
        f"a training process ended (exit status {status}), possibly out of memory: start again to"
        " resume, or lower train.processes or train.batch_size"
    )


@contextmanager
def _joined(processes: Processes, address: str) -> Iterator[None]:
    """Connect with the others, and use this process's part of the cores, or its GPU."""
    on_gpus = torch.cuda.is_available()
    if on_gpus:
        if processes.local_count > torch.cuda.device_count():
            raise TrainingError(
                f"{processes.local_count} training processes need as many GPUs, but this machine has"
                f" {torch.cuda.device_count()}: lower train.processes"
            )
        torch.cuda.set_device(processes.local_rank)
    if address.startswith("file:"):  # all are on this machine
        names = (name for _, name in socket.if_nameindex() if name.startswith("lo"))
        os.environ.setdefault("GLOO_SOCKET_IFNAME", next(names, "lo"))
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads // processes.local_count))
    dist.init_process_group(
        "nccl" if on_gpus else "gloo",
        init_method=address,
        rank=processes.rank,
        world_size=processes.count,
    )
    try:
        yield
    finally:
        dist.destroy_process_group()
        torch.set_num_threads(threads)
