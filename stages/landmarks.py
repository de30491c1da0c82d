"""Find 68 landmarks of each REAL face: crops -> data/landmarks.npy, for self-blended images."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.files import write_bytes
from deepfake.core.labels import REAL
from deepfake.core.landmarks import NO_LANDMARKS, landmarks_to_bytes
from deepfake.core.tables import read_csv
from deepfake.faces.landmark_table import crop_landmarks
from deepfake.params.loading import load_params
from deepfake.params.schema import Params


def main(params: Params) -> None:
    """Write the landmarks of each row of data/crops.csv, or none if self-blending is off."""
    landmarks = NO_LANDMARKS
    shares = [domain.self_blended for domain in params.train.domains.values()]
    if max([params.train.self_blended, *shares]) > 0:
        manifest = read_csv(Path("data/manifest.csv"))
        real = manifest[manifest["label"] == REAL]  # FAKE faces are not blended
        crops = read_csv(Path("data/crops.csv"))
        landmarks = crop_landmarks(
            real, crops, Path("data/crops"), params.crops.margin, params.execution
        )
    write_bytes(Path("data/landmarks.npy"), landmarks_to_bytes(landmarks))


if __name__ == "__main__":
    with report_errors():
        main(load_params())
