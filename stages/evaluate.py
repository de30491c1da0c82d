"""Measure the model: splits, crops, model -> data/predictions/*.csv, metrics/evaluate.json, plots/evaluate/*.tsv."""

from pathlib import Path

from deepfake.curves import write_curves
from deepfake.evaluation import baseline_metrics, evaluate, predict_split
from deepfake.files import read_csv, write_metrics
from deepfake.model import load_model, pick_device
from deepfake.params import Params
from deepfake.stage import run


def main(params: Params) -> None:
    """Score val and test, each with the threshold that training chose on val."""
    network, card = load_model(Path("models"))
    device = pick_device()
    splits = {name: read_csv(Path(f"data/splits/{name}.csv")) for name in ("train", "val", "test")}
    crops = read_csv(Path("data/crops.csv"))
    metrics = {}
    for name in ("val", "test"):
        found = predict_split(
            network.to(device), card, splits[name], crops, Path("data/crops"), device
        )
        found.write(Path("data/predictions"), name)
        write_curves(Path("plots/evaluate"), name, found.videos)
        metrics[name] = evaluate(found, card.threshold, params.evaluate)
    frames = read_csv(Path("data/frames.csv"))
    baselines = baseline_metrics(splits, frames, crops)
    write_metrics(Path("metrics/evaluate.json"), {**metrics, "test_baselines": baselines})


if __name__ == "__main__":
    run(main)
