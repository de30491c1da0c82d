"""The crops of a split, and images as tensors."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from deepfake.base.errors import ArchiveError
from deepfake.core import archive
from deepfake.core.image import encode_jpeg
from deepfake.model.inputs import select_crops, stored_images, to_tensor


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """One crop, stored in the test's folder."""
    image = encode_jpeg(np.zeros((24, 24, 3), np.uint8), 95, "yuv444")
    archive.write(tmp_path, "d/b", archive.pack({"status": "ok"}, {"0-000000.jpg": image}))
    return pd.DataFrame({"video_id": ["d/b"], "image": ["0-000000.jpg"]})


def test_missing_image_is_named(tmp_path: Path, table: pd.DataFrame) -> None:
    with pytest.raises(ArchiveError, match=r"the archive of d/b has no 9\.jpg"):
        stored_images(tmp_path, table.assign(image="9.jpg"))
    with pytest.raises(ArchiveError, match=r"none\.tar"):
        stored_images(tmp_path, table.assign(video_id="d/none"))
    assert list(stored_images(tmp_path, table[:0])) == []


def test_tensor_is_rgb_channels_first() -> None:
    image = np.zeros((8, 16, 3), np.uint8)
    image[..., 0] = 240
    found = to_tensor(image)
    assert found.dtype == torch.uint8
    assert found.shape == (3, 8, 16)
    assert found.float().mean(dim=(1, 2)).tolist() == [240, 0, 0]


def test_select_crops() -> None:
    crops = pd.DataFrame(
        {"video_id": ["a", "a", "b", "other"], "track": [0, 1, 0, 0], "image": list("wxyz")}
    )
    split = pd.DataFrame(
        {
            "video_id": ["b", "a", "none"],
            "label": [1, 0, 1],
            "dataset": "d",
            "method": "m",
            "original": ["a", "", ""],
            "group": [4, 5, 6],
        }
    )
    all_tracks = select_crops(split, crops[::-1], main_track_only=False)
    assert all_tracks[["image", "row", "label", "original", "group"]].values.tolist() == [
        ["y", 1, 1, "a", 4],
        ["x", 2, 0, "", 5],
        ["w", 3, 0, "", 5],
    ]
    assert select_crops(split, crops, main_track_only=True)["image"].tolist() == ["w", "y"]
    assert select_crops(split[:0], crops, main_track_only=True).empty
