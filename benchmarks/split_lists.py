"""Write the lists of splits of data sets that have no published ones.

    python benchmarks/split_lists.py [--out experiments/splits]

real_faces is divided by identity within each source, synthetic_faces within each label. The same
data gives the same lists. (dfdc_faces.csv is the split stage's result of dfdc_faces.yaml, kept so
that later figures compare.)
"""

from __future__ import annotations

from pathlib import Path

from bench import bench_parser, report_missing

from deepfake.core.tables import write_csv
from deepfake.datasets.importers.csv_file import TABLE, read_table
from deepfake.experiments.split_lists import make_split_list

LISTS = {  # by data set: what keeps the shares, and the shares
    "real_faces": ("source", {"train": 0.6, "val": 0.1, "test": 0.3}),
    "synthetic_faces": ("label", {"train": 0.55, "val": 0.12, "test": 0.33}),
}
SEED = 0


def main() -> int:
    """Write one list for each data set."""
    parser = bench_parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("experiments/splits"), metavar="DIR")
    args = parser.parse_args()
    if report_missing(args.bench, *LISTS):
        return 2
    for name, (stratum, shares) in LISTS.items():
        table = read_table(args.bench / name / TABLE)
        write_csv(args.out / f"{name}.csv", make_split_list(table, name, stratum, shares, SEED))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
