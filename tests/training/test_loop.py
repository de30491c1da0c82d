"""Training: it learns, and neither a crash nor the number of workers changes the result."""

import errno
import math
import multiprocessing
import multiprocessing.synchronize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from deepfake.base.errors import ModelError, TrainingError
from deepfake.core import archive
from deepfake.core.image import encode_jpeg
from deepfake.core.labels import FAKE, REAL
from deepfake.model.calibration import Calibration
from deepfake.model.inputs import stored_images
from deepfake.model.logits import predict_logits
from deepfake.model.network import LOGIT_BOUND, build_model
from deepfake.params.loading import load_params
from deepfake.params.schema import DomainParams, ScoreParams, TrainParams
from deepfake.training import loop
from deepfake.training.crop_set import CropSet
from deepfake.training.dataset import CropDataset
from deepfake.training.loop import TrainingResult, TrainingRun, train
from deepfake.training.sampler import ExampleKey

SCORE_PARAMS = ScoreParams(
    video_score="mean_logit", calibration="temperature", min_frames=1, mirror=False
)
Run = Callable[..., TrainingResult]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture(autouse=True, scope="module")
def _restore_determinism() -> Iterator[None]:
    """Restore the setting that training changes for the whole process."""
    before = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(before)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[CropSet, CropSet]:
    """24 crops of 12 videos for train, 8 crops of 4 videos for val; REAL is reddish, FAKE bluish."""
    folder = tmp_path_factory.mktemp("crops")
    generator = np.random.default_rng(0)
    rows = []
    for number in range(16):
        label = number % 2
        video_id = f"{'train' if number < 12 else 'val'}/{number:02d}"
        images = {}
        for frame in range(2):
            image = generator.integers(60, 120, (32, 32, 3), np.uint8)
            image[..., 2 * label] += 100
            images[f"0-{frame:06d}.jpg"] = encode_jpeg(image, 95, "yuv444")
        archive.write(folder, video_id, archive.pack({"status": "ok"}, images))
        rows += [(video_id, name, 0, label) for name in images]
    table = pd.DataFrame(rows, columns=["video_id", "image", "track", "label"])
    table = table.assign(
        method=table["label"].map({REAL: "real", FAKE: "swap"}), original="", frame=0
    )
    in_train = table["video_id"].str.startswith("train/")
    return crop_set_of(table[in_train], folder), crop_set_of(table[~in_train], folder)


