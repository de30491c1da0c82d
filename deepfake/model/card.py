"""The model card: what must be known to use the weights."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.base.errors import ModelError
from deepfake.params.schema import CropsParams, Params

if TYPE_CHECKING:
    from deepfake.model.calibration import Calibration

ARCHITECTURE = "resnet18"
WEIGHTS, CARD, ONNX = "model.safetensors", "model.json", "model.onnx"  # files of a model
MODELS, STARTER = Path("models"), Path("models/starter")


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


def make_card(
    params: Params, calibration: "Calibration", best_epoch: int, datasets: Sequence[str]
) -> ModelCard:
    """The card of a model that was trained with `params` on `datasets`."""
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
            "datasets": list(datasets),
            "split": params.split.model_dump(),
            "train": params.train.model_dump(),
            "best_epoch": best_epoch,
        },
    )


def check_crops(card: ModelCard, crops: CropsParams) -> None:
    """Raise ModelError where a model would be shown other crops than it was trained on."""
    wanted = {**card.preprocessing["crops"], "max_no_face_fraction": crops.max_no_face_fraction}
    have = crops.model_dump()
    wrong = [f"{name}: {wanted[name]}" for name in have if have[name] != wanted[name]]
    if wrong:
        raise ModelError(
            f"the starter needs crops like those of its training; set {wrong} in crops"
        )


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
