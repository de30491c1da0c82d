"""The portable model: one ONNX file with its card, run by ONNX Runtime."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torchvision.transforms import v2

from deepfake.base.errors import ModelError
from deepfake.core.image import decode_image
from deepfake.core.labels import Floats
from deepfake.model.card import ARCHITECTURE, ONNX, ModelCard
from deepfake.model.inputs import to_tensor
from deepfake.model.scores import BATCH
from deepfake.transforms.evaluation import evaluation

CARD_KEY = "card"  # the metadata of the file that holds the card as JSON
INPUT, OUTPUT = "crops", "logits"  # uint8, batch x 3 x size x size, RGB; float32, batch
ANY = "batch"  # names the dimension of any length


class OnnxModel:
    """A model of `export.to_onnx` in ONNX Runtime, on the processor.

    It takes as many threads as torch, which do not spin while they wait: the processes that decode
    need the cores too. The same crops in the same batches give the same bits.

    Args:
        data: the file's bytes.
        name: what error messages call it.

    Raises:
        ModelError: it is no ONNX file, or not a model of this version.
    """

    def __init__(self, data: bytes, name: str = ONNX) -> None:
        import onnxruntime  # not needed with torch

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.use_deterministic_compute = True
        options.log_severity_level = 4  # what is wrong stands in the exception
        try:
            session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no class in common
            raise ModelError(f"{name} is not a readable ONNX file: {error}") from error
        self.card = _card(session.get_modelmeta().custom_metadata_map, name)
        _check_shape(session, self.card.image_size, name)
        self._session = session
        self._resize, _ = halves(self.card.image_size)

    def logits(self, images: Sequence[bytes]) -> Floats:
        """One logit per JPEG crop, as `scoring.predict_logits` gives them."""
        found = []
        for start in range(0, len(images), BATCH):
            batch_of = (decode_image(data) for data in images[start : start + BATCH])
            crops = torch.stack([self._resize(to_tensor(image)) for image in batch_of])
            found.append(self.run(crops.contiguous().numpy()))
        return np.concatenate(found).astype(np.float64) if found else np.zeros(0)

    def run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The logits of crops in the network's size, batch x 3 x size x size, RGB."""
        (logits,) = self._session.run([OUTPUT], {INPUT: crops})
        found: NDArray[np.float32] = logits
        return found


def halves(size: int) -> tuple[nn.Module, list[nn.Module]]:
    """The preset `augment.evaluation` in two: what is done before the file, and what is in it."""
    resize, *rest = cast(v2.Compose, evaluation(size)).transforms
    return resize, rest


def load_onnx(path: Path) -> OnnxModel:
    """The model in a file; raises ModelError where there is none, or not one of this version."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read ({error.strerror}): `dvc repro export` makes it of the model in"
            " models, `dvc pull` fetches it"
        ) from error
    return OnnxModel(data, str(path))


def _card(metadata: dict[str, str], name: str) -> ModelCard:
    try:
        card = ModelCard(**json.loads(metadata[CARD_KEY]))
    except (KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{name} holds no model card of this version: {error}") from error
    if card.architecture != ARCHITECTURE:
        raise ModelError(f"{name}: architecture {card.architecture} is not {ARCHITECTURE}")
    return card


def _check_shape(session: Any, size: int, name: str) -> None:
    """Raise ModelError where a file takes or gives something else than its card says."""
    found = [
        (one.name, one.type, one.shape) for one in [*session.get_inputs(), *session.get_outputs()]
    ]
    wanted = [(INPUT, "tensor(uint8)", [ANY, 3, size, size]), (OUTPUT, "tensor(float)", [ANY])]
    if found != wanted:
        raise ModelError(f"{name} does not fit its card: it has {found}, not {wanted}")
