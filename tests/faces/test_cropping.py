"""Crops: aligned, of one size, with a complete record of dropped tracks and missing faces."""

import io
from collections.abc import Sequence
from typing import Any

import av
import cv2
import numpy as np
import pytest

from deepfake.core import archive
from deepfake.core.image import Image, decode_image, encode_jpeg
from deepfake.faces import cropping
from deepfake.faces.detection import Face, find_faces
from deepfake.faces.tracking import MAX_COLOR_DIFFERENCE

SETTINGS: dict[str, Any] = {
    "detector": "yunet",
    "detect_size": 640,
    "min_score": 0.8,
    "min_face": 0.05,
    "min_face_pixels": 20,
    "min_track_fraction": 0.25,
    "margin": 1.3,
    "size": 96,
    "jpeg_quality": 95,
    "jpeg_chroma": "yuv444",
}
BLACK = np.zeros((60, 80, 3), np.uint8)


def packed(images: Sequence[Image], status: str = "ok") -> archive.Archive:
    """Frames 0, 5, 10, ... as the frames stage stores them."""
    members = {
        f"{5 * i:06d}.jpg": encode_jpeg(image, 95, "yuv444") for i, image in enumerate(images)
    }
    return archive.Archive({"status": status}, members)


def crop(frames: archive.Archive, **changes: object) -> archive.Archive:
    return archive.unpack(cropping.crop_frames(frames, **{**SETTINGS, **changes}))


def face(x: float, y: float, side: float, tilt: float = 0.0) -> Face:
    """A square face around (x, y) whose line through the eyes falls by `tilt` pixels."""
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    offsets = [(20.0, tilt), (10.0, tilt), (-20.0, 0.0), (-10.0, 0.0), (0.0, 15.0)]
    return Face(box, 0.9, tuple((x + dx, y + dy) for dx, dy in offsets))


@pytest.fixture
def tracked(monkeypatch: pytest.MonkeyPatch) -> list[list[Face]]:
    """Faces that tracking returns for the frames, in order; the test fills the list."""
    faces: list[list[Face]] = []

    def fake_follow_faces(images: Sequence[Image], *_: object) -> list[list[Face]]:
        assert len(images) == len(faces)
        return faces

    monkeypatch.setattr(cropping, "follow_faces", fake_follow_faces)
    monkeypatch.setattr(cropping.FrameAppearance, "embedding_distance", lambda *_: None)
    return faces


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_crop_of_a_level_face_copies_its_pixels() -> None:
    image = noise(200, 300)
    found = cropping.crop_face(image, face(150, 100, 100), 1.3, 130)
    assert (found == image[35:165, 85:215]).all()


def test_pixels_beyond_the_image_are_black() -> None:
    image = np.full((100, 100, 3), 200, np.uint8)
    found = cropping.crop_face(image, face(0, 50, 40), 1.5, 60)
    assert (found[:, :30] == 0).all()
    assert (found[:, 31:] == 200).all()


