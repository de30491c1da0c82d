"""The frames stage: one archive per video, cached results, a table of failures."""

import functools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import ClipMaker, execution

from deepfake.core import archive
from deepfake.core.files import sha256_of
from deepfake.jobs import pool
from deepfake.jobs.step import Failure
from deepfake.params.schema import FramesParams
from deepfake.video import frame_archive, frames

Calls = list[str]


@pytest.fixture
def root(in_threads: Path, make_clip: ClipMaker) -> Path:
    """Two clips, and a text file named like a video."""
    folder = in_threads / "raw"
    folder.mkdir()
    make_clip(folder / "a.mp4", 12)
    make_clip(folder / "c.mp4", 3)
    (folder / "b.mp4").write_text("no video")
    return folder


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Names of the files with which the per-video function is called."""
    names: Calls = []
    original = frame_archive.frame_archive

    @functools.wraps(original)
    def counted(path: Path, *args: Any, **kwargs: Any) -> bytes:
        names.append(path.name)
        return original(path, *args, **kwargs)

    monkeypatch.setattr(frame_archive, "frame_archive", counted)
    return names


def manifest(root: Path, *names: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video_id": [f"d/{name[:-4]}" for name in names],
            "path": names,
            "kind": "video",
            "dataset": "d",
            "sha256": [sha256_of(root / name) for name in names],
        }
    )


def settings(**changes: Any) -> FramesParams:
    values = {
        "per_video": 4,
        "min_frames": 2,
        "jpeg_quality": 90,
        "jpeg_chroma": "yuv420",
        "max_failed_fraction": 0.34,
    }
    return FramesParams(**{**values, **changes})


def test_one_row_and_one_archive_per_video(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "frames"
    names = ("c.mp4", "b.mp4", "a.mp4")
    rows = manifest(root, *names)
    table = frames.extract_frames(rows, {"d": root}, out, settings(), execution(2))
    assert table["video_id"].tolist() == ["d/c", "d/b", "d/a"]
    assert table["status"].tolist() == ["ok", "unreadable", "ok"]
    assert table["frame_count"].tolist() == [3, 0, 12]
    assert table["indices"].tolist() == ["0 1 2", "", "1 4 7 10"]
    assert sorted(path.name for path in (out / "d").iterdir()) == ["a.tar", "b.tar", "c.tar"]
    stored = archive.read(out / "d" / "a.tar")
    assert list(stored.images) == ["000001.jpg", "000004.jpg", "000007.jpg", "000010.jpg"]
    failed = frames.failures(table, rows)
    assert failed.values.tolist() == [["d/b", "b.mp4", "unreadable", "not a video", 0]]
    counts = frames.status_counts(table)
    assert counts.pop("videos") == 3
    assert {status: count for status, count in counts.items() if count} == {
        "ok": 2,
        "unreadable": 1,
    }
    assert len(counts) == 9


def test_video_that_crashes_its_process_is_a_row(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pool.Worker, "run", lambda *_: Failure("crashed", "its process ended with SIGSEGV")
    )
    rows = manifest(root, "a.mp4")
    table = frames.extract_frames(rows, {"d": root}, tmp_path, settings(), execution())
    failed = frames.failures(table, rows)
    assert failed["status"].tolist() == ["crashed"]
    assert failed["reason"].tolist() == ["its process ended with SIGSEGV"]
    assert archive.read(tmp_path / "d" / "a.tar").images == {}


@pytest.mark.slow
def test_only_new_or_changed_videos_are_decoded(root: Path, tmp_path: Path, calls: Calls) -> None:
    def run(*names: str, **changes: Any) -> list[str]:
        calls.clear()
        changed = settings(**{"max_failed_fraction": 0.5, **changes})
        rows = manifest(root, *names)
        frames.extract_frames(rows, {"d": root}, tmp_path / "frames", changed, execution())
        return calls

    assert run("a.mp4", "b.mp4") == ["a.mp4", "b.mp4"]
    assert run("a.mp4", "b.mp4", max_failed_fraction=0.9) == []
    assert run("a.mp4", "b.mp4", "c.mp4") == ["c.mp4"]
    assert run("a.mp4", per_video=3) == ["a.mp4"]
    (root / "c.mp4").write_bytes((root / "c.mp4").read_bytes() + b"\0")
    assert run("a.mp4", "c.mp4") == ["c.mp4"]


def test_settings_are_the_arguments_of_the_function() -> None:
    assert frames.frame_settings(settings()) == {
        "per_video": 4,
        "min_frames": 2,
        "jpeg_quality": 90,
        "jpeg_chroma": "yuv420",
    }
