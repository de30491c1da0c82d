"""ResNet-18 with one logit, how it starts, and how it is published."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from deepfake.calibration import Calibration
from deepfake.errors import ModelError
from deepfake.files import sha256_of, write_bytes, write_json
from deepfake.params import CropsParams, Params

ARCHITECTURE = "resnet18"
WEIGHTS, CARD = "model.safetensors", "model.json"
PRETRAINED, STARTER = Path("models/pretrained"), Path("models/starter")
DEPTHS = (("conv1", "bn1"), ("layer1",), ("layer2",), ("layer3",), ("layer4",), ("fc",))


@dataclass(frozen=True)
class ModelCard:
    """What must be known to use the weights.

    Attributes:
        architecture: a torchvision model, its last layer replaced by one logit for FAKE.
        classes: meaning of label 0 and 1.
        image_size: side of the network's input in pixels.
        temperature: logits are divided by it before the sigmoid.
        threshold: a video whose score is at least this is FAKE; chosen on val.
        video_score: how frame scores are averaged.
        min_frames: a person seen in fewer frames is not judged.
        preprocessing: the frames and crops sections of params.yaml.
        origin: the data and training parameters it came from.
    """

    architecture: str
    classes: list[str]
    image_size: int
    temperature: float
    threshold: float
    video_score: str
    min_frames: int
    preprocessing: dict[str, Any]
    origin: dict[str, Any]


def build_model(init: str) -> nn.Module:
    """ResNet-18 with a one-logit head (He et al., CVPR 2016).

    Args:
        init: "random"; "imagenet" (torchvision's IMAGENET1K_V1, hash checked); "starter", the model
            that comes with this repository; or the name of a safetensors file in models/pretrained.
            The head is that of the weights if theirs has one logit, else random.

    Raises:
        ModelError: the weights cannot be had, or are not of a ResNet-18.
    """
    network = torchvision.models.resnet18(weights=None)
    if init == "imagenet":
        network.load_state_dict(_imagenet_weights())
    network.fc = nn.Linear(network.fc.in_features, 1)
    if init not in ("imagenet", "random"):
        _load_weights(network, init_path(init))
    model: nn.Module = network
    return model


def init_path(init: str) -> Path:
    """The file that `init` names."""
    return STARTER / WEIGHTS if init == "starter" else PRETRAINED / init


def parameter_groups(
    network: nn.Module, learning_rate: float, layer_decay: float
) -> list[dict[str, Any]]:
    """Parameters by depth, each with a learning rate, from the first layers to the last.

    Each of stem, four stages and head learns `layer_decay` times as fast as the one behind it
    (discriminative fine-tuning, Howard and Ruder, ACL 2018).
    """
    groups = []
    for distance, names in enumerate(reversed(DEPTHS)):
        parameters = [p for name in names for p in getattr(network, name).parameters()]
        groups.append({"params": parameters, "lr": learning_rate * layer_decay**distance})
    return groups[::-1]


def init_digest(init: str) -> str:
    """SHA-256 of the file that `init` names, or `init` itself where it names none."""
    path = init_path(init)
    return sha256_of(path) if path.is_file() else init


def _imagenet_weights() -> dict[str, Tensor]:
    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1
    try:
        state: dict[str, Tensor] = weights.get_state_dict(progress=True, check_hash=True)
    except (URLError, OSError, RuntimeError) as error:
        raise ModelError(
            f"torchvision's ImageNet weights cannot be fetched ({error}): check the network, or set"
            " train.init to resnet18_imagenet_cc0.safetensors, which is part of this repository"
        ) from error
    return state


def _load_weights(network: nn.Module, path: Path) -> None:
    """Load every layer, in whatever float type they are stored; the head if it has one logit."""
    if not path.is_file():
        known = sorted(file.name for file in PRETRAINED.glob("*.safetensors"))
        raise ModelError(f"train.init: no file {path}; there is {known}, starter, imagenet, random")
    state, wanted = _read(path), _backbone(network.state_dict())
    found = _backbone(state)
    wrong = sorted(found.keys() ^ wanted.keys()) or [
        name for name, value in wanted.items() if value.shape != found[name].shape
    ]
    if wrong:
        raise ModelError(f"{path} does not hold a ResNet-18: see its layers {wrong[:5]}")
    head = {name: value for name, value in state.items() if name.startswith("fc.")}
    if all(len(value) == 1 for value in head.values()):
        found |= head
    network.load_state_dict(found, strict=False)


def _backbone(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every layer but the head; counters of batches, which some files lack, are left out."""
    skipped = ("fc.", "num_batches_tracked")
    return {name: value for name, value in state.items() if not any(s in name for s in skipped)}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is not a readable safetensors file: {error}") from error


def make_card(params: Params, calibration: Calibration, best_epoch: int) -> ModelCard:
    """The card of a model that was trained with `params`."""
    return ModelCard(
        architecture=ARCHITECTURE,
        classes=["REAL", "FAKE"],
        image_size=params.train.image_size,
        temperature=calibration.temperature,
        threshold=calibration.threshold,
        video_score=params.score.video_score,
        min_frames=params.score.min_frames,
        preprocessing={"frames": params.frames.model_dump(), "crops": params.crops.model_dump()},
        origin={
            "datasets": [dataset.name for dataset in params.dataset],
            "split": params.split.model_dump(),
            "train": params.train.model_dump(),
            "best_epoch": best_epoch,
        },
    )


def save_model(folder: Path, state: dict[str, Tensor], card: ModelCard) -> None:
    """Publish the weights as safetensors, and what must be known to use them as JSON."""
    tensors = {name: value.cpu().contiguous() for name, value in sorted(state.items())}
    write_bytes(folder / WEIGHTS, save(tensors))
    write_json(folder / CARD, asdict(card))


def check_crops(card: ModelCard, crops: CropsParams) -> None:
    """Raise ModelError where a model would be shown other crops than it was trained on."""
    wanted = {**card.preprocessing["crops"], "max_no_face_fraction": crops.max_no_face_fraction}
    have = crops.model_dump()
    wrong = [f"{name}: {wanted[name]}" for name in have if have[name] != wanted[name]]
    if wrong:
        raise ModelError(
            f"the starter needs crops like those of its training; set {wrong} in crops"
        )


def pick_device() -> torch.device:
    """The accelerator of this machine, or its CPU."""
    found = torch.accelerator.current_accelerator(check_available=True)
    return found or torch.device("cpu")


def read_card(folder: Path) -> ModelCard:
    """The card of the published model; raises ModelError as `load_model` does."""
    try:
        card = ModelCard(**json.loads((folder / CARD).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ModelError(f"no model in {folder}: run `dvc repro` or `dvc pull`") from error
    except (ValueError, TypeError) as error:
        raise ModelError(f"{folder / CARD} is not of this version: {error}") from error
    if card.architecture != ARCHITECTURE:
        raise ModelError(f"{folder / CARD}: architecture {card.architecture} is not {ARCHITECTURE}")
    return card


def load_model(folder: Path) -> tuple[nn.Module, ModelCard]:
    """The published network, ready for inference, and its card.

    Raises:
        ModelError: a file is missing or damaged, or they do not fit this version.
    """
    card = read_card(folder)
    model = build_model("random")
    try:
        model.load_state_dict(_read(folder / WEIGHTS))
    except RuntimeError as error:
        raise ModelError(f"{folder / WEIGHTS} does not fit {ARCHITECTURE}: {error}") from error
    return model.eval().to(memory_format=torch.channels_last), card
