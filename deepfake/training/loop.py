"""The training loop: pairs of REAL and FAKE, averaged weights, best epoch by val, resumable."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from tqdm import tqdm

from deepfake.base.code import code_version
from deepfake.base.errors import TrainingError
from deepfake.core.roc import roc_auc
from deepfake.model.calibration import Calibration
from deepfake.model.inputs import stored_images
from deepfake.model.network import build_model, init_digest, parameter_groups
from deepfake.model.scores import predict_logits, video_scores
from deepfake.params.schema import ScoreParams, TrainParams
from deepfake.training.crop_set import CropSet
from deepfake.training.dataset import CropDataset
from deepfake.training.sampler import PairSampler
from deepfake.training.schedule import ema_with_warm_up, warm_cosine
from deepfake.training.state import load_state, save_state, state_path
from deepfake.transforms.augmentation import training
from deepfake.transforms.evaluation import normalisation

HISTORY = [  # columns
    *("epoch", "learning_rate", "train_loss"),
    *("val_loss", "val_frame_roc_auc", "val_video_roc_auc"),
]


@dataclass(frozen=True)
class Trained:
    """The outcome of training.

    Attributes:
        weights: state dict of the best epoch, float32 on the CPU.
        best_epoch: counted from 1.
        history: a row per epoch (`HISTORY`).
        val_logits: of the best epoch, one per row of the val table, in float32 as in every later
            prediction. The history is computed in the precision of training.
    """

    weights: dict[str, Tensor]
    best_epoch: int
    history: pd.DataFrame
    val_logits: "np.ndarray[Any, np.dtype[np.float64]]"


def train(
    train_set: CropSet,
    val_set: CropSet,
    params: TrainParams,
    scoring_params: ScoreParams,
    scratch: Path,
    workers: int,
) -> Trained:
    """Train a ResNet-18 and return the epoch with the highest video ROC-AUC on val.

    After each epoch the whole state goes to a file in `scratch` that is named after the inputs and
    the code. A run that finds it goes on from there and ends with the same weights.

    Args:
        train_set, val_set: crops; the checkpoint is chosen on the second.
        params: the train section of params.yaml.
        scoring_params: how frames become a video's score, for the choice of the checkpoint.
        scratch: folder for the resumable state.
        workers: processes that decode and augment; 0 does it between the steps.

    Raises:
        TrainingError: one of the sets is empty or holds one label only, or no video of val has
            as many frames as `scoring_params.min_frames` asks for.
        ModelError: the initial weights cannot be had.
    """
    _check_labels(train_set, val_set, scoring_params.min_frames)
    start = init_digest(params.init)
    state_file = state_path(
        scratch, (train_set, val_set), (params, scoring_params), code_version(train), start
    )
    run = _Run(train_set, params, workers)
    images = stored_images(val_set.folder, val_set.table)
    progress = load_state(state_file, run)
    for epoch in range(len(progress["history"]), params.epochs):
        loss = run.epoch(epoch)
        averaged = run.average.module
        with run.fabric.autocast():
            logits = predict_logits(averaged, images, params.image_size, run.device)
        row = {"epoch": epoch + 1, "learning_rate": run.rate, "train_loss": loss}
        row.update(_val_metrics(val_set.table, logits, scoring_params))
        progress["history"].append(row)
        if _is_best(progress["history"]):
            progress["best_epoch"] = epoch + 1
            weights = averaged.state_dict()
            progress["weights"] = {name: value.cpu().clone() for name, value in weights.items()}
        save_state(state_file, run, progress)
        print(" ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
    best = run.average.module
    best.load_state_dict(progress["weights"])
    return Trained(
        progress["weights"],
        progress["best_epoch"],
        pd.DataFrame(progress["history"], columns=HISTORY),
        predict_logits(best, images, params.image_size, run.device),
    )


def _check_labels(train_set: CropSet, val_set: CropSet, min_frames: int) -> None:
    for name, crops in (("train", train_set), ("val", val_set)):
        if crops.table["label"].nunique() < 2:
            raise TrainingError(
                f"the {name} split has {len(crops.table)} crops of"
                f" {crops.table['label'].nunique()} label(s); both REAL and FAKE are needed"
            )
    tracks = val_set.table.groupby(["video_id", "track"])["label"].agg(["size", "first"])
    if tracks.loc[tracks["size"] >= min_frames, "first"].nunique() < 2:
        raise TrainingError(
            f"in the val split no REAL or no FAKE video shows a person in score.min_frames ="
            f" {min_frames} frames: lower it, or raise frames.per_video"
        )


def summary(trained: Trained, calibration: Calibration) -> dict[str, float]:
    """The best epoch and what was chosen on val, for `metrics/train.json`."""
    best = trained.history.iloc[trained.best_epoch - 1]
    chosen = {"temperature": calibration.temperature, "threshold": calibration.threshold}
    return {
        "best_epoch": trained.best_epoch,
        **{str(k): v for k, v in best.drop("epoch").items()},
        **chosen,
    }


class _Run:
    """What one training run holds: network, optimiser, schedule, data."""

    def __init__(self, train_set: CropSet, params: TrainParams, workers: int) -> None:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        torch.manual_seed(params.seed)
        self.params = params
        self.fabric = Fabric(accelerator="auto", devices=1, precision=cast(Any, _precision(params)))
        self.device = self.fabric.device
        self.network = build_model(params.init).to(memory_format=torch.channels_last)
        self.average = AveragedModel(
            self.network, multi_avg_fn=ema_with_warm_up(params.ema), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.network, params.learning_rate, params.layer_decay),
            weight_decay=params.weight_decay,
            fused=True,
        )
        transform = training(
            params.augmentation, params.image_size, params.region, train_set.margin
        )
        table, landmarks = train_set.table, train_set.landmarks
        self.normalise = normalisation()
        dataset = CropDataset(train_set.folder, table, landmarks, transform)
        blendable = ~np.isnan(landmarks[:, 0, 0])
        self.sampler = PairSampler(table, blendable, params)
        self.loader = DataLoader(
            dataset,
            batch_size=params.batch_size,
            sampler=self.sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            # OpenCV and OpenMP may hang in a process that was forked after they started threads.
            multiprocessing_context="spawn" if workers else None,
            worker_init_fn=_one_thread,
            generator=torch.Generator().manual_seed(params.seed),
        )
        steps = params.epochs * len(self.loader)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: warm_cosine(step, steps, params.warmup_fraction)
        )
        self.model, self.wrapped = self.fabric.setup(self.network, self.optimizer)

    @property
    def rate(self) -> float:
        """Learning rate of the next step, of the last layer."""
        return float(self.schedule.get_last_lr()[-1])

    def epoch(self, epoch: int) -> float:
        """One pass over as many crops as there are; returns the mean loss."""
        self.model.train()
        self.sampler.epoch = epoch
        title = f"epoch {epoch + 1}/{self.params.epochs}"
        total, seen = 0.0, 0
        with tqdm(total=len(self.sampler), desc=title, unit="crop") as bar:
            for crops, labels in self._batches():
                loss = binary_cross_entropy_with_logits(self.model(crops).squeeze(1), labels)
                self.wrapped.zero_grad()
                self.fabric.backward(loss)
                self.wrapped.step()
                self.schedule.step()
                self.average.update_parameters(self.network)
                total += float(loss.detach()) * len(crops)
                seen += len(crops)
                bar.update(len(crops))
                bar.set_postfix(loss=f"{total / seen:.3f}")
        return total / seen

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalised crops in the memory layout of the network, and smoothed labels."""
        smoothing = self.params.label_smoothing
        for crops, labels in self.loader:
            target = labels.float() * (1 - smoothing) + smoothing / 2
            here = crops.to(self.device, memory_format=torch.channels_last)
            yield self.normalise(here), target.to(self.device)


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)


