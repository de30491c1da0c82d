"""Training: it learns, and neither a crash nor the number of workers changes the outcome."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.optim.swa_utils import AveragedModel

from deepfake.base.errors import ModelError, TrainingError
from deepfake.core import archive
from deepfake.core.image import encode_jpeg
from deepfake.core.landmarks import NO_LANDMARKS
from deepfake.model.calibration import Calibration
from deepfake.model.inputs import stored_images
from deepfake.model.network import build_model
from deepfake.model.scores import predict_logits
from deepfake.params.loading import load_params
from deepfake.params.schema import ScoreParams, TrainParams
from deepfake.training import crop_set, loop, schedule, state
from deepfake.training.crop_set import CropSet
from deepfake.training.dataset import CropDataset
from deepfake.training.loop import Trained, train
from deepfake.training.sampler import Draw
from deepfake.training.schedule import warm_cosine

SCORE = ScoreParams(video_score="mean_logit", min_frames=1)
Run = Callable[..., Trained]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True, scope="module")
def _restored_switches() -> Iterator[None]:
    """Training makes torch deterministic for the whole process."""
    before = torch.are_deterministic_algorithms_enabled()
    yield
    torch.use_deterministic_algorithms(before)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[CropSet, CropSet]:
    """24 crops of 12 videos to train on, 8 of 4 for val: REAL is reddish, FAKE bluish."""
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
            images[f"0-{frame:06d}.jpg"] = encode_jpeg(image, 95, "4:4:4")
        archive.write(folder, video_id, archive.pack({"status": "ok"}, images))
        rows += [(video_id, name, 0, label) for name in images]
    table = pd.DataFrame(rows, columns=["video_id", "image", "track", "label"])
    table = table.assign(method=table["label"].map({0: "real", 1: "swap"}), original="", frame=0)
    of_train = table["video_id"].str.startswith("train/")
    one, other = (crop_set_of(half, folder) for half in (table[of_train], table[~of_train]))
    return one, other


def crop_set_of(table: pd.DataFrame, folder: Path) -> CropSet:
    """With a square for a face."""
    square = [(8 + 16 * (i % 2), 8 + 16 * (i // 2 % 2)) for i in range(68)]
    landmarks = np.broadcast_to(np.array(square, np.float16), (len(table), 68, 2))
    return CropSet(table.reset_index(drop=True), folder, landmarks, margin=1.3)


@pytest.fixture(scope="module")
def settings(repository: Path) -> TrainParams:
    changes = {
        "init": "random",
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
    """A function that trains with some settings changed, in a scratch folder by name."""
    top = tmp_path_factory.mktemp("scratch")

    def trained(scratch: str, workers: int = 0, **changes: Any) -> Trained:
        changed = settings.model_copy(update=changes)
        return train(*sets, changed, SCORE, top / scratch, workers)

    return trained


@pytest.fixture(scope="module")
def undisturbed(one_thread: None, run: Run) -> Trained:  # noqa: ARG001
    """Two epochs in a row, without workers."""
    return run("undisturbed")


def assert_same(one: Trained, other: Trained) -> None:
    """Bit by bit."""
    assert one.best_epoch == other.best_epoch
    pd.testing.assert_frame_equal(one.history, other.history, check_exact=True)
    assert one.weights.keys() == other.weights.keys()
    assert all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())
    assert (one.val_logits == other.val_logits).all()


def test_two_colours_are_learnt(run: Run, sets: tuple[CropSet, CropSet]) -> None:
    found = run("colours", epochs=3, augmentation="none")
    losses = found.history["train_loss"].tolist()
    assert losses[-1] < losses[0] / 2
    best = found.history.iloc[found.best_epoch - 1]
    assert best["val_video_roc_auc"] == 1.0
    val = sets[1].table
    assert found.val_logits.shape == (len(val),)
    fake = (val["label"] == 1).to_numpy()
    assert found.val_logits[fake].min() > found.val_logits[~fake].max()


def test_sixteen_bits_learn_as_well(run: Run, sets: tuple[CropSet, CropSet]) -> None:
    """The steps round, the model and its logits are float32."""
    found = run("bfloat16", epochs=3, augmentation="none", precision="bfloat16")
    exact = run("float32", epochs=3, augmentation="none", precision="float32")
    assert found.history["train_loss"].tolist() != exact.history["train_loss"].tolist()
    assert found.history["train_loss"].tolist() == pytest.approx(
        exact.history["train_loss"].tolist(), abs=0.1
    )
    assert {value.dtype for value in found.weights.values()} == {torch.float32, torch.int64}
    labels = sets[1].table["label"].to_numpy()
    assert found.val_logits[labels == 1].min() > found.val_logits[labels == 0].max()


def test_history_and_weights(undisturbed: Trained) -> None:
    found = undisturbed
    assert list(found.history.columns) == [
        *("epoch", "learning_rate", "train_loss"),
        *("val_loss", "val_frame_roc_auc", "val_video_roc_auc"),
    ]
    assert found.history["epoch"].tolist() == [1, 2]
    # Three steps of six are done after the first epoch, six after the second; one warms up.
    rates = [0.001 * 0.5 * (1 + math.cos(math.pi * (step - 1) / 5)) for step in (3, 6)]
    assert found.history["learning_rate"].tolist() == pytest.approx(rates)
    assert {value.device.type for value in found.weights.values()} == {"cpu"}
    assert found.weights["conv1.weight"].dtype == torch.float32


def test_summary(undisturbed: Trained) -> None:
    found = undisturbed
    summary = loop.summary(found, Calibration(1.5, 0.25))
    best = found.history.iloc[found.best_epoch - 1]
    assert summary["val_loss"] == best["val_loss"]
    assert summary["best_epoch"] == found.best_epoch
    assert (summary["temperature"], summary["threshold"]) == (1.5, 0.25)
    assert "epoch" not in summary


def test_weights_are_those_of_the_best_epoch(
    run: Run, sets: tuple[CropSet, CropSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They give the logits that were returned, although another epoch came after."""
    monkeypatch.setattr(loop, "_is_best", lambda history: len(history) == 1)
    found = run("first is best")
    assert (found.best_epoch, len(found.history)) == (1, 2)
    network = build_model("random").to(memory_format=torch.channels_last)
    network.load_state_dict(found.weights)
    images = stored_images(sets[1].folder, sets[1].table)
    logits = predict_logits(network, images, 32)
    assert (logits == found.val_logits).all()


