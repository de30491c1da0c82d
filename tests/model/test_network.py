"""The network: all initial weights, and saving and loading a model."""

import dataclasses
import json
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from deepfake.base.errors import ModelError
from deepfake.core.files import sha256_of
from deepfake.model import network
from deepfake.model.calibration import Calibration
from deepfake.model.card import CARD, WEIGHTS, ModelCard, check_crops, make_card
from deepfake.model.network import (
    LOGIT_BOUND,
    build_model,
    init_digest,
    load_model,
    parameter_groups,
    pick_device,
    save_model,
)
from deepfake.params.schema import Params

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def pretrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of pretrained weights."""
    folder = tmp_path / "pretrained"
    folder.mkdir()
    monkeypatch.setattr(network, "MODELS", folder.parent)
    return folder


@pytest.fixture
def card(params: Params) -> ModelCard:
    return make_card(
        params, Calibration(1.25, 0.4), best_epoch=3, datasets=["demo"], face_pixels=60
    )


def state_of(network: str) -> dict[str, Tensor]:
    torch.manual_seed(1)
    state: dict[str, Tensor] = getattr(torchvision.models, network)(weights=None).state_dict()
    return state


def test_random_weights_follow_the_seed() -> None:
    images = torch.rand(2, 3, 32, 32)
    outputs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        outputs.append(build_model("random").eval()(images))
    assert outputs[0].shape == (2, 1)
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])


@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_weights_from_a_file(pretrained: Path, kind: torch.dtype) -> None:
    """Every layer except the head is that of the file, as 32-bit floats."""
    state = {
        name: value.to(kind) if value.is_floating_point() else value
        for name, value in state_of("resnet18").items()
    }
    save_file(state, pretrained / "mine.safetensors")
    found = build_model("pretrained/mine.safetensors").state_dict()
    assert found["fc.weight"].shape == (1, 512)
    body = [name for name in state if not name.startswith("fc.")]
    assert len(body) == 120
    assert all(torch.equal(found[name], state[name].to(found[name].dtype)) for name in body)
    assert found["conv1.weight"].dtype == torch.float32


def test_a_head_of_one_logit_is_kept(pretrained: Path) -> None:
    """So training can continue from the model of another run or from the starter."""
    network = torchvision.models.resnet18(num_classes=1)
    save_file(network.state_dict(), pretrained / "mine.safetensors")
    assert torch.equal(build_model("pretrained/mine.safetensors").fc.weight, network.fc.weight)


def test_the_starter_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: ModelCard
) -> None:
    monkeypatch.setattr(network, "STARTER", tmp_path)
    with pytest.raises(ModelError, match=r"model\.safetensors not found"):
        build_model("starter")
    trained = torchvision.models.resnet18(num_classes=1)
    save_model(tmp_path, trained.state_dict(), card)
    assert torch.equal(build_model("starter").fc.bias, trained.fc.bias)
    assert init_digest("starter") == sha256_of(tmp_path / "model.safetensors")


def test_crops_unlike_those_of_the_training_are_an_error(card: ModelCard, params: Params) -> None:
    crops = params.crops
    check_crops(card, crops)
    check_crops(card, crops.model_copy(update={"max_no_face_fraction": 0.9}))
    with pytest.raises(ModelError, match=f"set margin: {crops.margin} in the crops section"):
        check_crops(card, crops.model_copy(update={"margin": 2.0}))


def cosine_model() -> nn.Module:
    torch.manual_seed(0)
    return build_model("random", "cosine").eval()


def test_logits_of_a_cosine_head_are_bounded() -> None:
    network = cosine_model()
    images = torch.rand(4, 3, 32, 32)
    with torch.inference_mode():
        logits = network(images)
        assert logits.shape == (4, 1)
        assert network(1e4 * images).abs().max() <= LOGIT_BOUND
        features = torch.randn(100, 512)
        for scaled in (features, 1e6 * features, 1e-3 * features):
            assert torch.allclose(network.fc(scaled), network.fc(features), atol=1e-5)
        own = network.fc.weight
        assert network.fc(torch.cat([own, -own])).flatten().tolist() == pytest.approx(
            [LOGIT_BOUND, -LOGIT_BOUND]
        )


def test_a_cosine_head_is_stored_and_loaded(tmp_path: Path, card: ModelCard) -> None:
    network = cosine_model()
    save_model(tmp_path, network.state_dict(), dataclasses.replace(card, head="cosine"))
    loaded, _ = load_model(tmp_path)
    images = torch.rand(2, 3, 32, 32).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert torch.equal(loaded(images), network.to(memory_format=torch.channels_last)(images))
    save_model(tmp_path, network.state_dict(), dataclasses.replace(card, head="linear"))
    with pytest.raises(ModelError, match="does not fit resnet18"):
        load_model(tmp_path)


def test_training_keeps_a_head_of_the_same_kind_only(pretrained: Path) -> None:
    save_file(cosine_model().state_dict(), pretrained / "mine.safetensors")
    same = build_model("pretrained/mine.safetensors", "cosine")
    assert torch.equal(same.fc.weight, cosine_model().fc.weight)
    other = build_model("pretrained/mine.safetensors", "linear")
    assert not torch.equal(other.fc.weight, same.fc.weight)
    assert torch.equal(other.conv1.weight, same.conv1.weight)


def test_learning_rates_by_depth() -> None:
    network = build_model("random")
    groups = parameter_groups(network, 0.1, 0.5)
    assert [group["lr"] for group in groups] == pytest.approx(
        [0.1 * 0.5**n for n in range(5, -1, -1)]
    )
    assert len(groups[-1]["params"]) == 2  # weight and bias of the head
    found = {id(parameter) for group in groups for parameter in group["params"]}
    assert found == {id(parameter) for parameter in network.parameters()}


def test_weights_of_the_repository_load(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    name = "pretrained/resnet18_imagenet.safetensors"
    stored = load_file(repository / "models" / name)
    assert len(stored) == 100
    assert not [key for key in stored if key.startswith("fc.") or "num_batches" in key]
    assert {value.dtype for value in stored.values()} == {torch.float16}
    found = build_model(name).state_dict()
    assert all(torch.equal(found[key], value.float()) for key, value in stored.items())
    digest = sha256_of(repository / "models" / name)
    assert init_digest(name) == digest
    assert f"SHA-256: `{digest}`" in (repository / "models/pretrained/README.md").read_text()


def test_imagenet_weights_fill_every_layer_except_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_of("resnet18")
    calls: list[dict[str, Any]] = []

    def fetch(_: object, **options: Any) -> dict[str, Tensor]:
        calls.append(options)
        return state

    monkeypatch.setattr(torchvision.models.ResNet18_Weights, "get_state_dict", fetch)
    found = build_model("imagenet").state_dict()
    assert torch.equal(found["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])
    assert found["fc.weight"].shape == (1, 512)
    assert calls[0]["check_hash"] is True


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
    with pytest.raises(
        ModelError, match=r"train\.init to pretrained/resnet18_imagenet\.safetensors"
    ):
        build_model("imagenet")


def test_unknown_file_names_the_known_ones(pretrained: Path) -> None:
    (pretrained / "mine.safetensors").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        build_model("pretrained/other.safetensors")
    assert str(pretrained / "other.safetensors") in str(caught.value)
    assert "use one of pretrained/mine.safetensors, starter, imagenet, random" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"damaged", b"\xff" * 100])
def test_damaged_file_is_named(pretrained: Path, content: bytes) -> None:
    (pretrained / "mine.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"mine\.safetensors is not a readable safetensors file"):
        build_model("pretrained/mine.safetensors")


@pytest.mark.parametrize("network", ["resnet34", "resnet50", "squeezenet1_1"])
def test_other_architecture_is_named(pretrained: Path, network: str) -> None:
    save_file(state_of(network), pretrained / "mine.safetensors")
    with pytest.raises(
        ModelError,
        match=r"mine\.safetensors is not a ResNet-18 \(layers that differ: .*set train\.init",
    ):
        build_model("pretrained/mine.safetensors")


def test_digest_of_the_initial_weights(pretrained: Path) -> None:
    (pretrained / "a.safetensors").write_bytes(b"a")
    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"  # echo -n a
    assert init_digest("pretrained/a.safetensors") == digest
    assert init_digest("imagenet") == "imagenet"


def test_published_model_gives_identical_logits(tmp_path: Path, card: ModelCard) -> None:
    torch.manual_seed(0)
    network = build_model("random", card.head).to(memory_format=torch.channels_last)
    network(torch.rand(4, 3, 32, 32))  # batch statistics that are not the initial ones
    network.eval()
    save_model(tmp_path, network.state_dict(), card)
    loaded, found = load_model(tmp_path)
    assert found == card
    assert not loaded.training
    images = torch.rand(3, 3, 32, 32).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert torch.equal(loaded(images), network(images))
    assert torch.equal(
        load_file(tmp_path / WEIGHTS)["fc.weight"], network.state_dict()["fc.weight"]
    )


def test_mirror_images_are_averaged_outside_of_training() -> None:
    torch.manual_seed(0)
    network = build_model("random", "cosine", mirror=True)
    crops = torch.rand(4, 3, 32, 48)
    for _ in range(20):
        network(crops)  # batch statistics
    network.eval()
    with torch.inference_mode():
        found = network(crops)
        own, mirrored = network.one_view(crops), network.one_view(crops.flip(-1))
        assert not torch.allclose(own, mirrored)
        torch.testing.assert_close(found, (own + mirrored) / 2)
        torch.testing.assert_close(network(crops.flip(-1)), found)
        network.train()
        torch.testing.assert_close(network(crops), network.one_view(crops))


def test_card_describes_how_to_use_the_weights(params: Params, card: ModelCard) -> None:
    assert (card.temperature, card.threshold) == (1.25, 0.4)
    assert (card.image_size, card.head) == (params.train.image_size, params.train.head)
    assert card.classes == ["REAL", "FAKE"]
    assert card.preprocessing["crops"] == params.crops.model_dump()
    assert card.origin["best_epoch"] == 3


def test_publishing_is_repeatable(tmp_path: Path, card: ModelCard) -> None:
    state = {"b": torch.ones(2), "a": torch.zeros(3)}
    save_model(tmp_path / "one", state, card)
    save_model(tmp_path / "other", dict(reversed(state.items())), card)
    for name in (WEIGHTS, CARD):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_missing_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"no model in {tmp_path}: run `dvc repro` or `dvc pull`"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"architecture": "vit"}, "no model card of this version .architecture vit, not resnet18"),
        (
            {"head": "tanh"},
            r"no model card of this version \(head tanh, not linear or cosine",
        ),
        ({"unheard_of": 1}, r"no model card of this version \(.*unheard_of"),
        ({"temperature": None}, r"no model card of this version \(.*temperature"),
        (None, "no model card of this version"),
        ([], "no model card of this version"),
    ],
    ids=["architecture", "head", "new key", "missing key", "no JSON", "no object"],
)
def test_wrong_card_is_named(
    tmp_path: Path, card: ModelCard, change: object, complaint: str
) -> None:
    content: Any = change
    if isinstance(change, dict):
        content = {**dataclasses.asdict(card), **change}
        content = {key: value for key, value in content.items() if value is not None}
    text = "{" if content is None else json.dumps(content)
    (tmp_path / CARD).write_text(text)
    with pytest.raises(ModelError, match=rf"(?s){CARD}:? {complaint}"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        (None, "is not a readable safetensors file"),
        ({"conv1.weight": torch.zeros(1)}, "does not fit resnet18"),
    ],
    ids=["missing", "other layers"],
)
def test_wrong_weights_are_named(
    tmp_path: Path, card: ModelCard, state: dict[str, Tensor] | None, complaint: str
) -> None:
    save_model(tmp_path, state or {}, card)
    if state is None:
        (tmp_path / WEIGHTS).unlink()
    with pytest.raises(ModelError, match=rf"model\.safetensors {complaint}"):
        load_model(tmp_path)


def test_pick_device_returns_a_known_type() -> None:
    assert pick_device().type in {"cpu", "cuda", "mps", "xpu"}
