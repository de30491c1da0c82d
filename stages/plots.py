"""Draw figures: tables and crops of other stages -> plots/*.png and plots/faces/*.png."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.tables import read_csv
from deepfake.evaluation.predictions import Predictions
from deepfake.model.card import read_card
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.plots.evaluation import evaluation_overview
from deepfake.plots.figures import save_figure
from deepfake.plots.gallery import crop_sheet, worst_mistakes
from deepfake.plots.robustness import robustness_curves
from deepfake.plots.shortcuts import shortcut_bars
from deepfake.plots.splits import split_overview
from deepfake.plots.training import training_curves


def main(_: Params) -> None:
    """Draw the figures of a run."""
    card = read_card(Path("models"))
    crops = read_csv(Path("data/crops.csv"))
    predictions = {
        name: Predictions.read(Path("data/predictions"), name) for name in ("val", "test")
    }
    videos = {name: split.videos for name, split in predictions.items()}
    history = read_csv(Path("plots/train/history.tsv"))
    save_figure(training_curves(history, card.origin["best_epoch"]), Path("plots/training.png"))
    save_figure(evaluation_overview(videos, card.threshold), Path("plots/evaluation.png"))
    tables = [read_csv(Path(f"plots/split/{name}.tsv")) for name in ("balance", "groups")]
    save_figure(split_overview(*tables), Path("plots/split.png"))
    save_figure(shortcut_bars(read_csv(Path("plots/shortcuts.tsv"))), Path("plots/shortcuts.png"))
    save_figure(
        robustness_curves(read_csv(Path("plots/robustness.tsv"))), Path("plots/robustness.png")
    )
    save_figure(crop_sheet(crops, Path("data/crops")), Path("plots/faces/crops.png"))
    save_figure(
        worst_mistakes(predictions["test"], Path("data/crops")), Path("plots/faces/mistakes.png")
    )


if __name__ == "__main__":
    with report_errors():
        main(load_params())
