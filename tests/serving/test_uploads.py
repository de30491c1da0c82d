"""What strangers hand in: its size, its kind, its name, and that nothing is left of it."""

import io
import os
import stat
import tempfile
from pathlib import Path

import pytest
from conftest import ClipMaker

from deepfake.serving.uploads import (
    FOLDER,
    STALE_SECONDS,
    TooLargeError,
    UploadLimits,
    claimed_seconds,
    discard,
    display_name,
    kept,
    kind_of,
    refusal,
    sweep,
)

SMALL = UploadLimits(megabytes=1)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where uploads go in these tests."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_an_upload_lies_in_a_private_folder_and_is_deleted(temporary: Path) -> None:
    with kept(io.BytesIO(b"data"), SMALL) as path:
        assert path.read_bytes() == b"data"
        assert path.name == "file"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert path.parent.parent == temporary
    assert list(temporary.iterdir()) == []


def test_it_is_deleted_after_an_error_too(temporary: Path) -> None:
    with pytest.raises(RuntimeError), kept(io.BytesIO(b"data"), SMALL):
        raise RuntimeError
    assert list(temporary.iterdir()) == []


def test_no_more_is_read_than_allowed(temporary: Path) -> None:
    endless = io.BytesIO(bytes(5_000_000))
    with pytest.raises(TooLargeError, match="more than 1 MB"), kept(endless, SMALL):
        pass
    assert endless.tell() <= 2_000_000
    assert list(temporary.iterdir()) == []
    with kept(io.BytesIO(bytes(1_000_000)), SMALL) as path:
        assert path.stat().st_size == 1_000_000


def test_what_a_killed_process_left_is_swept_away(temporary: Path) -> None:
    for name, age in (("old", 2 * STALE_SECONDS), ("new", 0)):
        folder = temporary / f"{FOLDER}{name}"
        folder.mkdir()
        (folder / "file").write_bytes(b"data")
        os.utime(folder, (1e9 - age, 1e9 - age))
    (temporary / "other").mkdir()
    assert sweep(now=1e9) == 1
    assert sorted(path.name for path in temporary.iterdir()) == [f"{FOLDER}new", "other"]


def test_uploads_of_a_process_that_was_ended_are_discarded(temporary: Path) -> None:
    others = temporary / f"{FOLDER}{os.getpid() + 1}-a"
    others.mkdir()
    with kept(io.BytesIO(b"x"), UploadLimits()) as path:
        discard(os.getpid())
        assert not path.exists()
    assert list(temporary.iterdir()) == [others]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", "image"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        (b"\0\0\0\x20ftypisom", "video"),
        (b"\x1aE\xdf\xa3", "video"),
        (b"GIF89a", "video"),
        (b"G" + bytes(187) + b"G" + bytes(187), "video"),
        (b"", ""),
        (b"RIFF\0\0\0\0WAVE", ""),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", ""),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", ""),
        (b"<?xml version='1.0'?><MPD profiles='x'>", ""),
        (b"v=0\no=- 0 0 IN IP4 127.0.0.1\n", ""),
        (b"PK\3\4", ""),
        (b"\x1f\x8b\x08", ""),
        (b"%PDF-1.7", ""),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", ""),
        (bytes(257) + b"ustar", ""),
        (b"\x80\x04\x95", ""),
        (b"GGGG", ""),
    ],
)
def test_kinds(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


def test_refusals(tmp_path: Path, make_clip: ClipMaker) -> None:
    path = tmp_path / "file"
    path.touch()
    assert refusal(path) == "empty file"
    path.write_bytes(b"text")
    assert refusal(path) == "neither an image nor a video"
    assert refusal(make_clip(tmp_path / "clip.mp4", 3)) == ""


def test_the_claimed_length(tmp_path: Path, make_clip: ClipMaker) -> None:
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
def test_names_are_shown_and_nothing_else(name: str, shown: str) -> None:
    assert display_name(name) == shown
