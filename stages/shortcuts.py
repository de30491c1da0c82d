"""What gives the label away: splits, frames, crops -> metrics/shortcuts.json, plots/shortcuts.tsv."""

from pathlib import Path

import pandas as pd

from deepfake.base.stage import reporting
from deepfake.core.files import write_metrics
from deepfake.core.tables import read_csv, write_csv
from deepfake.evaluation import shortcuts
from deepfake.params.loading import load_params
from deepfake.params.schema import Params


def main(params: Params) -> None:
    """Fit classifiers that see no face on train, and score them on test."""
    train = read_csv(Path("data/splits/train.csv"))
    test = read_csv(Path("data/splits/test.csv"))
    ids = pd.concat([train["video_id"], test["video_id"]]).tolist()
    features = {
        "metadata": shortcuts.metadata_features(read_csv(Path("data/frames.csv"))),
        "sharpness": shortcuts.picture_features(ids, Path("data/frames")),
        "border": shortcuts.border_features(ids, Path("data/crops")),
    }
    evaluate = params.evaluate
    found = shortcuts.audit_shortcuts(features, train, test, evaluate.bootstrap, evaluate.seed)
    print(shortcuts.describe(found))
    write_csv(Path("plots/shortcuts.tsv"), found)
    write_metrics(Path("metrics/shortcuts.json"), shortcuts.as_metrics(found))


if __name__ == "__main__":
    with reporting():
        main(load_params())
