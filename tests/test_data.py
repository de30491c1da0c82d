"""Crops as tensors: an item is the same whatever was asked before, draws are balanced."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from deepfake import archive, augment
from deepfake.data import BalancedSampler, CropDataset, select_crops, stored_images, to_tensor
from deepfake.errors import ArchiveError
from deepfake.image import encode_jpeg


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Three crops of two videos, stored below the test's folder."""
    rows = [("d/a", "0-000001.jpg", 0), ("d/b", "0-000000.jpg", 1), ("d/a", "0-000004.jpg", 0)]
    generator = np.random.default_rng(0)
    images: dict[str, dict[str, bytes]] = {"d/a": {}, "d/b": {}}
    for video_id, name, _ in rows:
        image = generator.integers(0, 256, (24, 24, 3), np.uint8)
        images[video_id][name] = encode_jpeg(image, 95, "4:4:4")
    for video_id, members in images.items():
        archive.write(tmp_path, video_id, archive.pack({"status": "ok"}, members))
    return pd.DataFrame(rows, columns=["video_id", "image", "label"])


def dataset(folder: Path, table: pd.DataFrame, seed: int = 3) -> CropDataset:
    return CropDataset(folder, table, augment.training("strong", 16), seed)


def test_items_do_not_depend_on_the_order(tmp_path: Path, table: pd.DataFrame) -> None:
    forward = {index: dataset(tmp_path, table)[index] for index in range(6)}
    crops = dataset(tmp_path, table)
    for index in (5, 0, 3, 3, 1, 4, 2):
        torch.rand(index)  # what others draw does not matter either
        image, label = crops[index]
        assert torch.equal(image, forward[index][0])
        assert label == forward[index][1] == [0, 1, 0][index % 3]


def test_items_differ_between_epochs_and_seeds(tmp_path: Path, table: pd.DataFrame) -> None:
    crops = dataset(tmp_path, table)
    assert len(crops) == 3
    for item in range(3):
        assert not torch.equal(crops[item][0], crops[item + 3][0])
        assert not torch.equal(crops[item][0], dataset(tmp_path, table, seed=4)[item][0])


def test_items_leave_the_global_generator_alone(tmp_path: Path, table: pd.DataFrame) -> None:
    crops = dataset(tmp_path, table)
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    first = torch.rand(1)
    _ = crops[1]
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


def test_images_stand_beside_their_labels(tmp_path: Path, table: pd.DataFrame) -> None:
    crops = CropDataset(tmp_path, table, nn.Identity(), 0)
    stored = archive.read(tmp_path / "d" / "a.tar").images
    assert torch.equal(crops[2][0], to_tensor(stored["0-000004.jpg"]))
    assert [crops[i][1] for i in range(3)] == [0, 1, 0]


def test_missing_image_is_named(tmp_path: Path, table: pd.DataFrame) -> None:
    with pytest.raises(ArchiveError, match=r"the archive of d/b has no 9\.jpg"):
        stored_images(tmp_path, table.assign(image="9.jpg")[1:])
    with pytest.raises(ArchiveError, match=r"none\.tar"):
        stored_images(tmp_path, table.assign(video_id="d/none"))
    assert list(stored_images(tmp_path, table[:0])) == []


def test_tensor_is_rgb_channels_first() -> None:
    image = np.zeros((8, 16, 3), np.uint8)
    image[..., 0] = 240
    found = to_tensor(encode_jpeg(image, 100, "4:4:4"))
    assert found.dtype == torch.uint8
    assert found.shape == (3, 8, 16)
    assert found.float().mean(dim=(1, 2)).tolist() == pytest.approx([240, 0, 0], abs=3)


def test_select_crops() -> None:
    crops = pd.DataFrame(
        {"video_id": ["a", "a", "b", "other"], "track": [0, 1, 0, 0], "image": list("wxyz")}
    )
    split = pd.DataFrame(
        {"video_id": ["b", "a", "none"], "label": [1, 0, 1], "method": "m", "group": [4, 5, 6]}
    )
    everybody = select_crops(split, crops, main_track_only=False)
    assert everybody[["image", "label", "group"]].values.tolist() == [
        ["w", 0, 5],
        ["x", 0, 5],
        ["y", 1, 4],
    ]
    assert select_crops(split, crops, main_track_only=True)["image"].tolist() == ["w", "y"]
    assert select_crops(split[:0], crops, main_track_only=True).empty


def imbalanced() -> pd.DataFrame:
    """REAL to FAKE as 1 to 4 in crops, and videos of very different lengths."""
    lengths = {"r0": 10, "r1": 90, "f0": 20, "f1": 180, "f2": 200}
    rows = [(video, int(video[0] == "f")) for video, count in lengths.items() for _ in range(count)]
    return pd.DataFrame(rows, columns=["video_id", "label"])


def test_labels_and_videos_are_drawn_evenly() -> None:
    table = imbalanced()
    sampler = BalancedSampler(table, 0)
    assert len(sampler) == 500
    drawn: Counter[str] = Counter()
    for epoch in range(20):
        sampler.epoch = epoch
        items = list(sampler)
        assert len(items) == 500
        assert all(epoch * 500 <= item < (epoch + 1) * 500 for item in items)
        drawn.update(table["video_id"].iloc[item % 500] for item in items)
    shares = {video: count / 10_000 for video, count in drawn.items()}
    expected = {"r0": 1 / 4, "r1": 1 / 4, "f0": 1 / 6, "f1": 1 / 6, "f2": 1 / 6}
    assert shares == pytest.approx(expected, abs=0.02)  # five standard deviations


def test_draws_follow_seed_and_epoch() -> None:
    def drawn(seed: int, epoch: int) -> list[int]:
        sampler = BalancedSampler(imbalanced(), seed)
        sampler.epoch = epoch
        return [item - epoch * 500 for item in sampler]

    assert drawn(0, 0) == drawn(0, 0)
    assert drawn(0, 0) != drawn(0, 1)
    assert drawn(0, 0) != drawn(7, 0)
