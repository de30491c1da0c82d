"""The ONNX model: one file with weights and card, run by ONNX Runtime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepfake.base.cores import thread_count
from deepfake.base.errors import ModelError
from deepfake.core.image import decode_image
from deepfake.core.labels import Floats
from deepfake.model.card import ONNX, parse_card
from deepfake.transforms.resize import resize

CARD_KEY = "card"  # metadata of the file: the card as JSON
INPUT, OUTPUT = "crops", "logits"  # uint8, batch x 3 x size x size, RGB; float32, batch
BATCH_SIZE = 64  # crops at once, with torch too
BATCH_DIMENSION = "batch"  # name of the dimension of any length
EXPORT_AGAIN = "export it with `dvc repro export`, or fetch it with `dvc pull`"


class OnnxModel:
    """A model written by `export.to_onnx`, in ONNX Runtime on the CPU.

    It needs neither torch nor torchvision. Its threads do not spin while waiting, since the
    processes that decode videos need the cores too. The same crops in the same batches give the same bits.

    Args:
        data: content of the file.
        name: of the file, for error messages.

    Raises:
        ModelError: `data` is not an ONNX file, or not a model of this version.
    """

    def __init__(self, data: bytes, name: str = ONNX) -> None:
        import onnxruntime  # not needed with torch

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = thread_count()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.use_deterministic_compute = True
        options.log_severity_level = 4  # only fatal ones; the exception has the message
        try:
            session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common class
            raise ModelError(
                f"{name} is not a readable ONNX file ({error}): {EXPORT_AGAIN}"
            ) from error
        metadata = session.get_modelmeta().custom_metadata_map
        self.card = parse_card(metadata.get(CARD_KEY, ""), name)
        _check_shape(session, self.card.image_size, name)
        self._session = session

    def logits(self, images: Sequence[bytes]) -> Floats:
        """One logit per JPEG crop, as `logits.predict_logits` returns them."""
        logits = []
        for start in range(0, len(images), BATCH_SIZE):
            decoded = (decode_image(data) for data in images[start : start + BATCH_SIZE])
            crops = np.stack([resize(image, self.card.image_size) for image in decoded])
            logits.append(self.run(np.ascontiguousarray(crops.transpose(0, 3, 1, 2))))
        return np.concatenate(logits).astype(np.float64) if logits else np.zeros(0)

    def run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The logits of RGB crops in the network's input size, batch x 3 x size x size."""
        outputs = self._session.run([OUTPUT], {INPUT: crops})
        logits: NDArray[np.float32] = outputs[0]
        return logits


def load_onnx(path: Path) -> OnnxModel:
    """The model in a file; raises ModelError if there is none, or not one of this version."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}): {EXPORT_AGAIN}") from error
    return OnnxModel(data, str(path))


def _check_shape(session: Any, size: int, name: str) -> None:
    """Raise ModelError if the inputs or outputs of a model differ from its card."""
    nodes = [*session.get_inputs(), *session.get_outputs()]
    actual = [(node.name, node.type, node.shape) for node in nodes]
    expected = [
        (INPUT, "tensor(uint8)", [BATCH_DIMENSION, 3, size, size]),
        (OUTPUT, "tensor(float)", [BATCH_DIMENSION]),
    ]
    if actual != expected:
        raise ModelError(
            f"{name} does not fit its card (it has {actual}, not {expected}): {EXPORT_AGAIN}"
        )
