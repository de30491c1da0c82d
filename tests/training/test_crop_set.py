"""Crop sets: the crops and landmarks of a split, and of a share of its originals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from deepfake.core.landmarks import NO_LANDMARKS
from deepfake.training.crop_set import read_crop_set, sample_originals, stored_version


def test_crop_set_of_a_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "splits").mkdir(parents=True)
    crops = "video_id,track,image\nd/0,0,z\nd/1,0,a\nd/1,1,b\nd/2,0,c\n"
    (tmp_path / "data" / "crops.csv").write_text(crops)
    landmarks = np.arange(4, dtype=np.float16)[:, None, None] * np.ones((68, 2), np.float16)
    np.save(tmp_path / "data" / "landmarks.npy", landmarks)
    split = "video_id,dataset,label,method,original,group\nd/1,d,1,swap,,4\n"
    (tmp_path / "data" / "splits" / "val.csv").write_text(split)
    main_tracks = read_crop_set("val", 1.2, main_track_only=True)
    assert main_tracks.table[["image", "label"]].values.tolist() == [["a", 1]]
    assert main_tracks.landmarks[:, 0, 0].tolist() == [1]
    assert main_tracks.margin == 1.2
    all_tracks = read_crop_set("val", 1.2, main_track_only=False)
    assert all_tracks.table["image"].tolist() == ["a", "b"]
    assert all_tracks.landmarks[:, 0, 0].tolist() == [1, 2]
    assert all_tracks.folder == Path("data/crops")
    np.save(tmp_path / "data" / "landmarks.npy", NO_LANDMARKS)  # self-blending is off
    assert np.isnan(read_crop_set("val", 1.2, main_track_only=True).landmarks).all()


@pytest.mark.parametrize("named", [True, False])
def test_sampled_originals_keep_their_fakes(named: bool) -> None:
    """Whether originals are named in their own row, or only by their fakes."""
    real = [f"r/{i}" for i in range(40)]
    fakes = pd.DataFrame({"video_id": [f"f/{i}" for i in range(40)], "original": real})
    originals = pd.DataFrame({"video_id": real, "original": real if named else ""})
    split = pd.concat([fakes, originals], ignore_index=True)
    assert sample_originals(split, 1.0, 0).equals(split)
    quarter, half = (
        sample_originals(split, share, 0)["video_id"].tolist() for share in (0.25, 0.5)
    )
    assert [len(quarter), len(half)] == [20, 40]
    assert set(quarter) < set(half)
    assert {name[2:] for name in half if name[0] == "f"} == {
        name[2:] for name in half if name[0] == "r"
    }
    assert half == [name for name in split["video_id"] if name in half]
    assert sample_originals(split, 0.5, 1)["video_id"].tolist() != half
    assert len(sample_originals(split, 0.001, 0)) == 2


def test_the_version_follows_the_bytes_that_dvc_saw(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    assert stored_version(lock, ["data/crops"]) == ""
    stages = {"crops": {"outs": [{"path": "data/crops", "md5": "1.dir"}, {"path": "x"}]}}
    lock.write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    assert stored_version(lock, ["data/crops", "data/landmarks.npy"]) == "1.dir "
    assert stored_version(lock, ["x"]) == ""
