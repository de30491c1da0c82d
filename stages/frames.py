"""Sample frames: manifest -> data/frames/*.tar, data/{frames,digests,failures}.csv, counts."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.tables import quantity_table, read_csv, write_csv
from deepfake.jobs.failures import report_failures
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.video.frames import (
    extract_frames,
    failures,
    frame_step,
    remote_digests,
    status_counts,
)
from deepfake.video.record import USABLE


def main(params: Params) -> None:
    """Write one archive of evenly spaced frames per video, and report the videos that failed."""
    manifest = read_csv(Path("data/manifest.csv"))
    table = extract_frames(
        manifest,
        {name: Path(dataset.root) for name, dataset in params.dataset.items()},
        Path("data/frames"),
        params.frames,
        params.execution,
    )
    failed = failures(table, manifest)
    write_csv(Path("data/digests.csv"), remote_digests(manifest, frame_step().cache))
    write_csv(Path("data/frames.csv"), table)
    write_csv(Path("data/failures.csv"), failed)
    write_csv(Path("plots/frames.tsv"), quantity_table(status_counts(table)))
    key, allowed = "frames.max_failed_fraction", params.frames.max_failed_fraction
    report_failures(failed, USABLE, len(table), key, allowed, "data/failures.csv")


if __name__ == "__main__":
    with report_errors():
        main(load_params())