def test_every_epoch_has_its_own_draws(
    sets: tuple[CropSet, CropSet], settings: TrainParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Draw] = []
    original = CropDataset.__getitem__

    def noted(self: CropDataset, draw: Draw) -> tuple[torch.Tensor, int]:
        asked.append(draw)
        return original(self, draw)

    monkeypatch.setattr(CropDataset, "__getitem__", noted)
    run = loop._Run(sets[0], settings, 0)
    run.epoch(2)
    run.sampler.epoch = 2
    assert asked == list(run.sampler)
    run.sampler.epoch = 1
    assert asked != list(run.sampler)


def test_self_blended_images_are_learnt_from(run: Run, undisturbed: Trained) -> None:
    """Half of the pairs are blended; which crops they are made of follows the seed."""
    found = run("blended", self_blended=0.5)
    assert found.history["train_loss"].tolist() != undisturbed.history["train_loss"].tolist()
    assert_same(run("blended again", workers=1, self_blended=0.5), found)


def test_the_model_is_the_average(run: Run) -> None:
    """After the last of six steps: weights between those with and without an average."""
    last, average = run("last", ema=0.0, epochs=1), run("average", ema=0.99, epochs=1)
    assert last.history["train_loss"].tolist() == average.history["train_loss"].tolist()
    one, other = last.weights["fc.weight"], average.weights["fc.weight"]
    assert not torch.equal(one, other)
    assert torch.allclose(one, other, atol=0.05)


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_average_by_hand(decay: float) -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    average = AveragedModel(network, multi_avg_fn=schedule.ema_with_warm_up(decay))
    expected = 0.0
    for step, value in enumerate([1.0, 2.0, 5.0]):
        torch.nn.init.constant_(network.weight, value)
        average.update_parameters(network)
        kept = min(decay, (1 + step) / (10 + step)) if step else 0.0  # it begins as a copy
        expected = kept * expected + (1 - kept) * value
    assert float(average.module.weight.detach()) == pytest.approx(expected)


