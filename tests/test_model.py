"""The network: every way to start it, and publishing without loss."""

import dataclasses
import json
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import Tensor

from deepfake import model
from deepfake.calibration import Calibration
from deepfake.errors import ModelError
from deepfake.files import sha256_of
from deepfake.params import Params

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def pretrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of pretrained weights."""
    folder = tmp_path / "pretrained"
    folder.mkdir()
    monkeypatch.setattr(model, "PRETRAINED", folder)
    return folder


@pytest.fixture
def card(params: Params) -> model.ModelCard:
    return model.make_card(params, Calibration(1.25, 0.4), best_epoch=3)


def state_of(network: str) -> dict[str, Tensor]:
    torch.manual_seed(1)
    state: dict[str, Tensor] = getattr(torchvision.models, network)(weights=None).state_dict()
    return state


def test_random_start_follows_the_seed() -> None:
    images = torch.rand(2, 3, 32, 32)
    outputs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        outputs.append(model.build_model("random").eval()(images))
    assert outputs[0].shape == (2, 1)
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_start_from_a_file(pretrained: Path, kind: torch.dtype) -> None:
    """Every layer but the head is that of the file, as 32 bit floats."""
    state = {
        name: value.to(kind) if value.is_floating_point() else value
        for name, value in state_of("resnet18").items()
    }
    save_file(state, pretrained / "mine.safetensors")
    found = model.build_model("mine.safetensors").state_dict()
    assert found["fc.weight"].shape == (1, 512)
    body = [name for name in state if not name.startswith("fc.")]
    assert len(body) == 120
    assert all(torch.equal(found[name], state[name].to(found[name].dtype)) for name in body)
    assert found["conv1.weight"].dtype == torch.float32


def test_a_head_of_one_logit_is_kept(pretrained: Path) -> None:
    """The model of another run goes on as it is, and may be the starter."""
    network = torchvision.models.resnet18(num_classes=1)
    save_file(network.state_dict(), pretrained / "mine.safetensors")
    assert torch.equal(model.build_model("mine.safetensors").fc.weight, network.fc.weight)


def test_the_starter_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: model.ModelCard
) -> None:
    monkeypatch.setattr(model, "STARTER", tmp_path)
    with pytest.raises(ModelError, match=r"no file .*model\.safetensors"):
        model.build_model("starter")
    network = torchvision.models.resnet18(num_classes=1)
    model.save_model(tmp_path, network.state_dict(), card)
    assert torch.equal(model.build_model("starter").fc.bias, network.fc.bias)
    assert model.init_digest("starter") == sha256_of(tmp_path / "model.safetensors")


def test_a_model_is_not_shown_other_crops(card: model.ModelCard, params: Params) -> None:
    crops = params.crops
    model.check_crops(card, crops)
    model.check_crops(card, crops.model_copy(update={"max_no_face_fraction": 0.9}))
    with pytest.raises(ModelError, match=f"margin: {crops.margin}"):
        model.check_crops(card, crops.model_copy(update={"margin": 2.0}))


def test_learning_rates_by_depth() -> None:
    network = model.build_model("random")
    groups = model.parameter_groups(network, 0.1, 0.5)
    assert [group["lr"] for group in groups] == pytest.approx(
        [0.1 * 0.5**n for n in range(5, -1, -1)]
    )
    assert len(groups[-1]["params"]) == 2  # weight and bias of the head
    found = {id(parameter) for group in groups for parameter in group["params"]}
    assert found == {id(parameter) for parameter in network.parameters()}


def test_weights_of_the_repository_load(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    name = "resnet18_imagenet_cc0.safetensors"
    found = model.build_model(name).state_dict()
    assert found["conv1.weight"].std() > 0.01
    assert model.init_digest(name) == sha256_of(repository / "models" / "pretrained" / name)


def test_imagenet_weights_fill_every_layer_but_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_of("resnet18")
    asked: list[dict[str, Any]] = []

    def fetched(_: object, **options: Any) -> dict[str, Tensor]:
        asked.append(options)
        return state

    monkeypatch.setattr(torchvision.models.ResNet18_Weights, "get_state_dict", fetched)
    found = model.build_model("imagenet").state_dict()
    assert torch.equal(found["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])
    assert found["fc.weight"].shape == (1, 512)
    assert asked[0]["check_hash"] is True


@pytest.mark.parametrize(
    "error",
    [URLError("no route to host"), OSError("disk full"), RuntimeError("invalid hash value")],
)
def test_imagenet_without_network_names_the_alternative(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torchvision.models.ResNet18_Weights, "get_state_dict", unreachable)
    with pytest.raises(ModelError, match=r"train\.init to resnet18_imagenet_cc0\.safetensors"):
        model.build_model("imagenet")


def test_unknown_file_names_the_known_ones(pretrained: Path) -> None:
    (pretrained / "mine.safetensors").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        model.build_model("other.safetensors")
    assert str(pretrained / "other.safetensors") in str(caught.value)
    assert "['mine.safetensors'], starter, imagenet, random" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"damaged", b"\xff" * 100])
def test_damaged_file_is_named(pretrained: Path, content: bytes) -> None:
    (pretrained / "mine.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"mine\.safetensors is not a readable safetensors file"):
        model.build_model("mine.safetensors")


@pytest.mark.parametrize("network", ["resnet34", "resnet50", "squeezenet1_1"])
def test_other_architecture_is_named(pretrained: Path, network: str) -> None:
    save_file(state_of(network), pretrained / "mine.safetensors")
    with pytest.raises(ModelError, match=r"mine\.safetensors does not hold a ResNet-18"):
        model.build_model("mine.safetensors")


def test_digest_of_the_start(pretrained: Path) -> None:
    (pretrained / "a.safetensors").write_bytes(b"a")
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"  # echo -n a
    assert model.init_digest("a.safetensors") == digest
    assert model.init_digest("imagenet") == "imagenet"


def test_published_model_gives_identical_logits(tmp_path: Path, card: model.ModelCard) -> None:
    torch.manual_seed(0)
    network = model.build_model("random").to(memory_format=torch.channels_last)
    network(torch.rand(4, 3, 32, 32))  # batch statistics that are not the initial ones
    network.eval()
    model.save_model(tmp_path, network.state_dict(), card)
    loaded, found = model.load_model(tmp_path)
    assert found == card
    assert not loaded.training
    images = torch.rand(3, 3, 32, 32).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert torch.equal(loaded(images), network(images))
    assert torch.equal(
        load_file(tmp_path / model.WEIGHTS)["fc.weight"], network.state_dict()["fc.weight"]
    )


def test_card_holds_what_it_takes_to_use_the_weights(params: Params, card: model.ModelCard) -> None:
    assert (card.temperature, card.threshold, card.image_size) == (1.25, 0.4, 112)
    assert card.classes == ["REAL", "FAKE"]
    assert card.preprocessing["crops"] == params.crops.model_dump()
    assert card.origin["best_epoch"] == 3


def test_publishing_is_repeatable(tmp_path: Path, card: model.ModelCard) -> None:
    state = {"b": torch.ones(2), "a": torch.zeros(3)}
    model.save_model(tmp_path / "one", state, card)
    model.save_model(tmp_path / "other", dict(reversed(state.items())), card)
    for name in (model.WEIGHTS, model.CARD):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"no model in {tmp_path}: run `dvc repro` or `dvc pull`"):
        model.load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"architecture": "vit"}, "architecture vit is not resnet18"),
        ({"unheard_of": 1}, "is not of this version: .*unheard_of"),
        ({"threshold": None}, "is not of this version: .*threshold"),
        (None, "is not of this version"),
        ([], "is not of this version"),
    ],
    ids=["architecture", "new key", "missing key", "no JSON", "no object"],
)
def test_wrong_card_is_named(
    tmp_path: Path, card: model.ModelCard, change: object, complaint: str
) -> None:
    content: Any = change
    if isinstance(change, dict):
        content = {**dataclasses.asdict(card), **change}
        content = {key: value for key, value in content.items() if value is not None}
    text = "{" if content is None else json.dumps(content)
    (tmp_path / model.CARD).write_text(text)
    with pytest.raises(ModelError, match=rf"(?s){model.CARD}:? {complaint}"):
        model.load_model(tmp_path)


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (None, "is not a readable safetensors file"),
        ({"conv1.weight": torch.zeros(1)}, "does not fit resnet18"),
    ],
    ids=["missing", "other layers"],
)
def test_wrong_weights_are_named(
    tmp_path: Path, card: model.ModelCard, state: dict[str, Tensor] | None, complaint: str
) -> None:
    model.save_model(tmp_path, state or {}, card)
    if state is None:
        (tmp_path / model.WEIGHTS).unlink()
    with pytest.raises(ModelError, match=rf"model\.safetensors {complaint}"):
        model.load_model(tmp_path)


def test_some_device_is_there() -> None:
    assert model.pick_device().type in {"cpu", "cuda", "mps", "xpu"}
