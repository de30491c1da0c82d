"""The network of a model, in torch or in ONNX Runtime."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepfake.base.errors import ModelError
from deepfake.model.card import CARD, ONNX, WEIGHTS, ModelCard, read_card
from deepfake.model.onnx_model import OnnxModel, load_onnx
from deepfake.model.operating_points import Measured, read_measured
from deepfake.predict.onnx_export import exported_file
from deepfake.predict.releases import Release
from deepfake.predict.result import ModelVersion
from deepfake.predict.source import default_folder, is_onnx, model_folder, model_version, pinned

if TYPE_CHECKING:
    import torch

    from deepfake.model.network import MirroredResNet

TORCH, ONNX_RUNTIME, AUTO = RUNTIMES = ("torch", "onnx", "auto")
THREADS = "OMP_NUM_THREADS"  # torch reads it when it is imported, `cores.thread_count` when called
ACCELERATORS = ("nvidia[0-9]*", "kfd", "dxg")  # devices of CUDA, ROCm, and CUDA in WSL


@dataclass(frozen=True)
class Loaded:
    """A network with what is known of it.

    Attributes:
        network: a torch module, or an ONNX model.
        card: of the model.
        device: where to put it.
        version: name and version of the model.
        measured: of its operating points, by name.
        notes: what a user should know, to be said once.
    """

    network: "MirroredResNet | OnnxModel"
    card: ModelCard
    device: "torch.device | str"
    version: ModelVersion
    measured: Mapping[str, Measured]
    notes: list[str]


@contextmanager
def one_thread() -> Iterator[None]:
    """Networks that are loaded in the block compute a batch in one thread, unless the user chose.

    For many files at a time: the threads of one batch wait for each other, and where other processes
    use the cores they wait long.
    """
    if THREADS in os.environ:
        yield
        return
    os.environ[THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[THREADS]


def load_network(model: Path | str | None, runtime: str | None) -> Loaded:
    """Load a network; arguments and errors are those of `Detector.load`."""
    given = str(model or default_folder())
    place, release = pinned(given)
    runtime = runtime or (ONNX_RUNTIME if is_onnx(place) else TORCH)
    if runtime not in RUNTIMES:
        raise ModelError(f"unknown runtime {runtime}: use {', '.join(RUNTIMES)}")
    notes = [] if release is None else [str(release)]
    if runtime == AUTO and is_onnx(place):
        runtime = ONNX_RUNTIME
    if runtime == AUTO and (Path(place) / WEIGHTS).is_file() and not has_accelerator():
        try:
            return _checked_export(given, place, release, notes)
        except ModelError as error:
            notes.append(f"torch runs the model, because ONNX Runtime cannot: {error}")
    if runtime == ONNX_RUNTIME:
        return _load_onnx(given, place, release, notes)
    return _load_torch(given, place, release, notes)


def _load_torch(given: str, place: str, release: Release | None, notes: list[str]) -> Loaded:
    from deepfake.model.network import load_model, pick_device  # not with ONNX Runtime

    with model_folder(place) as folder:
        network, card = load_model(folder)
        version = model_version(given, release, folder / WEIGHTS)
        return Loaded(network, card, pick_device(), version, read_measured(folder), notes)


def _load_onnx(given: str, place: str, release: Release | None, notes: list[str]) -> Loaded:
    with exported_file(place) as (path, weights):
        exported, measured = load_onnx(path), read_measured(path.parent)
        version = model_version(given, release, weights)
        notes += [] if path == weights else [f"{weights} was exported to {path}"]
    return Loaded(exported, exported.card, "cpu", version, measured, notes)


def _checked_export(given: str, place: str, release: Release | None, notes: list[str]) -> Loaded:
    """The ONNX file of a model folder; raises ModelError if there is none, or of another model."""
    folder = Path(place)
    with exported_file(place) as (path, _):
        exported, measured = load_onnx(path), read_measured(folder)
    if exported.card != read_card(folder):
        raise ModelError(
            f"{folder / ONNX} is of another model than {folder / CARD}: run `dvc repro export`"
        )
    version = model_version(given, release, folder / WEIGHTS)
    return Loaded(exported, exported.card, "cpu", version, measured, notes)


def has_accelerator() -> bool:
    """Whether this machine may have a GPU that torch can use; asked without torch, which is slow."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return any(any(Path("/dev").glob(pattern)) for pattern in ACCELERATORS)
