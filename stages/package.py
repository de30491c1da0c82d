"""Put the files of the model into one folder: models/* -> models/package."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.files import write_bytes
from deepfake.model.card import CARD, ONNX, WEIGHTS
from deepfake.model.operating_points import MEASURED
from deepfake.params.loading import load_params
from deepfake.params.schema import Params


def main(_: Params) -> None:
    """Copy what another repository needs of the model; DVC stores equal files once."""
    for name in (WEIGHTS, CARD, MEASURED, ONNX, "README.md"):
        write_bytes(Path("models/package", name), Path("models", name).read_bytes())


if __name__ == "__main__":
    with report_errors():
        main(load_params())
