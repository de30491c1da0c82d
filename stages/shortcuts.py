"""Audit shortcuts: splits, frames, crops -> metrics/shortcuts.json, plots/shortcuts.tsv."""

from pathlib import Path

import pandas as pd

from deepfake.base.stage import report_errors
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
        "sharpness": shortcuts.quality_features(ids, Path("data/frames")),
        "border": shortcuts.border_features(ids, Path("data/crops")),
    }
    max_groups, seed = params.evaluate.max_groups, params.evaluate.seed
    table = shortcuts.audit_shortcuts(features, train, test, max_groups, seed)
    print(shortcuts.describe(table))
    write_csv(Path("plots/shortcuts.tsv"), table)
    write_metrics(Path("metrics/shortcuts.json"), shortcuts.headline(table))


if __name__ == "__main__":
    with report_errors():
        main(load_params())