@pytest.mark.parametrize("side", [20, 60, 260, 900])
def test_margin_and_size_hold_at_every_scale(side: int) -> None:
    """The face's box, painted white, fills 1 / margin of the crop: 48 of 96 pixels."""
    image = np.zeros((1000, 1000, 3), np.uint8)
    image[500 - side // 2 : 500 + side // 2, 500 - side // 2 : 500 + side // 2] = 255
    found = cropping.crop_face(image, face(500, 500, side), 2.0, 96)
    assert found.shape == (96, 96, 3)
    rows = found[:, 48, 0].astype(float) / 255
    columns = found[48, :, 0].astype(float) / 255
    assert rows.sum() == pytest.approx(48, abs=2.5)
    assert columns.sum() == pytest.approx(48, abs=2.5)
    assert (rows * np.arange(96)).sum() / rows.sum() == pytest.approx(47.5, abs=1)
    assert (columns * np.arange(96)).sum() / columns.sum() == pytest.approx(47.5, abs=1)


@pytest.mark.parametrize(("x", "y"), [(60.3, 50.7), (2, 98), (131, 3)])
@pytest.mark.parametrize("times", [3, 5, 8])
def test_a_larger_image_gives_the_same_crop(x: float, y: float, times: int) -> None:
    """Also where the face extends beyond the border, or the last blocks are incomplete."""
    coarse = np.random.default_rng(1).integers(0, 256, (7, 9, 3), np.uint8)
    image = np.asarray(cv2.resize(coarse, (133, 101), interpolation=cv2.INTER_CUBIC), np.uint8)
    size = (133 * times + 1, 101 * times - 1)
    large = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    expected = cropping.crop_face(image, face(x, y, 40, 3.0), 1.3, 32).astype(float)
    found = cropping.crop_face(large, face(x * times, y * times, 40 * times, 3.0), 1.3, 32)
    difference = np.abs(found - expected).max(axis=2)
    assert np.median(difference) < 4
    assert (difference > 24).mean() < 0.08, (
        "only pixels that the border of the image crosses differ"
    )


@pytest.mark.parametrize("tilt", [-12.0, 0.0, 8.0])
def test_eyes_become_level(tilt: float) -> None:
    """Each eye is a disc; after the rotation their centres are in one row."""
    image = np.zeros((200, 200, 3), np.uint8)
    cv2.circle(image, (100 - 15, 100), 4, (255, 0, 0), -1)
    cv2.circle(image, (100 + 15, round(100 + tilt)), 4, (0, 255, 0), -1)
    found = cropping.crop_face(image, face(100, 100, 80, tilt), 1.0, 160)
    left, right = (np.argwhere(found[..., channel] > 127).mean(axis=0) for channel in (0, 1))
    assert left[0] == pytest.approx(right[0], abs=1)
    distance = 2 * np.hypot(30, tilt)  # pixels of the crop are half as large
    assert right[1] - left[1] == pytest.approx(distance, abs=1.5)


def rotated(image: Image, degrees: float) -> Image:
    height, width = image.shape[:2]
    rotation = cv2.getRotationMatrix2D((224, 121), degrees, 1.0)
    return np.asarray(cv2.warpAffine(image, rotation, (width, height)), np.uint8)


def eye_angle(image: Image) -> float:
    """Angle in degrees of the line through the eyes of the only face."""
    (found,) = find_faces(image, "yunet", 480, 0.6, 0.2)
    eyes = np.array(found.landmarks)
    right, left = eyes[:2].mean(axis=0), eyes[2:4].mean(axis=0)
    return float(np.degrees(np.arctan2(right[1] - left[1], right[0] - left[0])))


@pytest.mark.parametrize("degrees", [-15, 0, 15])
def test_a_rotated_photo_gives_an_aligned_crop(astronaut: Image, degrees: float) -> None:
    found = crop(packed([rotated(astronaut, degrees)]), margin=1.6, size=160)
    (image,) = map(decode_image, found.images.values())
    assert abs(eye_angle(image)) < 3
    (reference,) = map(
        decode_image, crop(packed([astronaut]), margin=1.6, size=160).images.values()
    )
    center = np.s_[40:120, 40:120]
    correlation = np.corrcoef(image[center].ravel(), reference[center].ravel())[0, 1]
    assert correlation > 0.8


def test_record_of_a_photo(astronaut: Image) -> None:
    found = crop(packed([astronaut]))
    assert {key: found.meta[key] for key in ("status", "frames", "dropped_tracks")} == {
        "status": "ok",
        "frames": 1,
        "dropped_tracks": 0,
    }
    (record,) = found.meta["crops"]
    assert (record["frame"], record["track"], record["image"]) == (0, 0, "0-000000.jpg")
    assert list(found.images) == ["0-000000.jpg"]
    image = decode_image(found.images["0-000000.jpg"])
    assert image.shape == (96, 96, 3)
    assert np.array(record["landmarks"]).shape == (5, 2)
    left, top, right, bottom = record["box"]
    assert left < 224 < right
    assert top < 121 < bottom
    assert record["sharpness"] > 100
    assert 0.8 <= record["score"] <= 1


def test_crops_are_reproducible(astronaut: Image) -> None:
    frames = packed([astronaut, rotated(astronaut, 5)])
    assert cropping.crop_frames(frames, **SETTINGS) == cropping.crop_frames(frames, **SETTINGS)


def test_no_face() -> None:
    found = crop(packed([BLACK, BLACK]))
    assert found.meta == {"status": "no_face", "frames": 2, "dropped_tracks": 0, "crops": []}
    assert found.images == {}


@pytest.mark.parametrize("status", ["truncated", "damaged"])
def test_frames_of_a_broken_video_are_used(status: str) -> None:
    assert crop(packed([BLACK], status)).meta["status"] == "no_face"


@pytest.mark.parametrize("status", ["unreadable", "too_short"])
def test_no_frames(status: str) -> None:
    found = crop(packed([], status))
    assert found.meta == {"status": "no_frames", "frames": 0, "dropped_tracks": 0, "crops": []}
    assert found.images == {}


def test_people_are_numbered_and_short_tracks_counted(tracked: list[list[Face]]) -> None:
    """The large person is in 4 of 8 frames, the small one in 2 (just enough), a third in 1."""
    large, small, passer = face(50, 30, 20), face(20, 30, 10), face(500, 30, 30)
    tracked += [[small, large], [large], [passer], [], [small, large], [large], [], []]
    found = crop(packed([BLACK] * 8))
    assert list(found.images) == [
        *("0-000000.jpg", "0-000005.jpg", "0-000020.jpg", "0-000025.jpg"),
        *("1-000000.jpg", "1-000020.jpg"),
    ]
    assert found.meta["dropped_tracks"] == 1
    assert [(c["track"], c["frame"]) for c in found.meta["crops"]] == [
        *((0, 0), (0, 5), (0, 20), (0, 25), (1, 0), (1, 20))
    ]
    assert [record["image"] for record in found.meta["crops"]] == list(found.images)


def test_a_video_with_short_tracks_only_has_no_face(tracked: list[list[Face]]) -> None:
    tracked += [[face(30, 30, 20)], [], [], [], []]
    found = crop(packed([BLACK] * 5))
    assert (found.meta["status"], found.meta["dropped_tracks"]) == ("no_face", 1)
    assert found.images == {}


def test_sharpness() -> None:
    assert cropping.sharpness(BLACK) == 0
    sharp = noise(64, 64)
    assert cropping.sharpness(sharp) > 4 * cropping.sharpness(cv2.GaussianBlur(sharp, (5, 5), 1))


def test_archive_on_disk_gives_the_same_crops(tmp_path: Any, astronaut: Image) -> None:
    frames = packed([astronaut])
    (tmp_path / "f.tar").write_bytes(archive.pack(frames.meta, frames.images))
    expected = cropping.crop_frames(frames, **SETTINGS)
    assert cropping.crop_archive(tmp_path / "f.tar", **SETTINGS) == expected


@pytest.mark.parametrize("crf", [23, 32, 40])
@pytest.mark.parametrize("side", [180, 360])
def test_the_crop_of_a_still_face_does_not_move(astronaut: Image, crf: int, side: int) -> None:
    """With camera noise and H.264, its centre varies by less than 1 % of its side."""
    image = cv2.resize(astronaut[:300, 60:360], (side, side), interpolation=cv2.INTER_AREA)
    rng = np.random.default_rng(0)
    images = [
        np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8) for _ in range(12)
    ]
    found = crop(packed(h264(images, crf)), size=160)
    assert len(found.images) == 12
    boxes = np.array([one["box"] for one in found.meta["crops"]])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    crop_side = 1.3 * (boxes[:, 2:] - boxes[:, :2]).max(axis=1).mean()
    assert centres.std(axis=0).max() < 0.01 * crop_side


def h264(images: Sequence[Image], crf: int) -> list[Image]:
    """The images encoded as an H.264 video and decoded."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as output:
        clip = output.add_stream("libx264", rate=25, options={"crf": str(crf)})
        clip.height, clip.width = images[0].shape[:2]
        clip.pix_fmt = "yuv420p"
        for image in images:
            output.mux(clip.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(clip.encode())
    stream.seek(0)
    with av.open(stream) as clip:
        return [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]


def test_colours_are_compared_where_two_faces_fit_best() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.integers(60, 200, (2, 12, 12, 3), np.uint8)
    one, other = (cv2.resize(part, (240, 240), interpolation=cv2.INTER_CUBIC) for part in coarse)
    nodded = np.roll(one, 8, axis=0)  # pixels, a fifteenth of the face
    box = Face((60, 60, 180, 180), 0.9, ((140, 100), (130, 100), (90, 100), (100, 100), (120, 130)))
    appearance = cropping.FrameAppearance([one, nodded, other])
    assert appearance.color_difference(0, box, 0, box) == 0
    assert appearance.color_difference(0, box, 1, box) < MAX_COLOR_DIFFERENCE / 4
    assert appearance.color_difference(0, box, 2, box) > MAX_COLOR_DIFFERENCE
