"""The training loop: pairs of REAL and FAKE, averaged weights, best epoch by val, resumable."""

import hashlib
import inspect
import io
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader
from tqdm import tqdm

from deepfake import (
    augment,
    blend,
    data,
    draws,
    examples,
    files,
    model,
    perturbations,
    scoring,
    tables,
)
from deepfake.blend import Shapes
from deepfake.calibration import Calibration
from deepfake.errors import TrainingError
from deepfake.params import ScoreParams, TrainParams

STATE = "state.pt"
HISTORY = [  # columns
    *("epoch", "learning_rate", "train_loss"),
    *("val_loss", "val_frame_roc_auc", "val_video_roc_auc"),
]
STATEFUL = ("network", "average", "optimizer", "schedule")  # of a _Run, stored after each epoch


@dataclass(frozen=True)
class CropSet:
    """Crops of one split.

    Attributes:
        table: rows with video_id, image, frame, track, label, method and original.
        folder: where the archives are.
        shapes: landmarks of each row, NaN where they are not known.
        margin: side of the crops over the longer side of the face's box.
    """

    table: pd.DataFrame
    folder: Path
    shapes: Shapes
    margin: float


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
    state_file = scratch / _key(train_set, val_set, params, scoring_params) / STATE
    run = _Run(train_set, params, workers)
    images = data.stored_images(val_set.folder, val_set.table)
    progress = _load_state(state_file, run)
    for epoch in range(len(progress["history"]), params.epochs):
        loss = run.epoch(epoch)
        averaged = run.average.module
        with run.fabric.autocast():
            logits = scoring.predict_logits(averaged, images, params.image_size, run.device)
        row = {"epoch": epoch + 1, "learning_rate": run.rate, "train_loss": loss}
        row.update(_val_metrics(val_set.table, logits, scoring_params))
        progress["history"].append(row)
        if _is_best(progress["history"]):
            progress["best_epoch"] = epoch + 1
            weights = averaged.state_dict()
            progress["weights"] = {name: value.cpu().clone() for name, value in weights.items()}
        _save_state(state_file, run, progress)
        print(" ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
    best = run.average.module
    best.load_state_dict(progress["weights"])
    return Trained(
        progress["weights"],
        progress["best_epoch"],
        pd.DataFrame(progress["history"], columns=HISTORY),
        scoring.predict_logits(best, images, params.image_size, run.device),
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


def read_crop_set(
    split: str, margin: float, main_track_only: bool, share: float = 1.0, seed: int = 0
) -> CropSet:
    """The crops of a split as the stages before have written them.

    Args:
        split: train or val.
        margin: of the crops.
        main_track_only: leave out bystanders; in training their label would be a guess.
        share, seed: of the originals, each with its fakes, how many are taken, and which.
    """
    crops = tables.read_csv(Path("data/crops.csv"))
    videos = tables.read_csv(Path(f"data/splits/{split}.csv"))
    chosen = data.select_crops(data.share_of(videos, share, seed), crops, main_track_only)
    shapes = np.load("data/landmarks.npy", allow_pickle=False)
    return CropSet(chosen, Path("data/crops"), shapes[chosen["row"]], margin)


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
        self.network = model.build_model(params.init).to(memory_format=torch.channels_last)
        self.average = AveragedModel(
            self.network, multi_avg_fn=ema_with_warm_up(params.ema), use_buffers=True
        )
        self.optimizer = torch.optim.AdamW(
            model.parameter_groups(self.network, params.learning_rate, params.layer_decay),
            weight_decay=params.weight_decay,
            fused=True,
        )
        transform = augment.training(
            params.augmentation, params.image_size, params.region, train_set.margin
        )
        table, shapes = train_set.table, train_set.shapes
        self.normalise = augment.normalisation()
        dataset = examples.CropDataset(train_set.folder, table, shapes, transform)
        blendable = ~np.isnan(shapes[:, 0, 0])
        self.sampler = draws.PairSampler(table, blendable, params)
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


def warm_cosine(step: int, steps: int, warmup_fraction: float) -> float:
    """Factor of the learning rate: linear from near 0 to 1, then half a cosine to 0.

    >>> [round(warm_cosine(step, 10, 0.2), 3) for step in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    warmup = round(steps * warmup_fraction)
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


Tensors = tuple[Tensor, ...] | list[Tensor]


def ema_with_warm_up(decay: float) -> Callable[[Tensors, Tensors, Tensor | int], None]:
    """How `AveragedModel` moves its weights towards those of the network after a step.

    The decay of the exponential moving average rises to `decay` over the first steps, as
    (1 + step) / (10 + step), so that the start is soon forgotten; 0 gives the network itself.
    """

    @torch.no_grad()
    def update(averages: Tensors, current: Tensors, step: Tensor | int) -> None:
        weight = 1 - min(decay, float((1 + step) / (10 + step)))
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value, weight)
            else:
                average.copy_(value)

    return update


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
    videos = scoring.video_scores(frames, params.video_score, 1.0, params.min_frames)
    of_video = table.drop_duplicates("video_id").set_index("video_id")["label"]
    return {
        "val_loss": float(loss),
        "val_frame_roc_auc": float(roc_auc_score(table["label"], logits)),
        "val_video_roc_auc": float(
            roc_auc_score(of_video.loc[videos["video_id"]], videos["score"])
        ),
    }


def _is_best(history: list[dict[str, float]]) -> bool:
    """Whether the last epoch has the highest video ROC-AUC; of equals, the lowest loss."""
    ranks = [(row["val_video_roc_auc"], -row["val_loss"]) for row in history]
    return max(ranks) == ranks[-1] and ranks.index(ranks[-1]) == len(ranks) - 1


def _key(
    train_set: CropSet, val_set: CropSet, params: TrainParams, scoring_params: ScoreParams
) -> str:
    """Names the state after all that decides the result, so another run never resumes from it."""
    digest = hashlib.sha256()
    for crops in (train_set, val_set):
        digest.update(crops.table.to_csv(index=False).encode())
    for section in (params, scoring_params):
        digest.update(section.model_dump_json().encode())
    for module in (augment, blend, data, draws, examples, model, perturbations, scoring):
        digest.update(inspect.getsource(module).encode())
    digest.update(Path(__file__).read_bytes())
    digest.update(model.init_digest(params.init).encode())
    return digest.hexdigest()[:32]


def _save_state(path: Path, run: _Run, progress: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    state = {name: getattr(run, name).state_dict() for name in STATEFUL}
    torch.save({**state, **progress}, buffer)
    files.write_bytes(path, buffer.getvalue())


def _load_state(path: Path, run: _Run) -> dict[str, Any]:
    """Progress so far, with the run brought to where it was; empty for a new run."""
    if not path.is_file():
        return {"history": []}
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name in STATEFUL:
        getattr(run, name).load_state_dict(state.pop(name))
    print(f"going on after epoch {len(state['history'])} of {run.params.epochs}", flush=True)
    return cast(dict[str, Any], state)
