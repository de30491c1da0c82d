"""Crop faces: frames -> data/crops/*.tar, data/{crops,coverage}.csv, plots/crops.tsv."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.tables import quantity_table, read_csv, write_csv
from deepfake.faces.crops import coverage, extract_crops, report_no_face
from deepfake.params.loading import load_params
from deepfake.params.schema import Params


def main(params: Params) -> None:
    """Write one archive of aligned face crops per video, the table of crops and the coverage."""
    crops, videos = extract_crops(
        read_csv(Path("data/manifest.csv")),
        Path("data/frames"),
        Path("data/crops"),
        params.crops,
        params.execution,
    )
    write_csv(Path("data/crops.csv"), crops)
    write_csv(Path("data/coverage.csv"), videos)
    write_csv(Path("plots/crops.tsv"), quantity_table(coverage(crops, videos)))
    report_no_face(videos, params.crops.max_no_face_fraction)


if __name__ == "__main__":
    with report_errors():
        main(load_params())
