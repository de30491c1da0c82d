"""Frame archives: exactly the wanted frames, and a status for each kind of failure."""

import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import CLIP_SIDE, FASTSTART, code_image, code_of
from conftest import ClipMaker

from deepfake.core import archive
from deepfake.core.image import decode_image
from deepfake.core.sampling import evenly_spaced
from deepfake.video import frame_archive


def sample(
    path: Path, kind: str = "video", per_video: int = 8, min_frames: int = 2
) -> archive.Archive:
    return archive.unpack(
        frame_archive.frame_archive(path, kind, per_video, min_frames, 95, "yuv444")
    )


def codes(stored: archive.Archive) -> list[int]:
    """The index that each stored frame shows."""
    return [code_of(decode_image(data)) for data in stored.images.values()]


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
    stored = sample(path)
    assert stored.meta == {
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
    assert list(stored.images) == [f"{index:06d}.jpg" for index in indices]
    assert codes(stored) == indices


def test_frames_in_linked_folders_are_read_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("clip/1.png", "elsewhere/2.png", "clip/.trash/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), code_image(int(Path(name).stem)))
    (tmp_path / "clip/more").symlink_to(tmp_path / "elsewhere")
    assert codes(sample(tmp_path / "clip", "frames")) == [1, 2]


def test_truncated_video_keeps_decodable_frames(tmp_path: Path, make_clip: ClipMaker) -> None:
    data = make_clip(tmp_path / "whole.mp4", 60, FASTSTART).read_bytes()
    path = tmp_path / "cut.mp4"
    start = data.index(b"mdat")
    path.write_bytes(data[: start + (len(data) - start) * 6 // 10])
    stored = sample(path, per_video=6)
    count = stored.meta["frame_count"]
    assert stored.meta["status"] == "truncated"
    assert stored.meta["reason"] == f"{count} of 60 frames can be decoded"
    assert 20 < count < 50
    assert codes(stored) == stored.meta["indices"] == evenly_spaced(count, 6)


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
    stored = sample(path)
    assert stored.images == {}
    assert stored.meta["status"] == "unreadable"
    assert stored.meta["reason"] == reason
    assert stored.meta["file_bytes"] == len(content)
    assert (stored.meta["frame_count"], stored.meta["indices"]) == (0, [])


def test_video_without_frames_is_unreadable(tmp_path: Path, make_clip: ClipMaker) -> None:
    data = make_clip(tmp_path / "whole.mp4", 20, FASTSTART).read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(data[: data.index(b"mdat") + 8])
    stored = sample(path)
    assert (stored.meta["status"], stored.meta["reason"]) == (
        "unreadable",
        "no frame can be decoded",
    )
    assert stored.images == {}


@pytest.mark.parametrize(
    ("count", "min_frames", "status"), [(2, 3, "too_short"), (3, 3, "ok"), (1, 1, "ok")]
)
def test_too_short(
    tmp_path: Path, make_clip: ClipMaker, count: int, min_frames: int, status: str
) -> None:
    stored = sample(make_clip(tmp_path / "clip.mp4", count), min_frames=min_frames)
    assert stored.meta["status"] == status
    assert stored.meta["frame_count"] == count
    assert len(stored.images) == (0 if status == "too_short" else count)
    if status == "too_short":
        assert stored.meta["reason"] == "2 decodable frames, 3 needed"


def test_image_is_one_frame_regardless_of_min_frames(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), code_image(201)[:32])
    stored = sample(path, "image", min_frames=5)
    assert stored.meta == {
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
    assert list(stored.images) == ["000000.jpg"]
    assert codes(stored) == [201]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty file"), (b"text", "not an image that can be decoded")],
)
def test_unreadable_image(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    stored = sample(path, "image")
    assert stored.meta["status"] == "unreadable"
    assert stored.meta["reason"] == reason
    assert stored.images == {}


def test_bytes_are_repeatable(tmp_path: Path, make_clip: ClipMaker) -> None:
    path = make_clip(tmp_path / "clip.mp4", 20)
    arguments = (path, "video", 4, 2, 95, "yuv420")
    assert frame_archive.frame_archive(*arguments) == frame_archive.frame_archive(*arguments)


def frame_images(folder: Path, count: int) -> Path:
    """A folder with `code_image(i)` as frame i in i.png; sorting the names as text is wrong."""
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
def test_frame_images_are_ordered_by_number(tmp_path: Path, name: str) -> None:
    folder = frame_images(tmp_path / "folder", 24)
    (folder / "notes.txt").write_text("not a frame")
    (folder / "._3.png").write_text("not a frame either")
    path = folder if name == "folder" else tar_of(folder, name)
    stored = sample(path, "frames", per_video=4)
    assert codes(stored) == [3, 9, 15, 21]
    assert stored.meta["indices"] == [3, 9, 15, 21]
    assert stored.meta["frame_count"] == 24
    assert (stored.meta["status"], stored.meta["reason"]) == ("ok", "")
    files = folder.iterdir() if name == "folder" else [path]
    assert stored.meta["file_bytes"] == sum(file.stat().st_size for file in files)


def test_damaged_frame_image_is_skipped_and_counted(tmp_path: Path) -> None:
    folder = frame_images(tmp_path / "folder", 4)
    (folder / "1.png").write_bytes(b"damaged")
    stored = sample(folder, "frames")
    assert codes(stored) == [0, 2, 3]
    assert list(stored.images) == ["000000.jpg", "000002.jpg", "000003.jpg"]
    assert stored.meta["status"] == "damaged"
    assert stored.meta["reason"] == "1 of 4 frames cannot be decoded"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "contains no images"),
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
    stored = sample(path, "frames")
    assert (stored.meta["status"], stored.images) == ("unreadable", {})
    assert stored.meta["reason"] == reason


def test_truncated_archive_of_frames_is_unreadable(tmp_path: Path) -> None:
    path = tar_of(frame_images(tmp_path / "folder", 9), "1.tar.gz")
    path.write_bytes(path.read_bytes()[:-200])
    assert sample(path, "frames").meta["status"] == "unreadable"


def test_too_few_frame_images(tmp_path: Path) -> None:
    stored = sample(frame_images(tmp_path / "folder", 3), "frames", min_frames=4)
    assert (stored.meta["status"], stored.images) == ("too_short", {})


def test_truncated_image_is_used_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    cv2.imwrite(str(path), noise)
    path.write_bytes(path.read_bytes()[:9000])
    stored = sample(path, "image")
    assert stored.meta["status"] == "truncated"
    assert "missing" in stored.meta["reason"]
    assert len(stored.images) == 1


@pytest.mark.parametrize("kind", ["video", "image", "frames"])
def test_broken_link_is_unreadable(tmp_path: Path, kind: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    stored = sample(tmp_path / "link", kind)
    assert (stored.meta["status"], stored.meta["reason"]) == ("unreadable", "broken link")


def test_digits_that_are_no_numbers_are_letters_of_a_name() -> None:
    names = ["a10.png", "a2.png", "a².png"]
    assert sorted(names, key=frame_archive._natural_order)[:2] == ["a2.png", "a10.png"]
