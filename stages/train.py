"""Train ResNet-18: splits, crops -> models/model.*, plots/train/{history,choices}.tsv."""

import shutil
from pathlib import Path

import pandas as pd

from deepfake.base.stage import report_errors
from deepfake.core.tables import quantity_table, write_csv
from deepfake.model.calibration import calibrate, describe
from deepfake.model.card import STARTER, check_crops, make_card
from deepfake.model.network import load_model, save_model
from deepfake.params.loading import load_params
from deepfake.params.schema import Params
from deepfake.training.crop_set import read_crop_set
from deepfake.training.loop import HISTORY_COLUMNS, summarize_training, train
from deepfake.training.processes import is_first_process

SCRATCH = Path(".scratch/train")


def main(params: Params) -> None:
    """Train, choose checkpoint, calibration and operating points on val, and publish the model."""
    if params.train.epochs == 0:
        publish_starter(params)
        return
    margin, share, seed = params.crops.margin, params.train.share, params.train.seed
    train_set = read_crop_set("train", margin, main_track_only=True, share=share, seed=seed)
    val_set = read_crop_set("val", margin, main_track_only=False)
    workers = params.execution.worker_count - 1
    result = train(train_set, val_set, params.train, params.score, SCRATCH, workers)
    if not is_first_process():
        return
    frames = val_set.table.assign(logit=result.val_logits)
    calibration = calibrate(frames, params.score, params.train.head)
    print(describe(calibration))
    datasets = sorted(train_set.table["dataset"].unique())
    card = make_card(params, calibration, result.best_epoch, datasets, train_set.face_pixels())
    save_model(Path("models"), result.weights, card)
    choices = summarize_training(result, calibration)
    write_csv(Path("plots/train/choices.tsv"), quantity_table(choices))
    write_csv(Path("plots/train/history.tsv"), result.history)
    shutil.rmtree(result.state_folder)


def publish_starter(params: Params) -> None:
    """Publish the starter model unchanged, with its own calibration and operating points."""
    network, card = load_model(STARTER)
    check_crops(card, params.crops)
    save_model(Path("models"), network.state_dict(), card)
    choices = {
        "temperature": card.temperature,
        "bias": card.bias,
        "calibrated": int(card.calibrated),
        "threshold": card.threshold,
    }
    write_csv(Path("plots/train/choices.tsv"), quantity_table(choices))
    write_csv(Path("plots/train/history.tsv"), pd.DataFrame(columns=HISTORY_COLUMNS))


if __name__ == "__main__":
    with report_errors():
        main(load_params())
