"""The frames stage: one archive per video, remembered, failures counted."""

import functools
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import ClipMaker

from deepfake import archive, frames, video
from deepfake.errors import TooManyFailuresError
from deepfake.params import FramesParams

Calls = list[str]


@pytest.fixture
def root(in_threads: Path, make_clip: ClipMaker) -> Path:
    """Two clips and a text that calls itself a video."""
    folder = in_threads / "raw"
    folder.mkdir()
    make_clip(folder / "a.mp4", 12)
    make_clip(folder / "c.mp4", 3)
    (folder / "b.mp4").write_text("no video")
    return folder


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Names of the files for which the per-video function is called."""
    names: Calls = []
    original = video.frame_archive

    @functools.wraps(original)
    def counted(path: Path, *args: Any, **kwargs: Any) -> bytes:
        names.append(path.name)
        return original(path, *args, **kwargs)

    monkeypatch.setattr(video, "frame_archive", counted)
    return names


def manifest(*names: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video_id": [f"d/{name[:-4]}" for name in names],
            "path": names,
            "kind": "video",
            "dataset": "d",
        }
    )


def settings(**changes: Any) -> FramesParams:
    values = {"per_video": 4, "min_frames": 2, "jpeg_quality": 90, "max_failed_fraction": 0.34}
    return FramesParams(**{**values, **changes})


def test_one_row_and_one_archive_per_video(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "frames"
    names = ("c.mp4", "b.mp4", "a.mp4")
    table = frames.extract_frames(manifest(*names), {"d": root}, out, settings(), 2)
    assert table["video_id"].tolist() == ["d/c", "d/b", "d/a"]
    assert table["status"].tolist() == ["ok", "unreadable", "ok"]
    assert table["frame_count"].tolist() == [3, 0, 12]
    assert table["indices"].tolist() == ["0 1 2", "", "1 4 7 10"]
    assert sorted(path.name for path in (out / "d").iterdir()) == ["a.tar", "b.tar", "c.tar"]
    stored = archive.read(out / "d" / "a.tar")
    assert list(stored.images) == ["000001.jpg", "000004.jpg", "000007.jpg", "000010.jpg"]
    assert "d/b: unreadable, no decoder opens it" in capsys.readouterr().out
    assert frames.status_counts(table) == {"videos": 3, "ok": 2, "too_short": 0, "unreadable": 1}


def test_too_many_failures_stop_the_stage(root: Path, tmp_path: Path) -> None:
    with pytest.raises(TooManyFailuresError) as caught:
        frames.extract_frames(
            manifest("a.mp4", "b.mp4", "c.mp4"),
            {"d": root},
            tmp_path / "frames",
            settings(max_failed_fraction=0.33),
            1,
        )
    message = str(caught.value)
    assert message.startswith("1 of 3 videos failed (1 unreadable):")
    assert "  d/b: unreadable, no decoder opens it\n" in message
    assert message.endswith("more than frames.max_failed_fraction = 0.33 allows.")


def test_one_new_video_costs_one_video(root: Path, tmp_path: Path, calls: Calls) -> None:
    def run(*names: str, **changes: Any) -> list[str]:
        calls.clear()
        changed = settings(**{"max_failed_fraction": 0.5, **changes})
        frames.extract_frames(manifest(*names), {"d": root}, tmp_path / "frames", changed, 1)
        return calls

    assert run("a.mp4", "b.mp4") == ["a.mp4", "b.mp4"]
    assert run("a.mp4", "b.mp4", max_failed_fraction=0.9) == []
    assert run("a.mp4", "b.mp4", "c.mp4") == ["c.mp4"]
    assert run("a.mp4", per_video=3) == ["a.mp4"]
    (root / "c.mp4").write_bytes((root / "c.mp4").read_bytes() + b"\0")
    assert run("a.mp4", "c.mp4") == ["c.mp4"]


def test_settings_are_what_the_function_takes() -> None:
    assert frames.frame_settings(settings()) == {"per_video": 4, "min_frames": 2, "quality": 90}
