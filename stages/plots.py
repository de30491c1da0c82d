"""Draw pictures: tables of the stages before -> plots/*.png and plots/faces/*.png."""

from pathlib import Path

from deepfake.base.stage import reporting
from deepfake.core.tables import read_csv
from deepfake.evaluation.predictions import Predictions
from deepfake.model.card import read_card
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.plots.evaluation import evaluation_overview
from deepfake.plots.figures import save
from deepfake.plots.gallery import crop_sheet, worst_mistakes
from deepfake.plots.robustness import robustness_curves
from deepfake.plots.shortcuts import shortcut_bars
from deepfake.plots.splits import split_overview
from deepfake.plots.training import training_curves


def main(_: Params) -> None:
    """Draw what a person looks at after a run."""
    card = read_card(Path("models"))
    crops = read_csv(Path("data/crops.csv"))
    found = {name: Predictions.read(Path("data/predictions"), name) for name in ("val", "test")}
    videos = {name: predictions.videos for name, predictions in found.items()}
    history = read_csv(Path("plots/train/history.tsv"))
    save(training_curves(history, card.origin["best_epoch"]), Path("plots/training.png"))
    save(evaluation_overview(videos, card.threshold), Path("plots/evaluation.png"))
    tables = [read_csv(Path(f"plots/split/{name}.tsv")) for name in ("balance", "groups")]
    save(split_overview(*tables), Path("plots/split.png"))
    save(shortcut_bars(read_csv(Path("plots/shortcuts.tsv"))), Path("plots/shortcuts.png"))
    save(robustness_curves(read_csv(Path("plots/robustness.tsv"))), Path("plots/robustness.png"))
    save(crop_sheet(crops, Path("data/crops")), Path("plots/faces/crops.png"))
    save(worst_mistakes(found["test"], Path("data/crops")), Path("plots/faces/mistakes.png"))


if __name__ == "__main__":
    with reporting():
        main(load_params())
