"""Evaluate: splits, crops, model -> data/predictions/, metrics/evaluate.json, plots/evaluate/."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.files import write_metrics
from deepfake.core.tables import read_csv
from deepfake.evaluation.curves import write_curves
from deepfake.evaluation.operating_points import write_operating_points
from deepfake.evaluation.predictions import predict_split
from deepfake.evaluation.slices import evaluate_slices
from deepfake.evaluation.split_metrics import evaluate, evaluate_datasets
from deepfake.model.network import load_model, pick_device
from deepfake.params.loading import load_params
from deepfake.params.schema import Params


def main(params: Params) -> None:
    """Score val and test, each with the threshold that training chose on val."""
    network, card = load_model(Path("models"))
    device = pick_device()
    splits = {name: read_csv(Path(f"data/splits/{name}.csv")) for name in ("val", "test")}
    crops = read_csv(Path("data/crops.csv"))
    predictions = {
        name: predict_split(
            network.to(device), card, splits[name], crops, Path("data/crops"), device
        )
        for name in ("val", "test")
    }
    for name in predictions:
        predictions[name].write(Path("data/predictions"), name)
    write_curves(Path("plots/evaluate"), predictions["test"].videos)
    write_operating_points(
        card,
        predictions["test"].videos,
        params.evaluate.max_groups,
        models=Path("models"),
        plots=Path("plots/evaluate"),
    )
    metrics = {
        name: evaluate(predictions[name], card.threshold, params.evaluate)
        for name in predictions
        if len(splits[name])
    }
    if len({*splits["val"]["dataset"], *splits["test"]["dataset"]}) > 1:
        by_dataset = evaluate_datasets(predictions["test"], card.threshold, params.evaluate)
        metrics["test_datasets"] = by_dataset
    if len(splits["test"]):
        metrics["test_slices"] = evaluate_slices(
            predictions["test"], splits["test"], crops, card.threshold, params.evaluate
        )
    write_metrics(Path("metrics/evaluate.json"), metrics)


if __name__ == "__main__":
    with report_errors():
        main(load_params())
