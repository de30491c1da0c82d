"""Write the model card: model, metrics, plots, notes -> models/README.md."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.files import write_bytes
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.review.model_card import model_card


def main(_: Params) -> None:
    """Write what the model is for, how often it is wrong, and what it was made of."""
    text = model_card(Path(), Path("docs/model-card-notes.md"))
    write_bytes(Path("models/README.md"), text.encode())


if __name__ == "__main__":
    with report_errors():
        main(load_params())
