"""Degrade the test crops: model, predictions, crops -> metrics/robustness.json, plots/robustness.tsv."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.files import write_metrics
from deepfake.core.tables import write_csv
from deepfake.evaluation import robustness
from deepfake.evaluation.predictions import Predictions
from deepfake.model.network import load_model, pick_device
from deepfake.params.loading import load_params
from deepfake.params.schema import Params


def main(params: Params) -> None:
    """Score the test videos again under compression, blur, noise and other degradations."""
    network, card = load_model(Path("models"))
    device = pick_device()
    settings = params.robustness
    test = Predictions.read(Path("data/predictions"), "test")
    per_track = max(settings.crops_per_track, card.min_frames)
    sample = robustness.choose_sample(test, settings.max_videos, per_track)
    scores = robustness.score_degraded(
        network.to(device),
        card,
        sample,
        Path("data/crops"),
        settings.levels,
        settings.seed,
        device,
    )
    table = robustness.measure(scores, sample.videos, card.threshold, params.evaluate.max_groups)
    print(robustness.describe(table))
    write_csv(Path("plots/robustness.tsv"), table)
    write_metrics(Path("metrics/robustness.json"), robustness.headline(table))


if __name__ == "__main__":
    with report_errors():
        main(load_params())
