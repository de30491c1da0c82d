"""Placement of tensors, shown without an accelerator by torch's meta device."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lightning_fabric.plugins.precision.amp import MixedPrecision
from torch import Tensor, nn

from deepfake.core import archive
from deepfake.core.image import encode_jpeg
from deepfake.model import heat_maps
from deepfake.model.logits import predict_logits
from deepfake.params.schema import Params, TrainParams
from deepfake.training import loop
from deepfake.training.crop_set import CropSet
from deepfake.training.state import load_state, save_state

META = torch.device("meta")


class MetaFabric:
    """Stands for a Fabric on an accelerator."""

    device = META

    def __init__(self, **_: Any) -> None:
        self.strategy = self
        self.precision = nn.Identity()

    def to_device(self, module: nn.Module) -> nn.Module:
        return module.to(META)

    def setup(self, module: nn.Module, optimizer: Any) -> tuple[nn.Module, Any]:
        return module.to(META), optimizer


@pytest.fixture
def settings(params: Params) -> TrainParams:
    changes = {"init": "random", "image_size": 32, "batch_size": 4, "augmentation": "none"}
    return params.train.model_copy(update=changes)


@pytest.fixture
def crops(tmp_path: Path) -> CropSet:
    jpeg = encode_jpeg(np.zeros((32, 32, 3), np.uint8), 90, "yuv444")
    rows = []
    for number in range(4):
        archive.write(tmp_path, f"d/{number}", archive.pack({"status": "ok"}, {"0.jpg": jpeg}))
        label = number % 2
        rows.append((f"d/{number}", "0.jpg", 0, 0, label, "swap" if label else "real", ""))
    columns = ["video_id", "image", "frame", "track", "label", "method", "original"]
    landmarks = np.full((4, 68, 2), np.nan, np.float16)
    return CropSet(pd.DataFrame(rows, columns=columns), tmp_path, landmarks, 1.3)


def devices(tensors: Any) -> set[str]:
    return {tensor.device.type for tensor in tensors}


@pytest.mark.parametrize("head", ["linear", "cosine"])
def test_everything_of_a_run_is_on_its_device(
    crops: CropSet, settings: TrainParams, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    monkeypatch.setattr(loop, "Fabric", MetaFabric)
    run = loop.TrainingRun(crops, settings.model_copy(update={"head": head}), workers=0)
    for module in (run.network, run.average.module):
        assert devices([*module.parameters(), *module.buffers()]) == {"meta"}
    trained = {id(p) for group in run.optimizer.param_groups for p in group["params"]}
    assert trained == {id(p) for p in run.network.parameters()}
    for images, labels in run._batches():
        assert devices([images, labels, run.network(images), run.average(images)]) == {"meta"}


class Spy(nn.Module):
    """A network that notes where its input is."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.layer4 = nn.Identity()

    def forward(self, batch: Tensor) -> Tensor:
        self.seen.add(batch.device.type)
        return torch.zeros(len(batch), 1)


def test_predictions_move_the_crops_to_the_device_of_the_network() -> None:
    jpeg = encode_jpeg(np.zeros((32, 32, 3), np.uint8), 90, "yuv444")
    spy = Spy()
    predict_logits(spy, [jpeg], 32, META)
    assert spy.seen == {"meta"}


def test_heat_maps_move_the_crops_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Attribution:
        def __init__(self, *_: object) -> None:
            pass

        def attribute(self, batch: Tensor, **_: object) -> Tensor:
            assert batch.device.type == "meta"
            return torch.ones(len(batch), 1, 4, 4)

    monkeypatch.setattr("captum.attr.LayerGradCam", Attribution)
    jpeg = encode_jpeg(np.zeros((32, 32, 3), np.uint8), 90, "yuv444")
    assert heat_maps.heat_maps(Spy(), [jpeg], 32, META)[0].shape == (32, 32)


@pytest.mark.parametrize(
    ("precision", "cuda", "native", "name"),
    [
        ("auto", True, True, "bf16-mixed"),
        ("auto", True, False, "16-mixed"),  # T4 and V100, which emulate bfloat16
        ("auto", False, False, "32-true"),
        ("float32", True, True, "32-true"),
        ("bfloat16", False, False, "bf16-mixed"),
    ],
)
def test_precision_by_what_the_hardware_computes(
    settings: TrainParams,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    cuda: bool,
    native: bool,
    name: str,
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert loop._precision(settings.model_copy(update={"precision": precision})) == name


def test_the_scaler_of_16_bit_training_is_resumed(
    crops: CropSet, settings: TrainParams, tmp_path: Path
) -> None:
    run, resumed = (loop.TrainingRun(crops, settings, workers=0) for _ in range(2))
    for one, scale in ((run, 4.0), (resumed, 2.0**16)):
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        one.precision = MixedPrecision("16-mixed", "cpu", scaler)
    save_state(tmp_path / "state.pt", run, {"history": [{}]})
    load_state(tmp_path / "state.pt", resumed)
    assert resumed.precision.state_dict() == run.precision.state_dict()
    assert resumed.precision.state_dict()["scale"] == 4.0
