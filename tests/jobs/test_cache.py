"""Tests of jobs/cache.py: round trips, damage, hard links, and a full disk."""

import errno
import os
from pathlib import Path

import pytest

from deepfake.base.errors import CacheError
from deepfake.jobs.cache import CACHE_FOLDER, Cache, is_leftover

VIDEO = "ab" * 32  # SHA-256


def content(cache: Cache, video: str, name: str) -> bytes | None:
    entry = cache.load(video, name)
    return entry and entry.content


def test_round_trip(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.load(VIDEO, "frames-1") is None
    cache.store(VIDEO, "frames-1", b"result")
    stored = cache.store(VIDEO, "frames-2", b"")
    assert cache.load(VIDEO, "frames-2") == stored
    assert content(cache, VIDEO, "frames-1") == b"result"
    assert content(cache, VIDEO, "frames-2") == b""
    assert cache.load(VIDEO, "frames") is None
    assert cache.load("cd" * 32, "frames-1") is None
    assert [(video, path.stem) for video, path in cache.entries()] == [
        (VIDEO, "frames-1"),
        (VIDEO, "frames-2"),
    ]


def test_temporary_copies_of_dvc_share_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, expected in (
        (tmp_path, CACHE_FOLDER),
        (tmp_path / ".dvc/tmp/exps/tmp1", tmp_path / CACHE_FOLDER),
        (tmp_path / ".dvc/tmp/exps/standalone/tmp1/project", tmp_path / CACHE_FOLDER),
        (tmp_path / ".dvc/tmp", CACHE_FOLDER),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        monkeypatch.chdir(folder)
        assert Cache().folder == expected


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 64])
def test_a_damaged_result_is_ignored(tmp_path: Path, damage: bytes) -> None:
    """After a power cut, a file may have a part of its bytes, or zeros."""
    cache = Cache(tmp_path)
    cache.store(VIDEO, "frames-1", b"result").path.write_bytes(damage)
    assert cache.load(VIDEO, "frames-1") is None
    cache.store(VIDEO, "frames-1", b"result")
    assert content(cache, VIDEO, "frames-1") == b"result"


def test_an_output_is_a_hard_link(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    entry = cache.store(VIDEO, "frames-1", b"result")
    target = tmp_path / "data" / "real" / "a.tar"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"of an earlier run")
    for _ in range(2):
        entry.link(target)
        assert target.samefile(entry.path)
    target.unlink()
    entry.link(target)
    assert target.read_bytes() == b"result"
    target.write_bytes(b"edited")
    assert cache.load(VIDEO, "frames-1") is None, "an edit through the link damages the entry"


def test_an_output_is_a_copy_where_hard_links_are_not_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example, on another disk."""

    def fails(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", fails)
    entry = Cache(tmp_path / "cache").store(VIDEO, "frames-1", b"result")
    target = tmp_path / "data" / "a.tar"
    entry.link(target)
    assert target.read_bytes() == b"result"
    assert not target.samefile(entry.path)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_is_reported_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fails(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(
        CacheError, match=rf"frames-1\.\w+ cannot be written: {os.strerror(code)}\. Free"
    ):
        Cache(tmp_path).store(VIDEO, "frames-1", b"result")
    assert list(Cache(tmp_path).entries()) == []


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    path = cache.store(VIDEO, "frames-1", b"result").path
    path.unlink()
    path.mkdir()
    with pytest.raises(CacheError, match="cannot be read: Is a directory"):
        cache.load(VIDEO, "frames-1")


def test_leftovers_of_a_killed_run(tmp_path: Path) -> None:
    assert is_leftover(tmp_path / ".writing-x")
    assert not is_leftover(tmp_path / "frames-1")
