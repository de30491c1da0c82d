"""Models from elsewhere: the same logits as plain torchvision code, and files that are refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.transforms import v2

from deepfake.base.errors import ModelError
from deepfake.core.image import decode_image, encode_jpeg
from deepfake.model.card import WEIGHTS, read_card
from deepfake.model.export import to_onnx
from deepfake.model.imported import (
    NORMALISATIONS,
    SAVE_AGAIN,
    ImportSettings,
    import_model,
    one_logit,
    read_state_dict,
)
from deepfake.model.logits import predict_logits
from deepfake.model.network import load_model
from deepfake.model.onnx_model import OnnxModel
from deepfake.model.operating_points import MEASURED
from deepfake.params.schema import CropsParams, Params

pytestmark = pytest.mark.usefixtures("one_thread")

SIDE = 48
ODD = ((0.1, 0.5, 0.9), (0.3, 0.2, 0.6))


@pytest.fixture(scope="module")
def trained() -> dict[int, nn.Module]:
    """By the number of outputs, networks whose batch norm has seen some data."""
    networks = {}
    for outputs in (1, 2):
        torch.manual_seed(outputs)
        network = torchvision.models.resnet18(num_classes=outputs)
        network(torch.randn(8, 3, SIDE, SIDE))
        networks[outputs] = network.eval()
    return networks


def settings(normalisation: str = "imagenet", **changes: Any) -> ImportSettings:
    mean, std = {**NORMALISATIONS, "odd": ODD}[normalisation]
    values = {"fake_class": 1, "image_size": SIDE, "margin": 1.6, "threshold": 0.3, **changes}
    return ImportSettings(mean=mean, std=std, **values)


@pytest.fixture
def images() -> list[bytes]:
    """JPEG crops whose borders are neither black nor of the mean colour."""
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 255, (6, SIDE, SIDE, 3), np.uint8)
    pictures[0] = 255
    return [encode_jpeg(picture, 95, "yuv444") for picture in pictures]


@pytest.mark.parametrize("normalisation", [*NORMALISATIONS, "odd"])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("fake_class", [0, 1])
def test_the_logits_are_those_of_plain_torchvision_code(
    trained: Mapping[int, nn.Module],
    images: list[bytes],
    params: Params,
    tmp_path: Path,
    normalisation: str,
    outputs: int,
    fake_class: int,
) -> None:
    torch.save(trained[outputs].state_dict(), tmp_path / "best.pth")
    chosen = settings(normalisation, fake_class=fake_class)
    import_model(tmp_path / "best.pth", tmp_path / "model", chosen, params)

    plain = v2.Compose(
        [v2.ToDtype(torch.float32, scale=True), v2.Normalize(chosen.mean, chosen.std)]
    )
    decoded = [torch.from_numpy(decode_image(data)).permute(2, 0, 1) for data in images]
    with torch.inference_mode():
        found = trained[outputs](torch.stack([plain(image) for image in decoded]))
    if outputs == 2:
        expected = found.softmax(dim=1)[:, fake_class]
    else:
        expected = found[:, 0].sigmoid() if fake_class == 1 else 1 - found[:, 0].sigmoid()

    network, card = load_model(tmp_path / "model")
    logits = predict_logits(network, images, card.image_size)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=1e-5)
    assert np.ptp(logits) > 0.01


def test_the_onnx_file_has_the_normalisation_too(
    trained: Mapping[int, nn.Module], images: list[bytes], params: Params, tmp_path: Path
) -> None:
    torch.save(trained[2].state_dict(), tmp_path / "best.pth")
    import_model(tmp_path / "best.pth", tmp_path / "model", settings("half"), params)
    network, card = load_model(tmp_path / "model")
    exported = OnnxModel(to_onnx(network, card))
    expected = predict_logits(network, images, card.image_size)
    np.testing.assert_allclose(exported.logits(images), expected, atol=1e-4)


def test_the_card(trained: Mapping[int, nn.Module], params: Params, tmp_path: Path) -> None:
    torch.save(trained[1].state_dict(), tmp_path / "best.pth")
    train = params.train.model_copy(update={"head": "cosine"})
    other = params.model_copy(update={"train": train})
    import_model(tmp_path / "best.pth", tmp_path / "model", settings("half"), other)
    network, card = load_model(tmp_path / "model")
    assert isinstance(network.fc, nn.Linear)
    assert (card.threshold, card.temperature, card.image_size) == (0.3, 1.0, SIDE)
    assert not card.calibrated
    assert (card.origin["imported"], card.origin["datasets"]) == ("best.pth", [])
    assert card.preprocessing["normalisation"] == {"mean": [0.5] * 3, "std": [0.5] * 3}
    crops = CropsParams.model_validate(card.preprocessing["crops"])
    assert crops == params.crops.model_copy(update={"margin": 1.6, "size": SIDE})
    assert card.operating_points["cautious"] is None
    assert "not trained here" in card.point_problems["cautious"]
    (tmp_path / "model" / MEASURED).write_text("rates of the model before")
    import_model(tmp_path / "best.pth", tmp_path / "model", settings(), params)
    assert not (tmp_path / "model" / MEASURED).exists()
    assert "normalisation" not in read_card(tmp_path / "model").preprocessing


def wrapped(state: Mapping[str, Tensor], form: str) -> Any:
    """A state dict as other code saves it."""
    body = {name: value for name, value in state.items() if not name.startswith("fc.")}
    head = {name: value for name, value in state.items() if name.startswith("fc.")}
    return {
        "module": {f"module.{name}": value for name, value in state.items()},
        "backbone": {f"backbone.{name}": value for name, value in state.items()},
        "compiled": {f"_orig_mod.model.{name}": value for name, value in state.items()},
        "checkpoint": {"epoch": 3, "loss": torch.tensor(1.0), "state_dict": state},
        "net": {"net": {f"module.{name}": value for name, value in state.items()}, "acc": 0.9},
        "model": {"model": {"state_dict": state}, "optimizer": {"state": {}, "lr": 0.1}},
        "dropout": body | {name.replace("fc.", "fc.1."): value for name, value in head.items()},
        "classifier": {f"backbone.{name}": value for name, value in body.items()}
        | {name.replace("fc.", "classifier."): value for name, value in head.items()},
        "half": {
            name: value.half() if value.is_floating_point() else value
            for name, value in state.items()
        },
        "uncounted": {name: value for name, value in state.items() if "num_batches" not in name},
    }[form]


@pytest.mark.parametrize(
    "form",
    [
        *("module", "backbone", "compiled", "checkpoint", "net", "model"),
        *("dropout", "classifier", "half", "uncounted"),
    ],
)
def test_wrapped_state_dicts(trained: Mapping[int, nn.Module], tmp_path: Path, form: str) -> None:
    state = trained[2].state_dict()
    torch.save(wrapped(state, form), tmp_path / "best.pth")
    found = one_logit(read_state_dict(tmp_path / "best.pth"), 1, Path("best.pth"))
    expected = one_logit(state, 1, Path("best.pth"))
    assert found.keys() == expected.keys()
    tolerance = 1e-3 if form == "half" else 0
    for name, value in expected.items():
        if "num_batches" not in name:
            assert found[name].dtype == torch.float32
            torch.testing.assert_close(found[name], value, atol=tolerance, rtol=tolerance)


def test_safetensors(trained: Mapping[int, nn.Module], tmp_path: Path) -> None:
    save_file(trained[2].state_dict(), tmp_path / "best.safetensors")
    found = read_state_dict(tmp_path / "best.safetensors")
    assert found.keys() == trained[2].state_dict().keys()


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (self.path, "w")


def test_pickled_objects_are_refused_and_never_run(
    trained: Mapping[int, nn.Module], tmp_path: Path
) -> None:
    evil = {"state_dict": trained[2].state_dict(), "x": Evil(str(tmp_path / "ran"))}
    for content in (trained[2], evil):
        torch.save(content, tmp_path / "best.pth")
        with pytest.raises(ModelError, match="could run code") as caught:
            read_state_dict(tmp_path / "best.pth")
        assert SAVE_AGAIN in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["best.pth", "best.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04 cut short", None])
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        read_state_dict(tmp_path / name)


def test_a_file_without_a_resnet(tmp_path: Path) -> None:
    for content in (torch.zeros(3), {"a": torch.zeros(3)}, {"state_dict": {}}, [1, 2]):
        torch.save(content, tmp_path / "best.pth")
        with pytest.raises(ModelError, match=r"it has no tensor layer1\.0\.conv1\.weight"):
            read_state_dict(tmp_path / "best.pth")


def test_other_networks_are_refused_with_the_names_of_tensors(
    trained: Mapping[int, nn.Module],
) -> None:
    path = Path("best.pth")
    state = trained[2].state_dict()
    without = {name: value for name, value in state.items() if name != "layer3.1.bn2.bias"}
    for wrong, message in (
        (without, r"missing: layer3\.1\.bn2\.bias"),
        ({**state, "mask.weight": torch.zeros(1)}, r"unknown: mask\.weight"),
        ({**state, "conv1.weight": torch.zeros(64, 1, 7, 7)}, r"conv1\.weight: \(64, 1, 7, 7\)"),
        (torchvision.models.resnet34(num_classes=2).state_dict(), r"unknown: layer1\.2\.conv1"),
        (torchvision.models.resnet18().state_dict(), "1000 outputs: only models with one or two"),
        ({**state, "classifier.weight": torch.zeros(2, 512)}, "several last layers"),
        ({name: v for name, v in state.items() if name[:3] != "fc."}, r"missing: fc\.weight"),
    ):
        with pytest.raises(ModelError, match=message):
            one_logit(wrong, 1, path)


def test_the_weights_are_not_replaced_by_the_model(
    trained: Mapping[int, nn.Module], params: Params, tmp_path: Path
) -> None:
    save_file(trained[2].state_dict(), tmp_path / WEIGHTS)
    with pytest.raises(ModelError, match="name another folder"):
        import_model(tmp_path / WEIGHTS, tmp_path, settings(), params)
