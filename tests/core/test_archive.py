"""Tests of core/archive.py: round trips, bytes that never change, and damage."""

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake.base.errors import ArchiveError
from deepfake.core import archive

META = {"status": "ok", "indices": [3, 9]}
IMAGES = {"000003.jpg": b"first" * 200, "000009.jpg": b""}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # A lone surrogate cannot be encoded.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)
records = st.dictionaries(st.text("abcxyz_", min_size=1, max_size=8), json_values, max_size=4)
names = st.from_regex(r"[0-9]{1,3}-?[0-9]{6}\.jpg", fullmatch=True)
image_sets = st.dictionaries(names, st.binary(max_size=1500), max_size=5)


@given(records, image_sets)
def test_round_trip(meta: dict[str, Any], images: dict[str, bytes]) -> None:
    data = archive.pack(meta, images)
    unpacked = archive.unpack(data)
    assert unpacked == archive.Archive(meta, images)
    assert list(unpacked.images) == list(images)
    assert archive.unpack_meta(data) == meta
    assert archive.pack(unpacked.meta, unpacked.images) == data


def test_bytes_never_change() -> None:
    """DVC compares hashes, so other machines and versions must write the same bytes."""
    digest = hashlib.sha256(archive.pack(META, IMAGES)).hexdigest()
    assert digest == "1ce567951e3ac0381618b279519baa6ceb6bd9024d7871a39906e10ca9da9596"


def test_other_tools_can_read_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive.pack(META, IMAGES))) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == ["meta.json", "000003.jpg", "000009.jpg"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}


@pytest.mark.parametrize("size", range(0, 3072, 512))  # the last member ends at 3072
def test_every_cut_is_detected(size: int) -> None:
    """A cut between two members would otherwise lose images without an error."""
    data = archive.pack(META, IMAGES)[:size]
    for unpack in (archive.unpack, archive.unpack_meta):
        with pytest.raises(ArchiveError, match=r"clip\.tar is not a complete archive"):
            unpack(data, "clip.tar")


def _without_record() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("000000.jpg"))
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8 a JPEG, not a tar" * 100,
        archive.pack(META, IMAGES)[:700],
        archive.pack(META, IMAGES).replace(b'"status"', b'"status '),
        _without_record(),
    ],
    ids=["empty", "other file", "cut inside", "damaged record", "no record"],
)
def test_damage_is_reported(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "clip.tar"
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"clip\.tar is not a complete archive .*dvc repro"):
        archive.read(path)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"none\.tar cannot be read: No such file"):
        archive.read(tmp_path / "none.tar")


def test_nan_in_the_record_is_an_error() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        archive.pack({"fps": float("nan")}, {})


@pytest.mark.parametrize(
    ("video_id", "path"),
    [
        ("demo/real/c23/000_003", "demo/real/c23/000_003.tar"),
        ("demo/a b", "demo/a%20b.tar"),
        ("demo/v1.2", "demo/v1.2.tar"),
        ("demo/50%", "demo/50%25.tar"),
        ("demo/Zoë?*", "demo/Zo%C3%AB%3F%2A.tar"),
        ("x", "x.tar"),
    ],
)
def test_path_of_a_video(video_id: str, path: str) -> None:
    assert archive.path_of(Path("data"), video_id) == Path("data") / path


segments = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1)
video_ids = st.lists(segments.map(lambda text: text[:15]), min_size=1, max_size=3).map("/".join)


@given(video_ids, video_ids)
def test_different_videos_have_different_paths(one: str, other: str) -> None:
    same = archive.path_of(Path("data"), one) == archive.path_of(Path("data"), other)
    assert same == (one == other)


@pytest.mark.parametrize("name", ["x" * 250, "é" * 120, " " * 200])
def test_a_name_that_is_too_long_is_shortened(tmp_path: Path, name: str) -> None:
    """A character may take up to nine bytes in the name of the archive; the limit is 255 bytes."""
    other = name + "y"
    paths = [archive.path_of(tmp_path, f"demo/{name}/{part}") for part in (name, other)]
    assert len({*paths}) == 2
    assert all(len(part) <= 255 for path in paths for part in path.parts[1:])
    archive.write(tmp_path, f"demo/{name}", archive.pack({"status": "ok"}, {}))
    assert archive.read(archive.path_of(tmp_path, f"demo/{name}")).meta == {"status": "ok"}


def test_stored_images_are_read_by_index(tmp_path: Path) -> None:
    archive.write(tmp_path, "d/a", archive.pack({}, {"0.jpg": b"a0", "1.jpg": b"a1"}))
    archive.write(tmp_path, "d/b", archive.pack({}, {"0.jpg": b"b0"}))
    keys = [("d/b", "0.jpg"), ("d/a", "1.jpg"), ("d/b", "0.jpg")]
    assert list(archive.StoredImages(tmp_path, keys)) == [b"b0", b"a1", b"b0"]
    assert list(archive.StoredImages(tmp_path, [])) == []
    with pytest.raises(ArchiveError, match=r"the archive of d/b has no 7\.jpg"):
        archive.StoredImages(tmp_path, [("d/b", "7.jpg")])


@pytest.mark.parametrize("size", [0, 100, 512, 1024, 1300, 2560])
def test_stored_images_detect_a_cut(tmp_path: Path, size: int) -> None:
    archive.write(tmp_path, "d/a", archive.pack(META, IMAGES)[:size])
    with pytest.raises(ArchiveError, match=r"d/a"):
        archive.StoredImages(tmp_path, [("d/a", name) for name in IMAGES])
