"""The card of a model: how its weights are used, and where they come from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.base.errors import ModelError
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL
from deepfake.params.schema import CropsParams, Params

if TYPE_CHECKING:
    from deepfake.model.calibration import Calibration

ARCHITECTURE, HEADS = "resnet18", ("linear", "cosine")
WEIGHTS, CARD, ONNX = "model.safetensors", "model.json", "model.onnx"  # files of a model
VERSION = 3  # of the card
UNCHECKED = "the card is of an earlier version, which did not check it"
MIN_FACE_PIXELS_FROM_1 = 48  # of `crops`, where a card of version 1 names none
MODELS, STARTER = Path("models"), Path("models/starter")  # folders in the repository


@dataclass(frozen=True)
class ModelCard:
    """How the weights of a model are used, and where they come from.

    Attributes:
        architecture: a torchvision model, its last layer replaced by one logit for FAKE.
        head: that layer: "linear", or "cosine", whose logits are bounded.
        classes: names of the labels 0 and 1.
        image_size: side of the network's input in pixels.
        temperature: logits are divided by it before the sigmoid.
        bias: added to the divided logits.
        calibrated: whether the score is a probability of FAKE on videos like those of val.
        calibration_problem: why it is not, or "".
        threshold: a video with at least this score is FAKE; chosen on val.
        video_score: how frame scores are averaged.
        min_frames: a person in fewer frames gets no score.
        preprocessing: the frames and crops sections of params.yaml, and the normalisation of an
            imported model if it is not that of `transforms.evaluation`.
        origin: data sets and parameters of its training, or the file that it was imported from.
        version: of the card.
    """

    architecture: str
    head: str
    classes: list[str]
    image_size: int
    temperature: float
    threshold: float
    video_score: str
    min_frames: int
    preprocessing: dict[str, Any]
    origin: dict[str, Any]
    bias: float = 0.0
    calibrated: bool = False
    calibration_problem: str = UNCHECKED
    version: int = VERSION


def make_card(
    params: Params,
    calibration: "Calibration",
    best_epoch: int,
    datasets: Sequence[str],
    face_pixels: float,
) -> ModelCard:
    """The card of a model trained with `params` on `datasets`.

    `face_pixels` is the size that 95 % of the faces in train have or exceed.
    """
    return ModelCard(
        architecture=ARCHITECTURE,
        head=params.train.head,
        classes=[LABEL_NAMES[label] for label in (REAL, FAKE)],
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
            "face_pixels": face_pixels,
        },
        bias=calibration.bias,
        calibrated=not calibration.problem,
        calibration_problem=calibration.problem,
    )


def check_crops(card: ModelCard, crops: CropsParams) -> None:
    """Raise ModelError if crops are made in another way than those the model was trained on."""
    actual = crops.model_dump()
    expected = {**card.preprocessing["crops"], "max_no_face_fraction": crops.max_no_face_fraction}
    changes = [f"{name}: {expected[name]}" for name in actual if actual[name] != expected[name]]
    if changes:
        raise ModelError(
            "the starter was trained on other crops: set"
            f" {', '.join(changes)} in the crops section of params.yaml"
        )


def parse_card(text: str) -> ModelCard:
    """The card in its JSON; one of an earlier version is converted to this version.

    Raises:
        ValueError, TypeError, KeyError: it is not a card, or one of a later version.
    """
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")
    if content.get("version", 1) == 1:
        _convert_from_1(content)
    if content["version"] == 2:
        content |= {"head": "linear", "version": 3}  # the only one until then
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']}, not {VERSION}")
    if content["head"] not in HEADS:
        raise ValueError(f"head {content['head']}, not {' or '.join(HEADS)}")
    return ModelCard(**content)


def _convert_from_1(content: dict[str, Any]) -> None:
    """Version 1 had other names, detected with libfacedetection and knew no smallest face.

    Its crops are now made with YuNet, which is the same network: docs/detectors.md gives the effect.
    """
    frames, crops = (content["preprocessing"][name] for name in ("frames", "crops"))
    for section in (frames, crops):
        chroma = section["jpeg_chroma"]
        section["jpeg_chroma"] = {"4:4:4": "yuv444", "4:2:2": "yuv422", "4:2:0": "yuv420"}.get(
            chroma, chroma
        )
    if crops["detector"] == "libfacedetection":
        crops["detector"] = "yunet"
    crops["min_face_pixels"] = MIN_FACE_PIXELS_FROM_1
    content["version"] = 2


def read_card(folder: Path) -> ModelCard:
    """The card of a published model; raises ModelError as `network.load_model` does."""
    try:
        card = parse_card((folder / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"no model in {folder}: run `dvc repro` or `dvc pull`") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{folder / CARD} is not a model card of this version ({error}): run `dvc repro` or"
            " `dvc pull`, or see docs/upgrading.md"
        ) from error
    if card.architecture != ARCHITECTURE:
        raise ModelError(f"{folder / CARD}: architecture {card.architecture} is not {ARCHITECTURE}")
    return card
