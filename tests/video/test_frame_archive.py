"""Frames of a video: exactly the ones asked for, and a status for each kind of trouble."""

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import CLIP_SIDE, code_image, code_of
from conftest import ClipMaker

from deepfake.core import archive
from deepfake.core.image import decode_image
from deepfake.core.sampling import evenly_spaced
from deepfake.video import frame_archive

FASTSTART = {"movflags": "faststart"}  # the index stands first, so a cut file can be opened


def sample(
    path: Path, kind: str = "video", per_video: int = 8, min_frames: int = 2
) -> archive.Archive:
    return archive.unpack(
        frame_archive.frame_archive(path, kind, per_video, min_frames, 95, "4:4:4")
    )


def codes(found: archive.Archive) -> list[int]:
    """The index that each stored frame shows."""
    return [code_of(decode_image(data)) for data in found.images.values()]


@pytest.mark.parametrize(
    ("count", "indices"),
    [
        (50, [3, 9, 15, 21, 28, 34, 40, 46]),
        (8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (5, [0, 1, 2, 3, 4]),
    ],
)
def test_frames_of_h264_with_b_frames_are_exact(
    tmp_path: Path, make_clip: ClipMaker, count: int, indices: list[int]
) -> None:
    path = make_clip(tmp_path / "clip.mp4", count)
    found = sample(path)
    assert found.meta == {
        "status": "ok",
        "reason": "",
        "width": CLIP_SIDE,
        "height": CLIP_SIDE,
        "fps": 25.0,
        "frame_count": count,
        "file_bytes": path.stat().st_size,
        "codec": "h264",
        "indices": indices,
    }
    assert list(found.images) == [f"{index:06d}.jpg" for index in indices]
    assert codes(found) == indices


def test_truncated_video_keeps_what_decodes(tmp_path: Path, make_clip: ClipMaker) -> None:
    data = make_clip(tmp_path / "whole.mp4", 60, FASTSTART).read_bytes()
    path = tmp_path / "cut.mp4"
    start = data.index(b"mdat")
    path.write_bytes(data[: start + (len(data) - start) * 6 // 10])
    found = sample(path, per_video=6)
    count = found.meta["frame_count"]
    assert found.meta["status"] == "truncated"
    assert found.meta["reason"] == f"{count} of 60 frames can be decoded"
    assert 20 < count < 50
    assert codes(found) == found.meta["indices"] == evenly_spaced(count, 6)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"this is not a video\n" * 100, "not a video"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41\0\0\0\x08free", "not a video"),
    ],
    ids=["empty", "text", "header only"],
)
def test_unreadable_videos(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    found = sample(path)
    assert found.images == {}
    assert found.meta["status"] == "unreadable"
    assert found.meta["reason"] == reason
    assert found.meta["file_bytes"] == len(content)
    assert (found.meta["frame_count"], found.meta["indices"]) == (0, [])


def test_video_that_opens_without_a_frame_is_unreadable(
    tmp_path: Path, make_clip: ClipMaker
) -> None:
    data = make_clip(tmp_path / "whole.mp4", 20, FASTSTART).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: data.index(b"mdat") + 8])
    found = sample(path)
    assert (found.meta["status"], found.meta["reason"]) == ("unreadable", "no frame can be decoded")
    assert found.images == {}


@pytest.mark.parametrize(
    ("count", "min_frames", "status"), [(2, 3, "too_short"), (3, 3, "ok"), (1, 1, "ok")]
)
def test_too_short(
    tmp_path: Path, make_clip: ClipMaker, count: int, min_frames: int, status: str
) -> None:
    found = sample(make_clip(tmp_path / "clip.mp4", count), min_frames=min_frames)
    assert found.meta["status"] == status
    assert found.meta["frame_count"] == count
    assert len(found.images) == (0 if status == "too_short" else count)
    if status == "too_short":
        assert found.meta["reason"] == "2 decodable frames, 3 needed"


