"""Join and check the data sets: data/scanned -> data/manifest.csv, its report and metrics."""

import json
from pathlib import Path

from deepfake.datasets import Listing
from deepfake.files import write_bytes, write_metrics
from deepfake.manifest import build_manifest
from deepfake.params import Params
from deepfake.stage import run
from deepfake.tables import read_csv, write_csv


def main(params: Params) -> None:
    """Write the manifest of all data sets that params.yaml names."""
    folder = Path("data/scanned")
    names = [dataset.name for dataset in params.dataset]
    for old in [*folder.glob("*.csv"), *folder.glob("*.json")]:
        if old.stem not in names:  # or a data set that is no longer named would change this stage
            old.unlink()
    scans = {
        name: Listing(
            read_csv(folder / f"{name}.csv"), json.loads((folder / f"{name}.json").read_text())
        )
        for name in names
    }
    manifest = build_manifest(scans)
    print(manifest.report)
    write_csv(Path("data/manifest.csv"), manifest.table)
    write_bytes(Path("data/manifest_report.txt"), manifest.report.encode())
    write_metrics(Path("metrics/manifest.json"), manifest.metrics)


if __name__ == "__main__":
    run(main)