def _precision(params: TrainParams) -> str:
    """The name that Lightning Fabric has for it."""
    if params.precision == "bfloat16":
        return "bf16-mixed"
    if params.precision == "float32" or not torch.cuda.is_available():
        return "32-true"
    return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"


def _val_metrics(
    table: pd.DataFrame, logits: "np.ndarray[Any, Any]", params: ScoreParams
) -> dict[str, float]:
    labels = torch.from_numpy(table["label"].to_numpy(float))
    loss = binary_cross_entropy_with_logits(torch.from_numpy(logits), labels)
    frames = table.assign(logit=logits)
    videos = video_scores(frames, params.video_score, 1.0, params.min_frames)
    of_video = table.drop_duplicates("video_id").set_index("video_id")["label"]
    return {
        "val_loss": float(loss),
        "val_frame_roc_auc": roc_auc(table["label"].to_numpy(int), logits),
        "val_video_roc_auc": roc_auc(
            of_video.loc[videos["video_id"]].to_numpy(int), videos["score"].to_numpy(float)
        ),
    }


def _is_best(history: list[dict[str, float]]) -> bool:
    """Whether the last epoch has the highest video ROC-AUC; of equals, the lowest loss."""
    ranks = [(row["val_video_roc_auc"], -row["val_loss"]) for row in history]
    return max(ranks) == ranks[-1] and ranks.index(ranks[-1]) == len(ranks) - 1
