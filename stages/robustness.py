"""Spoil the test crops: model, predictions, crops -> metrics/robustness.json, plots/robustness.tsv."""

from pathlib import Path

from deepfake.base.stage import reporting
from deepfake.core.files import write_metrics
from deepfake.core.tables import write_csv
from deepfake.evaluation import robustness
from deepfake.evaluation.predictions import Predictions
from deepfake.model.network import load_model, pick_device
from deepfake.params.loading import load_params
from deepfake.params.schema import Params


def main(params: Params) -> None:
    """Score what evaluate has scored again under compression, blur, noise and others."""
    network, card = load_model(Path("models"))
    device = pick_device()
    asked, evaluate = params.robustness, params.evaluate
    test = Predictions.read(Path("data/predictions"), "test")
    per_track = max(asked.crops_per_track, card.min_frames)
    sample = robustness.choose_sample(test, asked.max_videos, per_track)
    scores = robustness.score_levels(
        network.to(device), card, sample, Path("data/crops"), asked.levels, asked.seed, device
    )
    found = robustness.compare(
        scores, sample.videos, card.threshold, evaluate.bootstrap, evaluate.seed
    )
    print(robustness.describe(found))
    write_csv(Path("plots/robustness.tsv"), found)
    metrics = robustness.as_metrics(found, sample, test)
    write_metrics(Path("metrics/robustness.json"), metrics)


if __name__ == "__main__":
    with reporting():
        main(load_params())
