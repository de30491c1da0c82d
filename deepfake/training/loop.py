"""The training loop: pairs of REAL and FAKE, averaged weights, best epoch on val, resumable."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from tqdm import tqdm

from deepfake.base.code import code_version
from deepfake.base.errors import TrainingError
from deepfake.core.labels import Floats, Labels
from deepfake.model.calibration import Calibration
from deepfake.model.inputs import stored_images
from deepfake.model.logits import predict_logits
from deepfake.model.network import build_model, init_digest, parameter_groups
from deepfake.model.onnx_model import BATCH_SIZE
from deepfake.params.schema import ScoreParams, TrainParams
from deepfake.training.crop_set import CropSet
from deepfake.training.dataset import CropDataset
from deepfake.training.domains import check_domains
from deepfake.training.processes import Processes, run_in_processes, share_batch_norm
from deepfake.training.sampler import BatchShares, EpochSampler
from deepfake.training.schedule import cosine_with_warmup, ema_with_warmup
from deepfake.training.state import load_state, save_state, state_path
from deepfake.training.validation import val_domains, val_metrics
from deepfake.transforms.augmentation import compose, random_degradations, training_transform
from deepfake.transforms.evaluation import Normalise

HISTORY_COLUMNS = [
    *("epoch", "learning_rate", "train_loss"),
    *("val_loss", "val_frame_roc_auc", "val_video_roc_auc", "val_domain_roc_auc"),
]


@dataclass(frozen=True)
class TrainingResult:
    """The result of training.

    Attributes:
        weights: state dict of the best epoch, float32 on the CPU.
        best_epoch: counted from 1.
        history: one row per epoch, with `HISTORY_COLUMNS` and, if there are several domains, a column
            `val_roc_auc_NAME` for each.
        state_folder: of the resumable state, which is of no use once the result is stored.
        val_logits: logits of the best epoch, one per row of the val table, in float32 as in every
            later prediction. The history is computed in the precision of training.
    """

    weights: dict[str, Tensor]
    best_epoch: int
    history: pd.DataFrame
    state_folder: Path
    val_logits: Floats


def train(
    train_set: CropSet,
    val_set: CropSet,
    params: TrainParams,
    score_params: ScoreParams,
    scratch: Path,
    workers: int,
) -> TrainingResult:
    """Train a ResNet-18 and return the epoch with the highest ROC-AUC on val, by domain.

    After each epoch the whole state is written to a file in `scratch` that is named after the inputs
    and the code. A run that finds this file resumes from it and ends with the same weights, up to
    rounding if `params.processes` is another one.

    Args:
        train_set: crops to train on.
        val_set: crops to choose the epoch by.
        params: the train section of params.yaml.
        score_params: the score section, by which the video scores on val are computed.
        scratch: folder for the resumable state.
        workers: processes that decode and augment crops; with 0, the training process does.

    Raises:
        TrainingError: a set is empty or holds one label only, val lacks REAL or FAKE videos with a
            person in at least `score_params.min_frames` frames, or a data set or domain does not fit
            `params.domains`.
        ModelError: the initial weights are not found, could not be fetched or are damaged.
    """
    _check_labels(train_set, val_set, score_params.min_frames)
    check_domains(train_set, val_set, params, score_params.min_frames)
    initial_weights = init_digest(params.init)
    state_file = state_path(
        scratch, (train_set, val_set), (params, score_params), code_version(train), initial_weights
    )
    inputs = (train_set, val_set, params, score_params, state_file, workers)
    return run_in_processes(params.processes, _train, *inputs)


def _train(
    processes: Processes,
    train_set: CropSet,
    val_set: CropSet,
    params: TrainParams,
    score_params: ScoreParams,
    state_file: Path,
    workers: int,
) -> TrainingResult:
    """The part of `train` that all processes do together; only the first writes and prints."""
    run = TrainingRun(train_set, params, workers, processes, score_params.mirror)
    images = stored_images(val_set.folder, val_set.table)
    domains = val_domains(val_set, params)
    progress = load_state(state_file, run)
    for epoch in range(len(progress["history"]), params.epochs):
        loss = run.train_epoch(epoch)
        row = {"epoch": epoch + 1, "learning_rate": run.learning_rate, "train_loss": loss}
        with run.fabric.autocast():
            logits = run.predict(images)
            row |= val_metrics(val_set.table, logits, domains, run.predict, score_params)
        progress["history"].append(row)
        if _is_best(progress["history"]):
            progress["best_epoch"] = epoch + 1
            weights = run.average.module.state_dict()
            progress["weights"] = {name: value.cpu().clone() for name, value in weights.items()}
        if processes.rank == 0:
            save_state(state_file, run, progress)
            print(" ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
    run.average.module.load_state_dict(progress["weights"])
    return TrainingResult(
        progress["weights"],
        progress["best_epoch"],
        pd.DataFrame(progress["history"]),
        state_file.parent,
        run.predict(images),
    )


def _check_labels(train_set: CropSet, val_set: CropSet, min_frames: int) -> None:
    """Raise TrainingError unless both sets have crops, and val has scored videos, of both labels."""
    for name, crops in (("train", train_set), ("val", val_set)):
        labels = crops.table["label"].nunique()
        if labels < 2:
            raise TrainingError(
                f"the {name} split has {len(crops.table)} crops of {labels} label(s), but training"
                " needs REAL and FAKE: add videos, or change the split section of params.yaml"
            )
    tracks = val_set.table.groupby(["video_id", "track"])["label"].agg(["size", "first"])
    if tracks.loc[tracks["size"] >= min_frames, "first"].nunique() < 2:
        raise TrainingError(
            "the val split needs REAL and FAKE videos with a person in at least"
            f" score.min_frames = {min_frames} frames: lower it, or raise frames.per_video"
        )


def summarize_training(result: TrainingResult, calibration: Calibration) -> dict[str, float]:
    """The best epoch's row of the history and what was fitted on val, for plots/train/choices.tsv."""
    best = result.history.iloc[result.best_epoch - 1]
    return {
        "best_epoch": result.best_epoch,
        **{str(name): value for name, value in best.drop("epoch").items()},
        "temperature": calibration.temperature,
        "bias": calibration.bias,
        "calibrated": int(not calibration.problem),
        "threshold": calibration.threshold,
    }


