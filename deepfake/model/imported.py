"""Models from elsewhere: the weights of a torchvision ResNet-18 become a model of this project."""

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from deepfake.base.errors import ModelError, format_list
from deepfake.core.files import sha256_of
from deepfake.model.calibration import Calibration
from deepfake.model.card import ARCHITECTURE, CARD, WEIGHTS, ModelCard, make_card
from deepfake.model.network import save_model
from deepfake.model.operating_points import MEASURED
from deepfake.params.schema import Params
from deepfake.transforms.evaluation import MEAN, STD

Channels = tuple[float, float, float]  # one value for red, green and blue

NORMALISATIONS: dict[str, tuple[Channels, Channels]] = {  # mean and standard deviation, of 0 to 1
    "imagenet": (MEAN, STD),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}
NESTED = ("state_dict", "model_state_dict", "model", "net")  # keys of checkpoints
BODY = "layer1.0.conv1.weight"  # what precedes it in a name is a prefix, such as "module."
HEAD = re.compile(r"(?:fc|head|classifier)(?:\.\d+)?\.(weight|bias)")  # the number: in a Sequential
SAVE_AGAIN = (
    "save the weights alone where the model was made, with torch.save(model.state_dict(), PATH) or"
    " safetensors.torch.save_file(model.state_dict(), PATH)"
)


@dataclass(frozen=True)
class ImportSettings:
    """How a model from elsewhere was trained, which its weights do not tell.

    Attributes:
        fake_class: number of the class FAKE, 0 or 1.
        image_size: side of the network's input in pixels.
        mean, std: of the normalisation, per channel, of values from 0 to 1.
        margin: side of a crop over the longer side of the face box.
        threshold: a video with at least this score is FAKE.
    """

    fake_class: int
    image_size: int
    mean: Channels
    std: Channels
    margin: float
    threshold: float


def import_model(path: Path, folder: Path, settings: ImportSettings, params: Params) -> ModelCard:
    """Write a model folder with the weights of a ResNet-18 from elsewhere.

    Args:
        path: a state dict of torchvision's resnet18 with one or two outputs, in a .safetensors file
            or in one of torch.save.
        folder: of the model.
        settings: how it was trained.
        params: params.yaml, whose frames, crops and score sections hold for the model, except for
            the margin and the size of the crops.

    Raises:
        ModelError: the file cannot be read without running code, or is not such a state dict.
    """
    if path.resolve() in [(folder / name).resolve() for name in (WEIGHTS, CARD)]:
        raise ModelError(f"{path} would be replaced by the imported model: name another folder")
    state = one_logit(read_state_dict(path), settings.fake_class, path)
    card = imported_card(path, settings, params)
    (folder / MEASURED).unlink(missing_ok=True)  # of a model that was there before
    save_model(folder, state, card)
    return card


def imported_card(path: Path, settings: ImportSettings, params: Params) -> ModelCard:
    """The card of an imported model: not calibrated, of unknown training data."""
    size = settings.image_size
    crops = params.crops.model_copy(update={"margin": settings.margin, "size": size})
    like_ours = params.model_copy(update={"crops": crops})
    calibration = Calibration(1.0, settings.threshold, problem="the model was imported")
    card = make_card(like_ours, calibration, 0, [], face_pixels=0)
    preprocessing = dict(card.preprocessing)
    if (settings.mean, settings.std) != (MEAN, STD):
        preprocessing["normalisation"] = {"mean": list(settings.mean), "std": list(settings.std)}
    origin = {
        "imported": path.name,
        "sha256": sha256_of(path),
        "datasets": [],
        "best_epoch": 0,
    }
    return replace(
        card,
        head="linear",
        image_size=size,
        mirror=False,
        preprocessing=preprocessing,
        origin=origin,
    )


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors in a file by the names that torchvision gives them; nothing is unpickled.

    Raises:
        ModelError: the file is missing, damaged, holds other objects than tensors, or no ResNet.
    """
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path} is damaged, or holds pickled objects, which could run code and are not loaded:"
            f" {SAVE_AGAIN}"
        ) from error
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path} cannot be read ({reason}): {SAVE_AGAIN}") from error
    while isinstance(content, Mapping) and (
        keys := [key for key in NESTED if isinstance(content.get(key), Mapping)]
    ):
        content = content[keys[0]]
    pairs = content.items() if isinstance(content, Mapping) else ()
    tensors = {str(name): value for name, value in pairs if isinstance(value, Tensor)}
    prefix = next((name.removesuffix(BODY) for name in tensors if name.endswith(BODY)), None)
    if prefix is None:
        raise ModelError(
            f"{path} is not a ResNet-18 of torchvision: it has no tensor {BODY}; only that"
            " architecture can be imported"
        )
    return {name.removeprefix(prefix): value for name, value in tensors.items()}


def one_logit(state: Mapping[str, Tensor], fake_class: int, path: Path) -> dict[str, Tensor]:
    """The state dict of a ResNet-18 with one logit for FAKE, in 32 bits.

    The logit of two outputs is their difference, whose sigmoid is their softmax. One output is the
    logit of class 1, so it changes its sign if that is REAL.

    Raises:
        ModelError: tensors are missing, unknown or of another shape, or there are more outputs.
    """
    named = _with_named_head(state, path)
    outputs = len(named["fc.weight"]) if "fc.weight" in named else 1
    if outputs not in (1, 2):
        raise ModelError(
            f"{path} has {outputs} outputs: only models with one or two can be imported"
        )
    expected = torchvision.models.resnet18(num_classes=outputs).state_dict()
    _check_tensors(named, expected, path)
    complete = {name: named.get(name, value) for name, value in expected.items()}
    floats = {name: v.float() if v.is_floating_point() else v for name, v in complete.items()}
    for name in ("fc.weight", "fc.bias"):
        rows = floats[name]
        one = rows[1:] - rows[:1] if outputs == 2 else rows
        floats[name] = one if fake_class == 1 else -one
    return floats


def _with_named_head(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The last layer as fc, whatever it was called."""
    named: dict[str, Tensor] = {}
    for name, value in state.items():
        head = HEAD.fullmatch(name)
        new = f"fc.{head[1]}" if head else name
        if new in named:
            raise ModelError(
                f"{path} has several last layers ({name} is one): only a ResNet-18 with one layer"
                " after the average can be imported"
            )
        named[new] = value
    return named


def _check_tensors(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path) -> None:
    missing = [
        f"missing: {name}"
        for name in expected
        if name not in state and not name.endswith("num_batches_tracked")  # not used in eval mode
    ]
    extra = [f"unknown: {name}" for name in state if name not in expected]
    shapes = [
        f"{name}: {tuple(state[name].shape)}, not {tuple(value.shape)}"
        for name, value in expected.items()
        if name in state and state[name].shape != value.shape
    ]
    if problems := [*missing, *extra, *shapes]:
        raise ModelError(
            format_list(f"{path} is not a {ARCHITECTURE} of torchvision:", problems, 10)
        )