def test_image_is_one_frame_however_many_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), code_image(201)[:32])
    found = sample(path, "image", min_frames=5)
    assert found.meta == {
        "status": "ok",
        "reason": "",
        "width": CLIP_SIDE,
        "height": 32,
        "fps": 0.0,
        "frame_count": 1,
        "file_bytes": path.stat().st_size,
        "codec": "",
        "indices": [0],
    }
    assert list(found.images) == ["000000.jpg"]
    assert codes(found) == [201]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty file"), (b"text", "not an image that can be decoded")],
)
def test_unreadable_image(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    found = sample(path, "image")
    assert found.meta["status"] == "unreadable"
    assert found.meta["reason"] == reason
    assert found.images == {}


def test_bytes_are_repeatable(tmp_path: Path, make_clip: ClipMaker) -> None:
    path = make_clip(tmp_path / "clip.mp4", 20)
    arguments = (path, "video", 4, 2, 95, "4:2:0")
    assert frame_archive.frame_archive(*arguments) == frame_archive.frame_archive(*arguments)


def frame_images(folder: Path, count: int) -> Path:
    """A folder with frame i as `code_image(i)` in i.png, which sorts wrongly as text."""
    folder.mkdir()
    for index in range(count):
        cv2.imwrite(str(folder / f"{index}.png"), code_image(index))
    return folder


def tar_of(folder: Path, name: str) -> Path:
    path = folder.parent / name
    with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as tar:
        tar.add(folder, "1/nested")
    return path


@pytest.mark.parametrize("name", ["folder", "1.tar", "1.tar.gz"])
def test_images_of_a_folder_are_frames_in_order_of_their_numbers(tmp_path: Path, name: str) -> None:
    folder = frame_images(tmp_path / "folder", 24)
    (folder / "notes.txt").write_text("no frame")
    (folder / "._3.png").write_text("nor is this")
    path = folder if name == "folder" else tar_of(folder, name)
    found = sample(path, "frames", per_video=4)
    assert codes(found) == [3, 9, 15, 21]
    assert found.meta["indices"] == [3, 9, 15, 21]
    assert found.meta["frame_count"] == 24
    assert (found.meta["status"], found.meta["reason"]) == ("ok", "")
    files = folder.iterdir() if name == "folder" else [path]
    assert found.meta["file_bytes"] == sum(file.stat().st_size for file in files)


def test_a_broken_frame_image_is_left_out_and_told(tmp_path: Path) -> None:
    folder = frame_images(tmp_path / "folder", 4)
    (folder / "1.png").write_bytes(b"broken")
    found = sample(folder, "frames")
    assert codes(found) == [0, 2, 3]
    assert list(found.images) == ["000000.jpg", "000002.jpg", "000003.jpg"]
    assert found.meta["status"] == "damaged"
    assert found.meta["reason"] == "1 of 4 frames cannot be decoded"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no images in it"),
        (b"", "empty file"),
        (b"neither gzip nor tar", "not a readable archive of images"),
    ],
)
def test_unreadable_frame_images(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "x"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    found = sample(path, "frames")
    assert (found.meta["status"], found.images) == ("unreadable", {})
    assert found.meta["reason"] == reason


def test_cut_archive_of_frames_is_unreadable(tmp_path: Path) -> None:
    path = tar_of(frame_images(tmp_path / "folder", 9), "1.tar.gz")
    path.write_bytes(path.read_bytes()[:-200])
    assert sample(path, "frames").meta["status"] == "unreadable"


def test_too_few_frame_images(tmp_path: Path) -> None:
    found = sample(frame_images(tmp_path / "folder", 3), "frames", min_frames=4)
    assert (found.meta["status"], found.images) == ("too_short", {})


def test_a_cut_image_is_used_and_told(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    cv2.imwrite(str(path), noise)
    path.write_bytes(path.read_bytes()[:9000])
    found = sample(path, "image")
    assert found.meta["status"] == "truncated"
    assert "missing" in found.meta["reason"]
    assert len(found.images) == 1


@pytest.mark.parametrize("kind", ["video", "image", "frames"])
def test_nothing_at_the_path(tmp_path: Path, kind: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    found = sample(tmp_path / "link", kind)
    assert (found.meta["status"], found.meta["reason"]) == ("unreadable", "broken link")
