"""The card of a model: how its weights are used, and where they come from."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepfake.base.errors import MALFORMED, ModelError
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL
from deepfake.model.operating_points import (
    BALANCED,
    NOT_CHOSEN,
    OPERATING_POINTS,
    OperatingPointError,
    Thresholds,
    only_balanced,
)
from deepfake.params.schema import CropsParams, Params

if TYPE_CHECKING:
    from deepfake.model.calibration import Calibration

ARCHITECTURE, HEADS = "resnet18", ("linear", "cosine")
WEIGHTS, CARD, ONNX = "model.safetensors", "model.json", "model.onnx"  # files of a model
VERSION = 5  # of the card
EARLIER = "the card is of an earlier version"
UNCHECKED = f"{EARLIER}, which did not check it"
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
        calibration_problem: why the score is not a probability of FAKE on videos like those of val,
            or "".
        calibration_note: why it was fitted otherwise than params.yaml says, or "".
        operating_points: thresholds by name, chosen on val; None where there is none.
        point_problems: why there is none, by name.
        video_score: how frame scores are averaged.
        min_frames: a person in fewer frames gets no score.
        mirror: whether the logit of a crop is the mean of its own and its mirror image's.
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
    bias: float
    calibration_problem: str
    calibration_note: str
    operating_points: dict[str, Thresholds | None]
    point_problems: dict[str, str]
    video_score: str
    min_frames: int
    mirror: bool
    preprocessing: dict[str, Any]
    origin: dict[str, Any]
    version: int = VERSION

    @property
    def calibrated(self) -> bool:
        """Whether the score is a probability of FAKE on videos like those of val."""
        return not self.calibration_problem

    @property
    def threshold(self) -> float:
        """A video with at least this score is FAKE at the operating point balanced."""
        return self.thresholds(BALANCED).fake_from

    def thresholds(self, name: str) -> Thresholds:
        """Those of an operating point; raises OperatingPointError if the model does not have it."""
        found = self.operating_points.get(name)
        if found is None:
            problem = self.point_problems.get(name, f"there are {', '.join(OPERATING_POINTS)}")
            raise OperatingPointError(
                f"the model has no operating point {name} ({problem}): use {BALANCED}"
            )
        return found


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
    points = calibration.points or only_balanced(calibration.threshold, NOT_CHOSEN)
    return ModelCard(
        architecture=ARCHITECTURE,
        head=params.train.head,
        classes=[LABEL_NAMES[label] for label in (REAL, FAKE)],
        image_size=params.train.image_size,
        temperature=calibration.temperature,
        bias=calibration.bias,
        calibration_problem=calibration.problem,
        calibration_note=calibration.note,
        operating_points=points.thresholds,
        point_problems=points.problems,
        video_score=params.score.video_score,
        min_frames=params.score.min_frames,
        mirror=params.score.mirror,
        preprocessing={"frames": params.frames.model_dump(), "crops": params.crops.model_dump()},
        origin={
            "datasets": list(datasets),
            "split": params.split.model_dump(),
            "train": params.train.model_dump(),
            "best_epoch": best_epoch,
            "face_pixels": face_pixels,
        },
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


def parse_card(text: str | bytes, name: str) -> ModelCard:
    """The card in its JSON; one of an earlier version is converted to this version.

    Args:
        text: the JSON, in UTF-8 if in bytes.
        name: of the file, for the error.

    Raises:
        ModelError: it is not a card, one of a later version, or that of another architecture.
    """
    try:
        return _parse(json.loads(text))
    except MALFORMED as error:
        raise ModelError(
            f"{name}: no model card of this version ({error}): run `dvc repro` or `dvc pull`, or"
            " see docs/upgrading.md"
        ) from error


def _parse(content: dict[str, Any]) -> ModelCard:
    if content.get("version", 1) == 1:
        _convert_from_1(content)
    if content["version"] == 2:
        content |= {"head": "linear", "version": 3}  # the only one until then
    if content["version"] == 3:
        _convert_from_3(content)
    if content["version"] == 4:
        content |= {"mirror": False, "version": 5}  # there was no choice until then
    if content["version"] != VERSION:
        raise ValueError(f"version {content['version']}, not {VERSION}")
    if content["architecture"] != ARCHITECTURE:
        raise ValueError(f"architecture {content['architecture']}, not {ARCHITECTURE}")
    if content["head"] not in HEADS:
        raise ValueError(f"head {content['head']}, not {' or '.join(HEADS)}")
    found = content["operating_points"].items()
    points = {name: None if one is None else Thresholds(**one) for name, one in found}
    if points.keys() != {*OPERATING_POINTS} or points[BALANCED] is None:
        raise ValueError(f"operating points {', '.join(points)}")
    return ModelCard(**{**content, "operating_points": points})


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
    crops.setdefault("min_face_pixels", 0)
    content["version"] = 2


def _convert_from_3(content: dict[str, Any]) -> None:
    """Until version 3 there was one threshold, and at first nobody checked the calibration."""
    content.pop("calibrated", None)  # follows from the problem
    points = only_balanced(content.pop("threshold"), EARLIER)
    content |= {
        "bias": content.get("bias", 0.0),
        "calibration_problem": content.get("calibration_problem", UNCHECKED),
        "calibration_note": "",
        "operating_points": {name: one and asdict(one) for name, one in points.thresholds.items()},
        "point_problems": points.problems,
        "version": 4,
    }


def read_card(folder: Path) -> ModelCard:
    """The card of a published model; raises ModelError as `network.load_model` does."""
    path = folder / CARD
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"no model in {folder}: run `dvc repro` or `dvc pull`") from error
    return parse_card(data, str(path))