class TrainingRun:
    """One training run: network, averaged network, optimiser, schedule and data.

    Args:
        train_set: crops to train on.
        params: the train section of params.yaml.
        workers: processes that decode and augment crops; with 0, this process does. Those that
            train on this machine divide them.
        processes: this process among those that train.
        mirror: whether `predict` also looks at the mirror images, as `score.mirror` says.
    """

    def __init__(
        self,
        train_set: CropSet,
        params: TrainParams,
        workers: int,
        processes: Processes = Processes(),  # noqa: B008  which is frozen
        mirror: bool = False,
    ) -> None:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        torch.manual_seed(params.seed)
        self.params = params
        self.processes = processes
        accelerator, devices = processes.device()
        precision = cast(Any, _precision(params))
        self.fabric = Fabric(accelerator=accelerator, devices=devices, precision=precision)
        self.device = self.fabric.device
        self.precision = self.fabric.strategy.precision  # holds the scaler of the loss in 16 bit
        # On its device before it is copied for the average and given to the optimiser.
        network = build_model(params.init, params.head, mirror)
        network.to(memory_format=torch.channels_last)
        share_batch_norm(network, processes)
        self.network = self.fabric.to_device(network)
        self.average = AveragedModel(
            self.network, multi_avg_fn=ema_with_warmup(params.ema), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(
            parameter_groups(self.network, params.learning_rate, params.layer_decay),
            weight_decay=params.weight_decay,
            fused=True,
        )
        preset = training_transform(
            params.augmentation, params.image_size, params.region, train_set.margin
        )
        degradations = random_degradations(
            params.colour, params.noise, params.resampling, params.recompression
        )
        transform = compose([preset, *degradations])
        table, landmarks = train_set.table, train_set.landmarks
        self.normalise = Normalise()
        dataset = CropDataset(train_set.folder, table, landmarks, transform)
        self.sampler = EpochSampler(table, train_set.blendable(), params)
        workers = _startable(workers // processes.local_count)
        self.loader = DataLoader(
            dataset,
            batch_sampler=BatchShares(self.sampler, params.batch_size, processes),
            collate_fn=partial(_as_arrays, size=params.image_size),
            num_workers=workers,
            persistent_workers=workers > 0,
            # OpenCV and OpenMP may hang in a process that was forked after they started threads.
            multiprocessing_context="spawn" if workers else None,
            worker_init_fn=_use_one_thread,
            generator=torch.Generator().manual_seed(params.seed),
        )
        steps = params.epochs * len(self.loader)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: cosine_with_warmup(step, steps, params.warmup_fraction)
        )
        # Fabric wraps both, for the precision and device of training.
        self.fabric_model, self.fabric_optimizer = self.fabric.setup(self.network, self.optimizer)

    @property
    def learning_rate(self) -> float:
        """Learning rate of the last layer in the next step."""
        return float(self.schedule.get_last_lr()[-1])

    def train_epoch(self, epoch: int) -> float:
        """Train on as many examples as there are crops, and return the mean loss.

        Args:
            epoch: counted from 0; it decides which examples are drawn.
        """
        self.fabric_model.train()
        self.sampler.epoch = epoch
        title = f"epoch {epoch + 1}/{self.params.epochs}"
        loss_sum, count = 0.0, 0
        # The bar is of all epochs, so the time left that it shows is that of the whole run.
        total, done = (count * len(self.sampler) for count in (self.params.epochs, epoch))
        hidden = self.processes.rank > 0
        with tqdm(total=total, initial=done, desc=title, unit="crop", disable=hidden) as bar:
            for crops, labels in self._batches():
                size = int(self.processes.sum(torch.tensor(len(crops), device=self.device)))
                loss = self._loss(crops, labels, size)
                self.fabric_optimizer.zero_grad()
                self.fabric.backward(loss)
                self.processes.sum_gradients(self.network)
                self.fabric_optimizer.step()
                self.schedule.step()
                self.average.update_parameters(self.network)
                loss_sum += float(self.processes.sum(loss.detach())) * size
                count += size
                bar.update(size)
                bar.set_postfix(loss=f"{loss_sum / count:.3f}")
        return loss_sum / count

    def _loss(self, crops: Tensor, labels: Tensor, size: int) -> Tensor:
        """The part of these crops in the mean loss of a batch of `size` crops of all processes."""
        logits: Tensor = self.fabric_model(crops).squeeze(1)
        if not len(crops):  # the last batch can be smaller than the number of processes
            return logits.sum()
        return binary_cross_entropy_with_logits(logits, labels) * (len(crops) / size)

    def predict(self, images: Sequence[bytes]) -> Floats:
        """One logit of the averaged network per JPEG crop; every process computes its share."""
        network, size, device = self.average.module, self.params.image_size, self.device
        if self.processes.count == 1:
            return predict_logits(network, images, size, device)
        logits = torch.zeros(len(images), dtype=torch.float64)
        share = self.processes.share(range(len(images)))
        for start in range(share.start, share.stop, BATCH_SIZE):
            rows = slice(start, min(start + BATCH_SIZE, share.stop))
            logits[rows] = torch.from_numpy(predict_logits(network, images[rows], size, device))
        return self.processes.sum(logits.to(device)).cpu().numpy()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalised crops in the network's memory layout, and smoothed labels, on its device."""
        smoothing = self.params.label_smoothing
        for crops, labels in self.loader:
            smoothed = torch.from_numpy(labels).float() * (1 - smoothing) + smoothing / 2
            on_device = torch.from_numpy(crops).to(self.device, memory_format=torch.channels_last)
            yield self.normalise(on_device), smoothed.to(self.device)


def _as_arrays(examples: list[tuple[Tensor, int]], size: int) -> tuple[NDArray[np.uint8], Labels]:
    """A batch of crops of `size` pixels as arrays, which a loading process sends through a pipe.

    It would put tensors in /dev/shm, where a container has 64 MB by default, too little for a dozen
    processes with large crops. A pipe is about as fast.
    """
    if not examples:
        return np.zeros((0, 3, size, size), np.uint8), np.zeros(0, np.int64)
    crops, labels = zip(*examples, strict=True)
    return torch.stack(crops).numpy(), np.array(labels)


def _startable(workers: int) -> int:
    """`workers`, or 0 and a note if the system has no semaphores, which they need."""
    if workers == 0:
        return 0
    try:
        get_context("spawn").Lock()
    except OSError as error:
        print(
            "note: crops are loaded without extra processes, which is slower, because semaphores"
            f" cannot be created ({error.strerror}): mount /dev/shm, for example with"
            " `docker run --shm-size=64m`",
            file=sys.stderr,
        )
        return 0
    return workers


def _use_one_thread(_: int) -> None:
    cv2.setNumThreads(1)


def _precision(params: TrainParams) -> str:
    """Lightning Fabric's name of the precision in `params`."""
    if params.precision == "bfloat16":
        return "bf16-mixed"
    if params.precision == "float32" or not torch.cuda.is_available():
        return "32-true"
    # Older GPUs (T4, V100) only emulate bfloat16, which is slow.
    native = torch.cuda.is_bf16_supported(including_emulation=False)
    return "bf16-mixed" if native else "16-mixed"


def _is_best(history: list[dict[str, float]]) -> bool:
    """Whether the last epoch is the best: highest ROC-AUC of domains, lowest loss, then first."""
    ranks = [(row["val_domain_roc_auc"], -row["val_loss"]) for row in history]
    return max(ranks) == ranks[-1] and ranks.index(ranks[-1]) == len(ranks) - 1
