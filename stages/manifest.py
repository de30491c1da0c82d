"""Join and validate the data sets: data/scanned -> data/manifest.csv, its report and counts."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.files import write_bytes, write_metrics
from deepfake.core.tables import quantity_table, write_csv
from deepfake.datasets.manifest import build_manifest, leftover_scans, read_scans
from deepfake.params.loading import load_params
from deepfake.params.schema import Params


def main(params: Params) -> None:
    """Write the manifest of all data sets in params.yaml, its report and its counts."""
    folder, names = Path("data/scanned"), list(params.dataset)
    for path in leftover_scans(folder, names):
        print(f"{path} belongs to no data set in params.yaml and is ignored: delete it")
    scans = read_scans(folder, names)
    manifest = build_manifest(scans, trains=params.train.epochs > 0)
    print(manifest.report)
    write_csv(Path("data/manifest.csv"), manifest.table)
    write_bytes(Path("data/manifest_report.txt"), manifest.report.encode())
    write_csv(Path("plots/manifest.tsv"), quantity_table(manifest.counts))
    metrics = {name: manifest.counts[name] for name in ("videos", "real", "fake")}
    write_metrics(Path("metrics/manifest.json"), metrics)


if __name__ == "__main__":
    with report_errors():
        main(load_params())
