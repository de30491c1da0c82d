"""The crops stage: one archive per video, one row per crop, and the coverage."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import InProcessWorker, execution

from deepfake.base.errors import ArchiveError, TooManyFailuresError
from deepfake.core import archive
from deepfake.core.image import Image, encode_jpeg
from deepfake.faces import cropping, crops
from deepfake.jobs import pool
from deepfake.jobs.step import Failure
from deepfake.params.schema import CropsParams, Params

Calls = list[str]


def manifest(*names: str) -> pd.DataFrame:
    """Rows of videos with different contents; a broken video has no content."""
    contents = ["" if name == "broken" else name.encode().hex().ljust(64, "0") for name in names]
    return pd.DataFrame({"video_id": [f"d/{name}" for name in names], "sha256": contents})


MANIFEST = manifest("face", "empty", "broken")


@pytest.fixture
def settings(params: Params) -> CropsParams:
    """As in params.yaml, but up to 34 % of the videos may have no face."""
    return params.crops.model_copy(update={"max_no_face_fraction": 0.34, "detect_size": 260})


@pytest.fixture
def frames(in_threads: Path, astronaut: Image) -> Path:
    """Frame archives of videos: a face in 2 of 3 frames, no face, unreadable, another face."""
    folder = in_threads / "frames"
    face = encode_jpeg(np.ascontiguousarray(astronaut[:260, 90:350]), 95, "yuv444")
    wall = encode_jpeg(np.full((260, 260, 3), 99, np.uint8), 95, "yuv444")
    videos = {
        "d/face": ("ok", [face, wall, face]),
        "d/empty": ("ok", [wall]),
        "d/broken": ("unreadable", []),
        "d/new": ("ok", [face]),
    }
    for video_id, (status, images) in videos.items():
        members = {f"{7 * i:06d}.jpg": data for i, data in enumerate(images)}
        archive.write(folder, video_id, archive.pack({"status": status}, members))
    return folder


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Names of the archives for which `crop_archive` is called, in order."""
    names: Calls = []
    original = cropping.crop_archive

    @functools.wraps(original)
    def counted(path: Path, **kwargs: Any) -> bytes:
        names.append(path.stem)
        return original(path, **kwargs)

    monkeypatch.setattr(cropping, "crop_archive", counted)
    return names


def test_rows_archives_and_coverage(frames: Path, tmp_path: Path, settings: CropsParams) -> None:
    out = tmp_path / "crops"
    table, videos = crops.extract_crops(MANIFEST, frames, out, settings, execution())
    assert list(table.columns) == crops.COLUMNS
    assert table[["video_id", "frame", "track", "image"]].values.tolist() == [
        ["d/face", 0, 0, "0-000000.jpg"],
        ["d/face", 14, 0, "0-000014.jpg"],
    ]
    assert all(len(box.split()) == 4 for box in table["box"])
    assert all(len(points.split()) == 10 for points in table["landmarks"])
    assert videos.values.tolist() == [
        ["d/face", "ok", "", 1, 0, 3, 2],
        ["d/empty", "no_face", "no face in any of its frames", 0, 0, 1, 0],
        ["d/broken", "no_frames", "no frames, see data/failures.csv", 0, 0, 0, 0],
    ]
    assert list(archive.read(out / "d" / "face.tar").images) == table["image"].tolist()
    assert crops.coverage(table, videos) == {
        "videos": 3,
        "ok": 1,
        "no_face": 1,
        "no_frames": 1,
        "failed": 0,
        "video_coverage": 1 / 3,
        "frame_coverage": 2 / 4,
        "crops": 2,
        "videos_with_several_people": 0,
        "dropped_tracks": 0,
    }


def test_too_many_videos_without_a_face_stop_the_stage(
    frames: Path, tmp_path: Path, settings: CropsParams, capsys: pytest.CaptureFixture[str]
) -> None:
    _, videos = crops.extract_crops(MANIFEST, frames, tmp_path / "crops", settings, execution())
    crops.report_no_face(videos, 0.34)
    assert "  d/empty: no_face, no face in any of its frames\n" in capsys.readouterr().out
    with pytest.raises(
        TooManyFailuresError, match=r"crops\.max_no_face_fraction allows a fraction of 0\.3"
    ):
        crops.report_no_face(videos, 0.3)


def test_a_video_that_times_out_is_a_row(
    frames: Path, tmp_path: Path, settings: CropsParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = Failure("timed_out", "timed out after 600 seconds")
    monkeypatch.setattr(pool, "Worker", lambda _: FailingWorker(failure))
    out = tmp_path / "crops"
    table, videos = crops.extract_crops(manifest("face"), frames, out, settings, execution())
    assert table.empty
    assert videos["status"].tolist() == ["timed_out"]
    assert videos["reason"].tolist() == ["timed out after 600 seconds"]
    assert crops.coverage(table, videos)["failed"] == 1
    with pytest.raises(TooManyFailuresError, match="d/face: timed_out"):
        crops.report_no_face(videos, 0.5)


class FailingWorker(InProcessWorker):
    """A worker that fails with every video."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure

    def run(self, *_: object) -> Failure:
        return self.failure


def test_without_any_face_the_table_keeps_its_columns(
    frames: Path, tmp_path: Path, settings: CropsParams
) -> None:
    lenient = settings.model_copy(update={"max_no_face_fraction": 1.0})
    table, videos = crops.extract_crops(
        MANIFEST[1:], frames, tmp_path / "crops", lenient, execution()
    )
    assert table.empty
    assert list(table.columns) == crops.COLUMNS
    counts = crops.coverage(table, videos)
    assert (counts["video_coverage"], counts["frame_coverage"], counts["crops"]) == (0, 0, 0)


def test_damaged_frames_are_named(frames: Path, tmp_path: Path, settings: CropsParams) -> None:
    (frames / "d" / "face.tar").write_bytes(b"damaged")
    with pytest.raises(ArchiveError, match=r"face\.tar is not a complete archive"):
        crops.extract_crops(MANIFEST, frames, tmp_path / "crops", settings, execution())


@pytest.mark.slow
def test_only_new_videos_are_computed(
    frames: Path, tmp_path: Path, settings: CropsParams, calls: Calls
) -> None:
    def run(*names: str, **changes: Any) -> list[str]:
        calls.clear()
        changed = settings.model_copy(update=changes)
        crops.extract_crops(manifest(*names), frames, tmp_path / "crops", changed, execution())
        return calls

    assert run("face", "broken") == ["face", "broken"]
    assert run("face", "broken", max_no_face_fraction=0.9) == ["broken"]
    assert run("face", "broken", "new") == ["broken", "new"], (
        "a video without content is not cached"
    )
    assert run("new", size=120) == ["new"]


def test_coverage_of_several_people() -> None:
    columns = ["video_id", "status", "tracks", "dropped_tracks", "frames", "frames_with_face"]
    rows = [("a", "ok", 2, 3, 8, 8), ("b", "ok", 1, 1, 8, 4)]
    found = crops.coverage(pd.DataFrame(index=range(20)), pd.DataFrame(rows, columns=columns))
    assert found["videos_with_several_people"] == 1
    assert found["dropped_tracks"] == 4
    assert found["frame_coverage"] == 0.75
    assert found["crops"] == 20


def test_settings_are_the_arguments_of_crop_frames(settings: CropsParams) -> None:
    assert set(crops.crop_settings(settings)) == {
        *("detector", "detect_size", "min_score", "min_face", "min_face_pixels"),
        *("min_track_fraction", "margin", "size", "jpeg_quality", "jpeg_chroma"),
    }
