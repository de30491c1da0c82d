"""Split without leaks: manifest, identities -> data/splits/*.csv, metrics/split.json, plots/split/."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.files import write_metrics
from deepfake.core.tables import quantity_table, read_csv, write_csv
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.splits.policies import split_videos, with_digests, with_links
from deepfake.splits.report import (
    balance_table,
    describe,
    group_table,
    headline,
    summarize_splits,
)


def main(params: Params) -> None:
    """Write train.csv, val.csv, test.csv and left_out.csv, and their tables and metrics."""
    videos = with_links(
        with_digests(read_csv(Path("data/manifest.csv")), read_csv(Path("data/digests.csv"))),
        read_csv(Path("data/identities.csv")),
        read_csv(Path("data/near_duplicates.csv")),
    )
    splits = split_videos(videos, params.split)
    print(describe(splits))
    for name, table in splits.tables.items():
        write_csv(Path(f"data/splits/{name}.csv"), table)
    write_csv(Path("data/splits/left_out.csv"), splits.left_out)
    write_csv(Path("plots/split/balance.tsv"), balance_table(splits, params.split))
    write_csv(Path("plots/split/groups.tsv"), group_table(splits))
    crops = read_csv(Path("data/crops.csv"))
    summary = quantity_table(summarize_splits(splits, videos, crops))
    write_csv(Path("plots/split/summary.tsv"), summary)
    write_metrics(Path("metrics/split.json"), headline(splits))


if __name__ == "__main__":
    with report_errors():
        main(load_params())
