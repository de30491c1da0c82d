"""The network: ResNet-18 with one logit, its initial weights, and its files."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity
from torchvision.models.resnet import BasicBlock, ResNet

from deepfake.base.errors import ModelError
from deepfake.core.files import sha256_of, write_bytes, write_json
from deepfake.model.card import (
    ARCHITECTURE,
    CARD,
    MODELS,
    STARTER,
    WEIGHTS,
    ModelCard,
    read_card,
)
from deepfake.transforms.evaluation import MEAN, STD

# Logits of a cosine head lie between this and its negative: their sigmoid is within .001 to .999.
LOGIT_BOUND = 6.9
# From the first layers to the last.
LAYER_GROUPS = (("conv1", "bn1"), ("layer1",), ("layer2",), ("layer3",), ("layer4",), ("fc",))


class CosineHead(nn.Module):
    """One bounded logit: `LOGIT_BOUND` times the centred cosine of features and a learnt direction.

    The length of the features, which grows without limit on inputs unlike those of training, has no
    effect (NormFace, Wang et al., ACM Multimedia 2017; the idea of LogitNorm, Wei et al., ICML 2022,
    which would leave only the sign of a single logit). Features are not negative, so their mean is
    subtracted first: without that, the cosine hardly reaches -1 or 1 (centred cosine normalisation,
    Luo et al., ICANN 2018).

    Args:
        features: their number.
    """

    bound: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.Linear(features, 1).weight.detach())
        self.register_buffer("bound", torch.tensor([LOGIT_BOUND]))

    def forward(self, features: Tensor) -> Tensor:
        """The logits of features, batch x features, as batch x 1; float32 in any precision."""
        cosine = cosine_similarity(_centred(features), _centred(self.weight), dim=1)
        return self.bound.float() * cosine.unsqueeze(1)


def _centred(values: Tensor) -> Tensor:
    """The rows of a matrix minus their means, in float32."""
    return values.float() - values.float().mean(dim=1, keepdim=True)


class RenormalisedConvolution(nn.Conv2d):
    """The first convolution of a model that was trained with another normalisation.

    It takes inputs as `transforms.evaluation` normalises them. The change cannot be folded into the
    weights: zero padding comes after the normalisation, so borders would have other values.

    Args:
        mean, std: of the model's own normalisation, per channel, of values from 0 to 1.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        ours, theirs = (torch.tensor(values).double() for values in ((MEAN, STD), (mean, std)))
        scale, shift = ours[1] / theirs[1], (ours[0] - theirs[0]) / theirs[1]
        for name, values in (("scale", scale), ("shift", shift)):
            self.register_buffer(name, values.float().reshape(3, 1, 1), persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        """Normalise again, then convolve; batch x 3 x height x width."""
        return super().forward(crops * self.scale + self.shift)


class MirroredResNet(ResNet):  # type: ignore[misc]  # torchvision has no types
    """ResNet-18 that can average the logits of a crop and of its mirror image (He et al., CVPR 2016).

    Args:
        mirror: whether it does so outside of training, which doubles the time.
    """

    def __init__(self, mirror: bool) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2])
        self.mirror = mirror

    def forward(self, crops: Tensor) -> Tensor:
        """The logits of normalised crops, batch x 3 x height x width, as batch x 1."""
        logits = self.one_view(crops)
        if self.training or not self.mirror:
            return logits
        return (logits + self.one_view(crops.flip(3))) / 2

    def one_view(self, crops: Tensor) -> Tensor:
        """The logits of the crops as they are."""
        logits: Tensor = super().forward(crops)
        return logits


def build_model(init: str, head: str = "linear", mirror: bool = False) -> MirroredResNet:
    """ResNet-18 with a one-logit head.

    Args:
        init: "random"; "imagenet" (torchvision's IMAGENET1K_V1, hash checked); "starter", the model
            in models/starter; or a safetensors file below models/. The head is that of the file if
            it has one logit and is of the same kind, otherwise random.
        head: "linear", or "cosine" (`CosineHead`).
        mirror: as `MirroredResNet` takes it.

    Raises:
        ModelError: the weights are missing, cannot be fetched, or are not of a ResNet-18.
    """
    network = MirroredResNet(mirror)
    if init == "imagenet":
        network.load_state_dict(_imagenet_weights())
    features = network.fc.in_features
    network.fc = CosineHead(features) if head == "cosine" else nn.Linear(features, 1)
    if init not in ("imagenet", "random"):
        _load_weights(network, init_path(init))
    return network


