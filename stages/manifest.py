"""List the data set: dataset.root -> data/manifest.csv."""

from pathlib import Path

from deepfake.files import write_csv
from deepfake.manifest import build_manifest
from deepfake.params import Params
from deepfake.stage import run


def main(params: Params) -> None:
    """Write the manifest."""
    dataset = params.dataset
    table = build_manifest(Path(dataset.root), dataset.name, dataset.layout)
    write_csv(Path("data/manifest.csv"), table)


if __name__ == "__main__":
    run(main)
