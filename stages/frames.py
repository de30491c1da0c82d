"""Sample the videos: manifest -> data/frames/*.tar, data/{frames,failures}.csv, metrics/frames.json."""

from pathlib import Path

from deepfake.failures import report_failures
from deepfake.files import write_metrics
from deepfake.frames import extract_frames, failures, status_counts
from deepfake.params import Params
from deepfake.stage import run
from deepfake.tables import read_csv, write_csv
from deepfake.video import USABLE


def main(params: Params) -> None:
    """Write one archive of evenly spaced frames per video, and say which videos failed."""
    manifest = read_csv(Path("data/manifest.csv"))
    table = extract_frames(
        manifest,
        {dataset.name: Path(dataset.root) for dataset in params.dataset},
        Path("data/frames"),
        params.frames,
        params.execution,
    )
    failed = failures(table, manifest)
    write_csv(Path("data/frames.csv"), table)
    write_csv(Path("data/failures.csv"), failed)
    write_metrics(Path("metrics/frames.json"), status_counts(table))
    key, allowed = "frames.max_failed_fraction", params.frames.max_failed_fraction
    report_failures(failed, USABLE, len(table), key, allowed, "data/failures.csv")


if __name__ == "__main__":
    run(main)
