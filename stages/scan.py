"""List one data set: its root -> data/scanned/NAME.csv, and notes on it in NAME.json."""

import sys
from pathlib import Path

from deepfake.base.stage import reporting
from deepfake.core.files import write_json
from deepfake.core.tables import write_csv
from deepfake.datasets.scanning import scan
from deepfake.params.loading import load_params
from deepfake.params.schema import Params


def main(params: Params, name: str) -> None:
    """Write the rows of one data set, with the digests of its files, and the notes."""
    dataset = params.dataset[name]
    found = scan(Path(dataset.root), name, dataset.layout, dataset.include)
    for note in found.notes[:20]:
        print(f"{name}: {note}")
    write_csv(Path("data/scanned") / f"{name}.csv", found.rows)
    write_json(Path("data/scanned") / f"{name}.json", found.notes)


if __name__ == "__main__":
    with reporting():
        main(load_params(), sys.argv[1])
