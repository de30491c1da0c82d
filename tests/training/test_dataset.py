"""Training examples: they depend on their key alone, and pairs differ in nothing but the label."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from deepfake.core import archive
from deepfake.core.image import decode_image, encode_jpeg
from deepfake.core.labels import FAKE, REAL
from deepfake.core.landmarks import LandmarkTable
from deepfake.model.inputs import to_tensor
from deepfake.training.dataset import CropDataset
from deepfake.training.sampler import BLENDED, TARGET, UNCHANGED, ExampleKey
from deepfake.transforms.augmentation import training_transform
from deepfake.transforms.self_blending import self_blended

SIDE = 48
ROWS = [
    ("d/a", "0-000001.jpg", REAL),
    ("d/b", "0-000000.jpg", FAKE),
    ("d/a", "0-000004.jpg", REAL),
]


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Three crops of two videos, stored in the test's folder."""
    generator = np.random.default_rng(0)
    images: dict[str, dict[str, bytes]] = {"d/a": {}, "d/b": {}}
    for video_id, name, _ in ROWS:
        image = generator.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        images[video_id][name] = encode_jpeg(image, 95, "yuv444")
    for video_id, members in images.items():
        archive.write(tmp_path, video_id, archive.pack({"status": "ok"}, members))
    return pd.DataFrame(ROWS, columns=["video_id", "image", "label"])


def landmarks() -> LandmarkTable:
    """A round face in the REAL crops; unknown in the FAKE one."""
    angles = np.linspace(0, 2 * np.pi, 68)
    circle = SIDE / 2 + SIDE / 3 * np.column_stack([np.sin(angles), np.cos(angles)])
    return np.stack([circle, np.full((68, 2), np.nan), circle]).astype(np.float16)


def augmented(folder: Path, table: pd.DataFrame) -> CropDataset:
    return CropDataset(folder, table, landmarks(), training_transform("strong", 16, 1.0, 1.3))


KEYS = [
    ExampleKey(0, UNCHANGED, 1),
    ExampleKey(1, UNCHANGED, 2),
    ExampleKey(2, BLENDED, 3),
    ExampleKey(2, TARGET, 3),
]


def test_examples_do_not_depend_on_the_order(tmp_path: Path, table: pd.DataFrame) -> None:
    forward = [augmented(tmp_path, table)[key] for key in KEYS]
    assert [label for _, label in forward] == [REAL, FAKE, FAKE, REAL]
    dataset = augmented(tmp_path, table)
    for number in (3, 0, 2, 2, 1):
        torch.rand(number)  # draws of other code do not matter either
        image, label = dataset[KEYS[number]]
        assert torch.equal(image, forward[number][0])
        assert label == forward[number][1]


def test_examples_depend_on_the_seed(tmp_path: Path, table: pd.DataFrame) -> None:
    dataset = augmented(tmp_path, table)
    assert len(dataset) == 3
    for key in KEYS:
        assert not torch.equal(dataset[key][0], dataset[key._replace(seed=9)][0])


def test_global_generator_is_unchanged(tmp_path: Path, table: pd.DataFrame) -> None:
    dataset = augmented(tmp_path, table)
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    first = torch.rand(1)
    _ = dataset[KEYS[2]]
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


def test_image_and_label_are_of_the_same_row(tmp_path: Path, table: pd.DataFrame) -> None:
    dataset = CropDataset(tmp_path, table, landmarks(), nn.Identity())
    stored = archive.read(tmp_path / "d" / "a.tar").images
    image, label = dataset[ExampleKey(2, UNCHANGED, 0)]
    assert torch.equal(image, to_tensor(decode_image(stored["0-000004.jpg"])))
    assert label == REAL


def test_both_images_of_a_self_blended_pair(tmp_path: Path, table: pd.DataFrame) -> None:
    """They come from one call of `self_blended` with the same seed."""
    dataset = CropDataset(tmp_path, table, landmarks(), nn.Identity())
    image = decode_image(archive.read(tmp_path / "d" / "a.tar").images["0-000001.jpg"])
    rng = np.random.default_rng(5)
    target, blended = self_blended(image, landmarks()[0].astype(np.float32), rng)
    assert torch.equal(dataset[ExampleKey(0, TARGET, 5)][0], to_tensor(target))
    assert torch.equal(dataset[ExampleKey(0, BLENDED, 5)][0], to_tensor(blended))
    assert not np.array_equal(target, blended)


def test_both_crops_of_a_pair_are_augmented_alike(tmp_path: Path, table: pd.DataFrame) -> None:
    """Two crops with the same pixels stay equal under one seed, and differ under two."""
    same = table.assign(video_id="d/a", image="0-000001.jpg")
    dataset = augmented(tmp_path, same)
    for seed in range(20):
        pair = [dataset[ExampleKey(row, UNCHANGED, seed)][0] for row in (0, 1)]
        assert torch.equal(*pair)
    one, other = (dataset[ExampleKey(0, UNCHANGED, seed)][0] for seed in (0, 1))
    assert not torch.equal(one, other)