def crop_set_of(table: pd.DataFrame, folder: Path) -> CropSet:
    """The crops of a table, with the corners of a square as landmarks."""
    square = [(8 + 16 * (i % 2), 8 + 16 * (i // 2 % 2)) for i in range(68)]
    landmarks = np.broadcast_to(np.array(square, np.float16), (len(table), 68, 2))
    return CropSet(table.reset_index(drop=True), folder, landmarks, margin=1.3)


@pytest.fixture(scope="module")
def settings(repository: Path) -> TrainParams:
    changes = {
        "init": "random",
        "head": "linear",
        "image_size": 32,
        "augmentation": "light",
        "epochs": 2,
        "batch_size": 8,
        "learning_rate": 0.001,
    }
    return load_params(repository / "params.yaml").train.model_copy(update=changes)


@pytest.fixture(scope="module")
def run(
    sets: tuple[CropSet, CropSet], settings: TrainParams, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """A function that trains with changed settings, in the scratch folder of the given name."""
    top = tmp_path_factory.mktemp("scratch")

    def train_in(scratch: str, workers: int = 0, **changes: Any) -> TrainingResult:
        changed = settings.model_copy(update=changes)
        return train(*sets, changed, SCORE_PARAMS, top / scratch, workers)

    return train_in


@pytest.fixture(scope="module")
def uninterrupted(one_thread: None, run: Run) -> TrainingResult:  # noqa: ARG001
    """Two epochs in a row, without workers."""
    return run("uninterrupted")


@pytest.fixture(scope="module")
def run_domains(
    sets: tuple[CropSet, CropSet], settings: TrainParams, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """As `run`, with two domains: swaps of both labels, and photos, which are all REAL."""
    top = tmp_path_factory.mktemp("domains")
    photos = ["train/00", "train/02", "val/12"]
    with_domains = []
    for crops in sets:
        is_photo = crops.table["video_id"].isin(photos)
        table = crops.table.assign(dataset=is_photo.map({True: "photos", False: "swaps"}))
        with_domains.append(crop_set_of(table, crops.folder))
    domains = {
        "video": DomainParams(datasets=["swaps"], share=0.75, self_blended=0.0),
        "photo": DomainParams(datasets=["photos"], share=0.25, self_blended=1.0),
    }

    def train_in(scratch: str, workers: int = 0, **changes: Any) -> TrainingResult:
        changed = settings.model_copy(update={"domains": domains, **changes})
        return train(*with_domains, changed, SCORE_PARAMS, top / scratch, workers)

    return train_in


def assert_same(one: TrainingResult, other: TrainingResult) -> None:
    """Equal to the last bit."""
    assert one.best_epoch == other.best_epoch
    pd.testing.assert_frame_equal(one.history, other.history, check_exact=True)
    assert one.weights.keys() == other.weights.keys()
    assert all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())
    assert (one.val_logits == other.val_logits).all()


def test_two_colours_are_learnt(run: Run, sets: tuple[CropSet, CropSet]) -> None:
    result = run("colours", epochs=3, augmentation="none")
    losses = result.history["train_loss"].tolist()
    assert losses[-1] < losses[0] / 2
    best = result.history.iloc[result.best_epoch - 1]
    assert best["val_video_roc_auc"] == 1.0
    val = sets[1].table
    assert result.val_logits.shape == (len(val),)
    fake = (val["label"] == FAKE).to_numpy()
    assert result.val_logits[fake].min() > result.val_logits[~fake].max()


def test_sixteen_bits_learn_as_well(run: Run, sets: tuple[CropSet, CropSet]) -> None:
    """Only the training steps use bfloat16; the weights and the returned logits are float32."""
    result = run("bfloat16", epochs=3, augmentation="none", precision="bfloat16")
    exact = run("float32", epochs=3, augmentation="none", precision="float32")
    assert result.history["train_loss"].tolist() != exact.history["train_loss"].tolist()
    assert result.history["train_loss"].tolist() == pytest.approx(
        exact.history["train_loss"].tolist(), abs=0.1
    )
    assert {value.dtype for value in result.weights.values()} == {torch.float32, torch.int64}
    labels = sets[1].table["label"].to_numpy()
    assert result.val_logits[labels == FAKE].min() > result.val_logits[labels == REAL].max()


def test_history_and_weights(uninterrupted: TrainingResult) -> None:
    result = uninterrupted
    assert list(result.history.columns) == [
        *("epoch", "learning_rate", "train_loss"),
        *("val_loss", "val_frame_roc_auc", "val_video_roc_auc", "val_domain_roc_auc"),
    ]
    assert result.history["val_domain_roc_auc"].equals(result.history["val_video_roc_auc"])
    assert result.history["epoch"].tolist() == [1, 2]
    # Of six steps, three are in the first epoch; the first of all warms up.
    rates = [0.001 * 0.5 * (1 + math.cos(math.pi * (step - 1) / 5)) for step in (3, 6)]
    assert result.history["learning_rate"].tolist() == pytest.approx(rates)
    assert {value.device.type for value in result.weights.values()} == {"cpu"}
    assert result.weights["conv1.weight"].dtype == torch.float32


def test_summary(uninterrupted: TrainingResult) -> None:
    result = uninterrupted
    summary = loop.summarize_training(result, Calibration(1.5, 0.25))
    best = result.history.iloc[result.best_epoch - 1]
    assert summary["val_loss"] == best["val_loss"]
    assert summary["best_epoch"] == result.best_epoch
    assert (summary["temperature"], summary["threshold"]) == (1.5, 0.25)
    assert (summary["bias"], summary["calibrated"]) == (0, 1)
    assert "epoch" not in summary


def test_weights_are_those_of_the_best_epoch(
    run: Run, sets: tuple[CropSet, CropSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They give the returned logits, although another epoch follows."""
    monkeypatch.setattr(loop, "_is_best", lambda history: len(history) == 1)
    result = run("first is best")
    assert (result.best_epoch, len(result.history)) == (1, 2)
    network = build_model("random").to(memory_format=torch.channels_last)
    network.load_state_dict(result.weights)
    images = stored_images(sets[1].folder, sets[1].table)
    logits = predict_logits(network, images, 32)
    assert (logits == result.val_logits).all()


def test_every_epoch_reads_its_own_examples(
    sets: tuple[CropSet, CropSet], settings: TrainParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[ExampleKey] = []
    original = CropDataset.__getitem__

    def recorded(self: CropDataset, key: ExampleKey) -> tuple[torch.Tensor, int]:
        keys.append(key)
        return original(self, key)

    monkeypatch.setattr(CropDataset, "__getitem__", recorded)
    run = TrainingRun(sets[0], settings, 0)
    run.train_epoch(2)
    run.sampler.epoch = 2
    assert keys == list(run.sampler)
    run.sampler.epoch = 1
    assert keys != list(run.sampler)


def test_self_blended_images_are_learnt_from(run: Run, uninterrupted: TrainingResult) -> None:
    """Half of the pairs are blended, and the same ones in another run with the same seed."""
    result = run("blended", self_blended=0.5)
    assert result.history["train_loss"].tolist() != uninterrupted.history["train_loss"].tolist()
    assert_same(run("blended again", workers=1, self_blended=0.5), result)


def test_a_tinted_crop_has_a_bounded_logit(run: Run, sets: tuple[CropSet, CropSet]) -> None:
    """A cosine head learns as well, and no colour drives its logit beyond the bound."""
    result = run("cosine", epochs=3, augmentation="none", head="cosine")
    labels = sets[1].table["label"].to_numpy()
    assert result.val_logits[labels == FAKE].min() > result.val_logits[labels == REAL].max()
    network = build_model("random", "cosine")
    network.load_state_dict(result.weights)
    noise = np.random.default_rng(1).integers(0, 2, (32, 32, 3), np.uint8)
    tints = [255 * noise * np.array(tint, np.uint8) for tint in np.ndindex(2, 2, 2)]
    logits = predict_logits(network, [encode_jpeg(one, 95, "yuv444") for one in tints], 32)
    assert np.abs(logits).max() <= LOGIT_BOUND
    assert np.ptp(logits) > 0


def test_the_model_is_the_average(run: Run) -> None:
    """The average is near the weights of the last step, but not equal to them."""
    last, average = run("last", ema=0.0, epochs=1), run("average", ema=0.99, epochs=1)
    assert last.history["train_loss"].tolist() == average.history["train_loss"].tolist()
    one, other = last.weights["fc.weight"], average.weights["fc.weight"]
    assert not torch.equal(one, other)
    assert torch.allclose(one, other, atol=0.05)


def interrupt(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str = "interrupted", **changes: Any
) -> None:
    """Let a run end in its second epoch."""
    original = TrainingRun.train_epoch

    def interrupted(self: TrainingRun, epoch: int) -> float:
        if epoch == 1:
            raise KeyboardInterrupt
        return original(self, epoch)

    with monkeypatch.context() as patched:
        patched.setattr(TrainingRun, "train_epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(name, **changes)


def test_an_interrupted_run_resumes_with_the_same_result(
    run: Run,
    uninterrupted: TrainingResult,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupt(run, monkeypatch)
    assert "epoch 1 learning_rate " in capsys.readouterr().out
    resumed = run("interrupted")
    printed = capsys.readouterr()
    assert "resuming after epoch 1\nepoch 2 " in printed.out
    bar = [line for line in printed.err.split("\r") if line.startswith("epoch 2/2")]
    assert " 24/48 " in bar[0]  # crops of the whole run, so that its time left is shown
    assert " 48/48 " in bar[-1]
    assert_same(resumed, uninterrupted)


def assert_nearly_same(one: TrainingResult, other: TrainingResult) -> None:
    """Equal up to the rounding of sums, which the first steps of Adam enlarge."""
    assert one.best_epoch == other.best_epoch
    pd.testing.assert_frame_equal(one.history, other.history, rtol=0.01, atol=0.01)
    np.testing.assert_allclose(one.val_logits, other.val_logits, atol=0.2)


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_run_resumes_with_another_number_of_processes(
    run: Run,
    uninterrupted: TrainingResult,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    before: int,
    after: int,
) -> None:
    """Learning rates, losses and val metrics are those of one process; one process prints."""
    name = f"{before} processes"
    interrupt(run, monkeypatch, name, processes=before)
    assert multiprocessing.active_children() == []
    assert capsys.readouterr().out.count("epoch 1 learning_rate ") == 1
    resumed = run(name, processes=after)
    assert "resuming after epoch 1\nepoch 2 " in capsys.readouterr().out
    assert_nearly_same(resumed, uninterrupted)


def test_an_interrupted_run_with_domains_resumes_with_the_same_result(
    run_domains: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history has the ROC-AUC of each domain: of the photos, that of blended crops."""
    interrupt(run_domains, monkeypatch)
    resumed = run_domains("interrupted", workers=1)
    assert_same(resumed, run_domains("uninterrupted"))
    history = resumed.history
    assert list(history.columns)[-3:] == [
        *("val_domain_roc_auc", "val_roc_auc_video", "val_roc_auc_photo")
    ]
    mean = (history["val_roc_auc_video"] + history["val_roc_auc_photo"]) / 2
    assert history["val_domain_roc_auc"].tolist() == pytest.approx(mean.tolist())
    assert resumed.best_epoch == 1 + int(history["val_domain_roc_auc"].argmax())


def test_a_finished_run_is_not_trained_again(
    run: Run, uninterrupted: TrainingResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainingRun, "train_epoch", lambda *_: pytest.fail("trained again"))
    assert_same(run("uninterrupted"), uninterrupted)


def test_the_number_of_workers_does_not_change_the_result(
    run: Run, uninterrupted: TrainingResult
) -> None:
    assert_same(run("worker", workers=1), uninterrupted)


def test_batches_need_no_shared_memory(
    sets: tuple[CropSet, CropSet], settings: TrainParams
) -> None:
    """Loading processes put tensors in /dev/shm, which is small in a container, but not arrays."""
    crops, labels = next(iter(TrainingRun(sets[0], settings, workers=0).loader))
    assert (type(crops), crops.dtype, crops.shape[:2]) == (np.ndarray, np.uint8, (8, 3))
    assert (type(labels), labels.shape) == (np.ndarray, (8,))


def test_without_semaphores_the_training_process_loads_the_crops(
    run: Run,
    uninterrupted: TrainingResult,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As in a container without /dev/shm."""

    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(multiprocessing.synchronize.SemLock, "__init__", refuse)
    assert_same(run("no semaphores", workers=1), uninterrupted)
    (note,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note")]
    assert "semaphores cannot be created (No such file or directory): mount /dev/shm" in note


def test_initial_weights_and_examples_depend_on_the_seed(
    sets: tuple[CropSet, CropSet], settings: TrainParams
) -> None:
    runs = [
        TrainingRun(sets[0], settings.model_copy(update={"seed": seed}), 0) for seed in (0, 0, 1)
    ]
    heads = [run.network.state_dict()["fc.weight"] for run in runs]
    keys = [list(run.sampler) for run in runs]
    assert torch.equal(heads[0], heads[1])
    assert keys[0] == keys[1]
    assert not torch.equal(heads[0], heads[2])
    assert keys[0] != keys[2]


@pytest.mark.parametrize("rows", ["label == 0", "label == 1", "label == 2"])
@pytest.mark.parametrize("split", ["train", "val"])
def test_one_label_is_not_enough(
    sets: tuple[CropSet, CropSet], settings: TrainParams, tmp_path: Path, split: str, rows: str
) -> None:
    crop_sets = {
        name: crop_set_of(crops.table.query(rows), crops.folder) if name == split else crops
        for name, crops in zip(("train", "val"), sets, strict=True)
    }
    count = len(crop_sets[split].table)
    labels = 0 if rows == "label == 2" else 1
    with pytest.raises(TrainingError, match=rf"{split} split has {count} crops of {labels} label"):
        train(crop_sets["train"], crop_sets["val"], settings, SCORE_PARAMS, tmp_path, 0)


def test_val_without_scored_videos_is_an_error(
    sets: tuple[CropSet, CropSet], settings: TrainParams, tmp_path: Path
) -> None:
    """No person is in three frames, so there is no score to choose the checkpoint by."""
    score_params = SCORE_PARAMS.model_copy(update={"min_frames": 3})
    with pytest.raises(TrainingError, match=r"the val split .* score\.min_frames = 3 frames"):
        train(*sets, settings.model_copy(update={"epochs": 1}), score_params, tmp_path, 0)


def test_missing_initial_weights_are_an_error(run: Run) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors"):
        run("no weights", init="none.safetensors")


@pytest.mark.parametrize(
    ("ranks", "losses", "is_best"),
    [
        ([0.5], [1.0], True),
        ([0.5, 0.6], [1.0, 2.0], True),
        ([0.6, 0.5], [1.0, 0.1], False),
        ([0.6, 0.6], [1.0, 0.9], True),
        ([0.6, 0.6], [0.9, 1.0], False),
        ([0.6, 0.6], [0.9, 0.9], False),  # a tie: the first
    ],
)
def test_best_epoch(ranks: list[float], losses: list[float], is_best: bool) -> None:
    rows = zip(ranks, losses, strict=True)
    history = [{"val_domain_roc_auc": rank, "val_loss": loss} for rank, loss in rows]
    assert loop._is_best(history) == is_best
