"""Scan one data set: its root -> data/scanned/NAME.csv, notes in data/scanned/NAME.json."""

import sys
from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.files import write_json
from deepfake.core.tables import write_csv
from deepfake.datasets.scanning import scan
from deepfake.params.loading import load_params
from deepfake.params.schema import Params

PRINTED_NOTES = 20  # of a data set; all are in its file


def main(params: Params, name: str) -> None:
    """Write one row per video of a data set, with the digest of its file, and the notes."""
    dataset = params.dataset[name]
    scanned = scan(Path(dataset.root), name, dataset.layout, dataset.include, dataset.slices)
    for note in scanned.notes[:PRINTED_NOTES]:
        print(f"{name}: {note}")
    write_csv(Path("data/scanned") / f"{name}.csv", scanned.rows)
    write_json(Path("data/scanned") / f"{name}.json", scanned.notes)


if __name__ == "__main__":
    with report_errors():
        main(load_params(), sys.argv[1])
