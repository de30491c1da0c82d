"""Untrusted uploads: size, kind, length and name, and that they are deleted."""

import io
import os
import stat
import tempfile
from pathlib import Path

import pytest
from conftest import ClipMaker

from deepfake.serving.uploads import (
    FOLDER_PREFIX,
    STALE_SECONDS,
    TooLargeError,
    UploadLimits,
    claimed_seconds,
    delete_stale_uploads,
    delete_uploads_of,
    display_name,
    refusal_reason,
    temporary_copy,
)

SMALL = UploadLimits(megabytes=1)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of uploads in these tests."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_an_upload_is_in_a_private_folder_and_is_deleted(temporary: Path) -> None:
    with temporary_copy(io.BytesIO(b"data"), SMALL) as path:
        assert path.read_bytes() == b"data"
        assert path.name == "file"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert path.parent.parent == temporary
    assert list(temporary.iterdir()) == []


def test_an_upload_is_deleted_after_an_error(temporary: Path) -> None:
    with pytest.raises(RuntimeError), temporary_copy(io.BytesIO(b"data"), SMALL):
        raise RuntimeError
    assert list(temporary.iterdir()) == []


def test_no_more_is_read_than_the_limit(temporary: Path) -> None:
    endless = io.BytesIO(bytes(5_000_000))
    with (
        pytest.raises(TooLargeError, match="larger than the limit of 1 MB"),
        temporary_copy(endless, SMALL),
    ):
        pass
    assert endless.tell() <= 2_000_000
    assert list(temporary.iterdir()) == []
    with temporary_copy(io.BytesIO(bytes(1_000_000)), SMALL) as path:
        assert path.stat().st_size == 1_000_000


def test_uploads_of_a_killed_process_are_deleted_when_stale(temporary: Path) -> None:
    for name, age in (("old", 2 * STALE_SECONDS), ("new", 0)):
        folder = temporary / f"{FOLDER_PREFIX}{name}"
        folder.mkdir()
        (folder / "file").write_bytes(b"data")
        os.utime(folder, (1e9 - age, 1e9 - age))
    (temporary / "other").mkdir()
    assert delete_stale_uploads(now=1e9) == 1
    assert sorted(path.name for path in temporary.iterdir()) == [f"{FOLDER_PREFIX}new", "other"]


def test_uploads_of_an_ended_process_are_deleted(temporary: Path) -> None:
    others = temporary / f"{FOLDER_PREFIX}{os.getpid() + 1}-a"
    others.mkdir()
    with temporary_copy(io.BytesIO(b"x"), UploadLimits()) as path:
        delete_uploads_of(os.getpid())
        assert not path.exists()
    assert list(temporary.iterdir()) == [others]


def test_refusal_reasons(tmp_path: Path, make_clip: ClipMaker) -> None:
    path = tmp_path / "file"
    path.touch()
    assert refusal_reason(path) == "empty file"
    path.write_bytes(b"text")
    assert refusal_reason(path) == "neither an image nor a video"
    assert refusal_reason(make_clip(tmp_path / "clip.mp4", 3)) == ""


def test_claimed_seconds(tmp_path: Path, make_clip: ClipMaker) -> None:
    assert float(claimed_seconds(make_clip(tmp_path / "clip.mp4", 50))) == pytest.approx(2, 0.05)
    (tmp_path / "broken.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    assert float(claimed_seconds(tmp_path / "broken.mp4")) == 0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("clip.mp4", "clip.mp4"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "file"),
        ("../..", "file"),
        ("", "file"),
        ("a\0b\x1b[2J.mp4", "a\\x00b\\x1b[2J.mp4"),
        ("x" * 5000, "x" * 100),
        ("\u202egpj.exe", "\\u202egpj.exe"),
    ],
)
def test_display_names(name: str, shown: str) -> None:
    assert display_name(name) == shown