def test_a_killed_run_ends_like_an_undisturbed_one(
    run: Run,
    undisturbed: Trained,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    original = loop._Run.epoch

    def killed(self: loop._Run, epoch: int) -> float:
        if epoch == 1:
            raise KeyboardInterrupt
        return original(self, epoch)

    with monkeypatch.context() as patched:
        patched.setattr(loop._Run, "epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            run("killed")
    assert "epoch 1 learning_rate " in capsys.readouterr().out
    resumed = run("killed")
    assert "resuming after epoch 1\nepoch 2 " in capsys.readouterr().out
    assert_same(resumed, undisturbed)


def test_a_finished_run_is_not_trained_again(
    run: Run, undisturbed: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop._Run, "epoch", lambda *_: pytest.fail("trained again"))
    assert_same(run("undisturbed"), undisturbed)


def test_workers_do_not_matter(run: Run, undisturbed: Trained) -> None:
    assert_same(run("worker", workers=1), undisturbed)


def test_start_and_draws_follow_the_seed(
    sets: tuple[CropSet, CropSet], settings: TrainParams
) -> None:
    runs = [loop._Run(sets[0], settings.model_copy(update={"seed": seed}), 0) for seed in (0, 0, 1)]
    heads = [run.network.state_dict()["fc.weight"] for run in runs]
    draws = [list(run.sampler) for run in runs]
    assert torch.equal(heads[0], heads[1])
    assert draws[0] == draws[1]
    assert not torch.equal(heads[0], heads[2])
    assert draws[0] != draws[2]


def test_other_inputs_never_resume(
    sets: tuple[CropSet, CropSet], settings: TrainParams, tmp_path: Path
) -> None:
    """The name of the state follows everything that decides the result."""
    train_set, val_set = sets
    fewer = dataclasses.replace(val_set, table=val_set.table[:-1])
    longer = settings.model_copy(update={"epochs": 9})
    two_frames = SCORE.model_copy(update={"min_frames": 2})

    def path(
        crop_sets: tuple[CropSet, CropSet] = sets,
        params: tuple[TrainParams, ScoreParams] = (settings, SCORE),
        code: str = "code",
        weights: str = "weights",
    ) -> Path:
        return state.state_path(tmp_path, crop_sets, params, code, weights)

    others = [
        path((val_set, train_set)),
        path((train_set, fewer)),
        path(params=(longer, SCORE)),
        path(params=(settings, two_frames)),
        path(code="other code"),
        path(weights="other weights of the same name"),
    ]
    assert path() == path()
    assert len({path(), *others}) == 7


@pytest.mark.parametrize("rows", ["label == 0", "label == 1", "label == 2"])
@pytest.mark.parametrize("split", ["train", "val"])
def test_one_label_is_not_enough(
    sets: tuple[CropSet, CropSet], settings: TrainParams, tmp_path: Path, split: str, rows: str
) -> None:
    wrong = {
        name: crop_set_of(crops.table.query(rows), crops.folder) if name == split else crops
        for name, crops in zip(("train", "val"), sets, strict=True)
    }
    count = len(wrong[split].table)
    labels = 0 if rows == "label == 2" else 1
    with pytest.raises(TrainingError, match=rf"{split} split has {count} crops of {labels} label"):
        train(wrong["train"], wrong["val"], settings, SCORE, tmp_path, 0)


def test_val_videos_that_cannot_be_judged_are_told(
    sets: tuple[CropSet, CropSet], settings: TrainParams, tmp_path: Path
) -> None:
    """Nobody is seen in three frames: there is no score to choose a checkpoint by."""
    score = SCORE.model_copy(update={"min_frames": 3})
    with pytest.raises(TrainingError, match="val"):
        train(*sets, settings.model_copy(update={"epochs": 1}), score, tmp_path, 0)


def test_unknown_start_is_told(run: Run) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors"):
        run("unknown", init="none.safetensors")


@pytest.mark.parametrize(
    ("ranks", "losses", "is_best"),
    [
        ([0.5], [1.0], True),
        ([0.5, 0.6], [1.0, 2.0], True),
        ([0.6, 0.5], [1.0, 0.1], False),
        ([0.6, 0.6], [1.0, 0.9], True),
        ([0.6, 0.6], [0.9, 1.0], False),
        ([0.6, 0.6], [0.9, 0.9], False),  # of equals the first
    ],
)
def test_best_epoch(ranks: list[float], losses: list[float], is_best: bool) -> None:
    rows = zip(ranks, losses, strict=True)
    history = [{"val_video_roc_auc": rank, "val_loss": loss} for rank, loss in rows]
    assert loop._is_best(history) == is_best


@pytest.mark.parametrize(
    ("step", "steps", "warmup", "factor"),
    [
        (0, 100, 0.1, 0.1),
        (9, 100, 0.1, 1.0),
        (10, 100, 0.1, 1.0),
        (55, 100, 0.1, 0.5),
        (100, 100, 0.1, 0.0),
        (0, 10, 0.0, 1.0),
        (5, 10, 0.0, 0.5),
        (4, 10, 1.0, 0.5),
        (10, 10, 1.0, 1.0),  # all steps warm up; the one after the last is never made
    ],
)
def test_learning_rate_by_hand(step: int, steps: int, warmup: float, factor: float) -> None:
    assert warm_cosine(step, steps, warmup) == pytest.approx(factor)


def test_crop_set_of_a_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "splits").mkdir(parents=True)
    crops = "video_id,track,image\nd/0,0,z\nd/1,0,a\nd/1,1,b\nd/2,0,c\n"
    (tmp_path / "data" / "crops.csv").write_text(crops)
    landmarks = np.arange(4, dtype=np.float16)[:, None, None] * np.ones((68, 2), np.float16)
    np.save(tmp_path / "data" / "landmarks.npy", landmarks)
    split = "video_id,dataset,label,method,original,group\nd/1,d,1,swap,,4\n"
    (tmp_path / "data" / "splits" / "val.csv").write_text(split)
    main = crop_set.read_crop_set("val", 1.2, main_track_only=True)
    assert main.table[["image", "label"]].values.tolist() == [["a", 1]]
    assert main.landmarks[:, 0, 0].tolist() == [1]
    assert main.margin == 1.2
    everybody = crop_set.read_crop_set("val", 1.2, main_track_only=False)
    assert everybody.table["image"].tolist() == ["a", "b"]
    assert everybody.landmarks[:, 0, 0].tolist() == [1, 2]
    assert everybody.folder == Path("data/crops")
    np.save(tmp_path / "data" / "landmarks.npy", NO_LANDMARKS)  # of a stage without a use for them
    assert np.isnan(crop_set.read_crop_set("val", 1.2, main_track_only=True).landmarks).all()
