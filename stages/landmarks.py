"""Find 68 landmarks of every REAL face: crops -> data/landmarks.npy, for self-blended images."""

from pathlib import Path

from deepfake.files import write_bytes
from deepfake.params import Params
from deepfake.shapes import crop_shapes, to_bytes
from deepfake.stage import run
from deepfake.tables import read_csv


def main(params: Params) -> None:
    """Write the landmarks of each row of data/crops.csv; those of FAKE faces are not needed."""
    manifest = read_csv(Path("data/manifest.csv"))
    real = manifest[manifest["label"] == 0]
    crops = read_csv(Path("data/crops.csv"))
    shapes = crop_shapes(real, crops, Path("data/crops"), params.crops.margin, params.execution)
    write_bytes(Path("data/landmarks.npy"), to_bytes(shapes))


if __name__ == "__main__":
    run(main)