def init_path(init: str) -> Path:
    """The file that `init` names."""
    return STARTER / WEIGHTS if init == "starter" else MODELS / init


def parameter_groups(
    network: nn.Module, learning_rate: float, layer_decay: float
) -> list[dict[str, Any]]:
    """Parameters by depth, from the first layers to the last, each group with its learning rate.

    The head has `learning_rate`. Each of the four stages and the stem has `layer_decay` times the
    rate of the group after it (discriminative fine-tuning, Howard and Ruder, ACL 2018).
    """
    groups = []
    for distance, names in enumerate(reversed(LAYER_GROUPS)):
        parameters = [p for name in names for p in getattr(network, name).parameters()]
        groups.append({"params": parameters, "lr": learning_rate * layer_decay**distance})
    return groups[::-1]


def init_digest(init: str) -> str:
    """SHA-256 of the file that `init` names, or `init` itself if it names no file."""
    path = init_path(init)
    return sha256_of(path) if path.is_file() else init


def _imagenet_weights() -> dict[str, Tensor]:
    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    try:
        state: dict[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise ModelError(
            f"torchvision's ImageNet weights could not be fetched ({error}): check the network"
            " connection, or set train.init to pretrained/resnet18_imagenet.safetensors, which"
            " is in this repository"
        ) from error
    return state


def _load_weights(network: nn.Module, path: Path) -> None:
    """Load every layer, of any float type, and the head if it is of the same kind."""
    if not path.is_file():
        known = sorted(
            f"pretrained/{file.name}" for file in MODELS.glob("pretrained/*.safetensors")
        )
        choices = ", ".join([*known, "starter", "imagenet", "random"])
        raise ModelError(f"train.init: {path} not found; use one of {choices}")
    state, expected = _read_weights(path), _backbone(network.state_dict())
    weights = _backbone(state)
    wrong = sorted(weights.keys() ^ expected.keys()) or [
        name for name, value in expected.items() if value.shape != weights[name].shape
    ]
    if wrong:
        raise ModelError(
            f"{path} is not a ResNet-18 (layers that differ: {', '.join(wrong[:5])}): set"
            " train.init to another file"
        )
    head = {name: value for name, value in state.items() if name.startswith("fc.")}
    own = {name: value for name, value in network.state_dict().items() if name.startswith("fc.")}
    if {name: v.shape for name, v in head.items()} == {name: v.shape for name, v in own.items()}:
        weights |= head
    network.load_state_dict(weights, strict=False)


def _backbone(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every layer except the head, without batch counters, which some files lack."""
    skipped = ("fc.", "num_batches_tracked")
    return {name: value for name, value in state.items() if not any(s in name for s in skipped)}


def _read_weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a readable safetensors file: {error}") from error


def save_model(folder: Path, state: dict[str, Tensor], card: ModelCard) -> None:
    """Write the weights as safetensors and the card as JSON."""
    tensors = {name: value.cpu().contiguous() for name, value in sorted(state.items())}
    write_bytes(folder / WEIGHTS, save(tensors))
    write_json(folder / CARD, asdict(card))


def pick_device() -> torch.device:
    """The accelerator of this machine, or its CPU if there is none."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return accelerator or torch.device("cpu")


def load_model(folder: Path) -> tuple[MirroredResNet, ModelCard]:
    """A published network, in eval mode, and its card.

    Raises:
        ModelError: a file is missing, damaged or of another version.
    """
    card = read_card(folder)
    model = build_model("random", card.head, card.mirror)
    if normalisation := card.preprocessing.get("normalisation"):  # of an imported model
        model.conv1 = RenormalisedConvolution(**normalisation)
    try:
        model.load_state_dict(_read_weights(folder / WEIGHTS))
    except RuntimeError as error:
        raise ModelError(
            f"{folder / WEIGHTS} does not fit {ARCHITECTURE}, run `dvc repro` or `dvc pull`: {error}"
        ) from error
    return model.eval().to(memory_format=torch.channels_last), card
