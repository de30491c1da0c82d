"""Evaluate: splits, crops, model -> data/predictions/, metrics/evaluate.json, plots/{scores,evaluate}/."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.files import write_metrics
from deepfake.core.tables import read_csv, write_csv
from deepfake.evaluation.curves import write_curves
from deepfake.evaluation.metric_table import headline, metric_table
from deepfake.evaluation.operating_points import write_operating_points
from deepfake.evaluation.people import people_with_high_fpr
from deepfake.evaluation.predictions import predict_split
from deepfake.evaluation.score_tables import FLOAT_FORMAT, score_table
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
    for name, split in predictions.items():
        split.write(Path("data/predictions"), name)
        scores = score_table(split.videos, params.evaluate.scores_in_git)
        write_csv(Path(f"plots/scores/{name}.tsv"), scores, FLOAT_FORMAT)
    test = predictions["test"]
    write_curves(Path("plots/evaluate"), test.videos)
    write_operating_points(
        card,
        test.videos,
        params.evaluate.max_groups,
        models=Path("models"),
        plots=Path("plots/evaluate"),
    )
    settings = card.threshold, params.evaluate
    measured = {
        name: evaluate(split, *settings) for name, split in predictions.items() if len(splits[name])
    }
    table = metric_table(
        measured,
        evaluate_datasets(test, *settings),
        evaluate_slices(test, splits["test"], crops, *settings),
    )
    write_csv(Path("plots/evaluate/metrics.tsv"), table)
    people = people_with_high_fpr(test.videos, splits["test"])
    write_metrics(Path("metrics/evaluate.json"), headline(measured, people))


if __name__ == "__main__":
    with report_errors():
        main(load_params())
