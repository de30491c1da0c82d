"""Tests of core/files.py: atomic writes, metrics, and digests."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepfake.core import files

NAN = float("nan")


def test_write_bytes_replaces_a_file_and_leaves_no_other(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "file"
    files.write_bytes(target, b"old")
    files.write_bytes(target, b"")
    assert target.read_bytes() == b""
    assert [path.name for path in target.parent.iterdir()] == ["file"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "file"
    files.write_bytes(target, b"old")
    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write_bytes(target, b"new")
    assert caught.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("metrics", "written"),
    [
        ({"a": 0.123449999, "b": 3}, {"a": 0.1234, "b": 3}),
        ({"a": 1e-10, "b": {"c": NAN, "d": 2.0}}, {"a": 0.0, "b": {"d": 2.0}}),
        ({"a": float("inf"), "b": np.float64(0.5)}, {"b": 0.5}),
        ({1: 2}, {"1": 2}),
        ({}, {}),
    ],
)
def test_metrics_are_rounded_numbers(
    tmp_path: Path, metrics: dict[str, Any], written: dict[str, Any]
) -> None:
    files.write_metrics(tmp_path / "m.json", metrics)
    assert json.loads((tmp_path / "m.json").read_text()) == written


@pytest.mark.parametrize("value", ["0.5", True, [1.0], None])
def test_metrics_must_be_numbers(tmp_path: Path, value: object) -> None:
    with pytest.raises(TypeError, match="not a metric"):
        files.write_metrics(tmp_path / "m.json", {"a": {"b": value}})
    assert not (tmp_path / "m.json").exists()


def test_json_has_one_key_per_line_and_no_nan(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"b": 1, "a": [2]})
    assert (tmp_path / "a.json").read_text() == '{\n  "b": 1,\n  "a": [\n    2\n  ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "b.json", {"a": NAN})


@pytest.mark.parametrize("content", [b"", b"abc", bytes(3 << 20)])
def test_sha256_of_a_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f").write_bytes(content)
    assert files.sha256_of(tmp_path / "f") == hashlib.sha256(content).hexdigest()


def test_the_digest_of_a_folder_covers_names_and_bytes(tmp_path: Path) -> None:
    def folder(name: str, contents: dict[str, str]) -> Path:
        for file, text in contents.items():
            path = tmp_path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / name

    first = files.content_digest(folder("a", {"x/1.png": "one", "2.png": "two"}))
    assert first == files.content_digest(folder("b", {"2.png": "two", "x/1.png": "one"}))
    assert first != files.content_digest(folder("c", {"x/1.png": "two", "2.png": "one"}))
    assert first != files.content_digest(folder("d", {"x/1.png": "one"}))
    assert files.content_digest(tmp_path / "a/2.png") == files.sha256_of(tmp_path / "a/2.png")
    linked = folder("e", {"2.png": "two"})
    (linked / "x").symlink_to(tmp_path / "a/x")
    assert first == files.content_digest(linked)
