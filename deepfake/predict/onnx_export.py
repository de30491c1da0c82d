"""The ONNX file of a model that has none, such as the starter: exported once, then kept."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from deepfake.base.errors import ModelError
from deepfake.base.user_cache import ELSEWHERE, user_cache
from deepfake.core.files import write_bytes
from deepfake.core.image import encode_jpeg
from deepfake.model.card import CARD, ONNX, WEIGHTS
from deepfake.model.operating_points import MEASURED
from deepfake.predict.source import onnx_file

COMPARED_IMAGES, IMAGE_SIDE, JPEG_QUALITY = 32, 224, 95  # of the parity check


@contextmanager
def exported_file(model: str) -> Iterator[tuple[Path, Path]]:
    """An ONNX file as `source.onnx_file` gives it, and the file that its weights came from.

    A model folder without ONNX file is exported to `user_cache`, with `MEASURED` beside it if the
    model has it. Weights, card and `MEASURED` name the copy, so that another model gets another one.

    Raises:
        ModelError: as for `source.onnx_file`; torch is not installed; the exported model gives
            other logits than torch; or the copy cannot be written.
    """
    folder = Path(model)
    if not (folder / WEIGHTS).is_file() or (folder / ONNX).is_file():
        with onnx_file(model) as path:
            yield path, path
        return
    files = [folder / name for name in (WEIGHTS, CARD, MEASURED)]
    found = {path.name: path.read_bytes() for path in files if path.is_file()}
    digest = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data in found.values()))
    copy = user_cache() / "onnx" / digest.hexdigest() / ONNX
    if not copy.is_file():
        data = _export(folder)
        try:
            if MEASURED in found:
                write_bytes(copy.with_name(MEASURED), found[MEASURED])
            write_bytes(copy, data)  # last, because a folder with it is complete
        except OSError as error:
            raise ModelError(
                f"{copy} cannot be written ({error.strerror}): {ELSEWHERE}, or use a model with {ONNX}"
            ) from error
    yield copy, folder / WEIGHTS


def _export(folder: Path) -> bytes:
    """The model of a folder as an ONNX file, compared with torch on images of noise."""
    try:
        from deepfake.model.export import check_parity, to_onnx
        from deepfake.model.network import load_model
        from deepfake.model.onnx_model import OnnxModel
    except ImportError as error:
        raise ModelError(
            f"{folder} has no {ONNX}, and to export one {error.name} is needed: run `deepfake"
            f" predict --runtime onnx` once where it is installed, and copy the folder of {ONNX}"
            " that it names"
        ) from error
    network, card = load_model(folder)
    data = to_onnx(network, card)
    check_parity(network, card, OnnxModel(data), _test_images())
    return data


def _test_images() -> list[bytes]:
    """JPEG images of random colours, from coarse to fine."""
    random = np.random.default_rng(0)
    images = []
    for number in range(COMPARED_IMAGES):
        block = 2 ** (number % 6)
        side = IMAGE_SIDE // block
        colours = random.integers(256, size=(side, side, 3), dtype=np.uint8)
        image = colours.repeat(block, axis=0).repeat(block, axis=1)
        images.append(encode_jpeg(image, JPEG_QUALITY, "yuv444"))
    return images
