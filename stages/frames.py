"""Sample the videos: manifest -> data/frames/*.tar, data/frames.csv, metrics/frames.json."""

from pathlib import Path

from deepfake.files import read_csv, write_csv, write_metrics
from deepfake.frames import extract_frames, status_counts
from deepfake.params import Params
from deepfake.stage import run


def main(params: Params) -> None:
    """Write one archive of evenly spaced frames per video."""
    table = extract_frames(
        read_csv(Path("data/manifest.csv")),
        {dataset.name: Path(dataset.root) for dataset in params.dataset},
        Path("data/frames"),
        params.frames,
        params.execution.worker_count,
    )
    write_csv(Path("data/frames.csv"), table)
    write_metrics(Path("metrics/frames.json"), status_counts(table))


if __name__ == "__main__":
    run(main)
