"""Keep people apart: manifest, crops -> data/splits/*.csv, metrics/split.json."""

from pathlib import Path

from deepfake.files import read_csv, write_csv, write_metrics
from deepfake.params import Params
from deepfake.splits import split_metrics, split_videos
from deepfake.stage import run


def main(params: Params) -> None:
    """Write train.csv, val.csv and test.csv, no person or source in two of them."""
    ratios = params.split.model_dump(exclude={"seed"})
    splits = split_videos(read_csv(Path("data/manifest.csv")), ratios, params.split.seed)
    for name, table in splits.items():
        write_csv(Path(f"data/splits/{name}.csv"), table)
    crops = read_csv(Path("data/crops.csv"))
    write_metrics(Path("metrics/split.json"), split_metrics(splits, crops))


if __name__ == "__main__":
    run(main)
