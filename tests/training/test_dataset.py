"""Examples of training: the same whatever was asked before, and pairs that differ in the label only."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from deepfake.core import archive
from deepfake.core.image import decode_image, encode_jpeg
from deepfake.model.inputs import to_tensor
from deepfake.training.dataset import CropDataset
from deepfake.training.sampler import BLENDED, TARGET, WHOLE, Draw
from deepfake.transforms import augmentation
from deepfake.transforms.self_blending import self_blended

SIDE = 48
ROWS = [("d/a", "0-000001.jpg", 0), ("d/b", "0-000000.jpg", 1), ("d/a", "0-000004.jpg", 0)]


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Three crops of two videos, stored below the test's folder."""
    generator = np.random.default_rng(0)
    images: dict[str, dict[str, bytes]] = {"d/a": {}, "d/b": {}}
    for video_id, name, _ in ROWS:
        image = generator.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        images[video_id][name] = encode_jpeg(image, 95, "4:4:4")
    for video_id, members in images.items():
        archive.write(tmp_path, video_id, archive.pack({"status": "ok"}, members))
    return pd.DataFrame(ROWS, columns=["video_id", "image", "label"])


def landmarks() -> "np.ndarray[tuple[int, ...], np.dtype[np.float16]]":
    """A round face in the REAL crops; nothing is known of the FAKE one."""
    angles = np.linspace(0, 2 * np.pi, 68)
    circle = SIDE / 2 + SIDE / 3 * np.column_stack([np.sin(angles), np.cos(angles)])
    return np.stack([circle, np.full((68, 2), np.nan), circle]).astype(np.float16)


def dataset(folder: Path, table: pd.DataFrame, preset: str = "strong") -> CropDataset:
    return CropDataset(folder, table, landmarks(), augmentation.training(preset, 16, 1.0, 1.3))


DRAWS = [Draw(0, WHOLE, 1), Draw(1, WHOLE, 2), Draw(2, BLENDED, 3), Draw(2, TARGET, 3)]


def test_examples_do_not_depend_on_the_order(tmp_path: Path, table: pd.DataFrame) -> None:
    forward = [dataset(tmp_path, table)[draw] for draw in DRAWS]
    assert [label for _, label in forward] == [0, 1, 1, 0]
    crops = dataset(tmp_path, table)
    for number in (3, 0, 2, 2, 1):
        torch.rand(number)  # what others draw does not matter either
        image, label = crops[DRAWS[number]]
        assert torch.equal(image, forward[number][0])
        assert label == forward[number][1]


def test_examples_follow_the_seed(tmp_path: Path, table: pd.DataFrame) -> None:
    crops = dataset(tmp_path, table)
    assert len(crops) == 3
    for draw in DRAWS:
        assert not torch.equal(crops[draw][0], crops[draw._replace(seed=9)][0])


def test_examples_leave_the_global_generator_alone(tmp_path: Path, table: pd.DataFrame) -> None:
    crops = dataset(tmp_path, table)
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    first = torch.rand(1)
    _ = crops[DRAWS[2]]
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


def test_images_stand_beside_their_labels(tmp_path: Path, table: pd.DataFrame) -> None:
    crops = CropDataset(tmp_path, table, landmarks(), nn.Identity())
    stored = archive.read(tmp_path / "d" / "a.tar").images
    found, label = crops[Draw(2, WHOLE, 0)]
    assert torch.equal(found, to_tensor(decode_image(stored["0-000004.jpg"])))
    assert label == 0


def test_both_halves_of_a_blended_pair(tmp_path: Path, table: pd.DataFrame) -> None:
    """They are those of one call of `self_blended`, augmented alike."""
    crops = CropDataset(tmp_path, table, landmarks(), nn.Identity())
    image = decode_image(archive.read(tmp_path / "d" / "a.tar").images["0-000001.jpg"])
    rng = np.random.default_rng(5)
    target, blended = self_blended(image, landmarks()[0].astype(np.float32), rng)
    assert torch.equal(crops[Draw(0, TARGET, 5)][0], to_tensor(target))
    assert torch.equal(crops[Draw(0, BLENDED, 5)][0], to_tensor(blended))
    assert not np.array_equal(target, blended)


def test_a_pair_is_augmented_alike(tmp_path: Path, table: pd.DataFrame) -> None:
    """Two crops of the same pixels stay the same under one seed, and do not under two."""
    same = table.assign(video_id="d/a", image="0-000001.jpg")
    crops = dataset(tmp_path, same)
    for seed in range(20):
        pair = [crops[Draw(row, WHOLE, seed)][0] for row in (0, 1)]
        assert torch.equal(*pair)
    assert not torch.equal(crops[Draw(0, WHOLE, 0)][0], crops[Draw(0, WHOLE, 1)][0])
