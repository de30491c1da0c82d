"""The annotated video: boxes where the faces are, every frame there, nothing left behind."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from conftest import ClipMaker
from results import NOBODY, TWO, make_face

from deepfake import Detector
from deepfake.core.image import Image
from deepfake.predict.annotate import (
    COLORS,
    AnnotateError,
    Label,
    annotate,
    dense_count,
    draw,
    draw_video,
    labels_at,
    title,
)


def frames_of(path: Path) -> list[Image]:
    with av.open(str(path)) as video:
        return [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]


def test_a_video_with_a_face(detector: Detector, demo_root: Path, tmp_path: Path) -> None:
    path = demo_root / "real/orl01_1.mp4"
    result = detector.predict(path)
    annotate(result, path, tmp_path / "new/out.mp4", detector)
    before, after = frames_of(path), frames_of(tmp_path / "new/out.mp4")
    assert len(after) == len(before) == result.video.frame_count
    assert after[0].shape == before[0].shape
    assert all(np.abs(a.astype(int) - b).max() > 80 for a, b in zip(after, before, strict=True))
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["out.mp4"]


def test_a_video_without_a_face_gets_its_reason(
    detector: Detector, make_clip: ClipMaker, tmp_path: Path
) -> None:
    path = make_clip(tmp_path / "clip.mp4", 12)
    result = detector.predict(path)
    assert result.verdict == "UNDECIDED"
    annotate(result, path, tmp_path / "out.mp4", detector)
    assert len(frames_of(tmp_path / "out.mp4")) == 12


def test_what_is_no_video_is_an_error(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("no video")
    result = detector.predict(tmp_path / "broken.mp4")
    with pytest.raises(AnnotateError, match="only a video can be annotated"):
        annotate(result, tmp_path / "broken.mp4", tmp_path / "out.mp4", detector)
    assert not (tmp_path / "out.mp4").exists()


def test_a_place_that_cannot_be_written_is_an_error(
    detector: Detector, make_clip: ClipMaker, tmp_path: Path
) -> None:
    path = make_clip(tmp_path / "clip.mp4", 6)
    (tmp_path / "file").touch()
    with pytest.raises(AnnotateError, match="cannot be written"):
        annotate(detector.predict(path), path, tmp_path / "file/out.mp4", detector)


def test_a_cut_video_ends_where_decoding_does(make_clip: ClipMaker, tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "clip.mp4", 60, {"movflags": "faststart"})
    data = whole.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    draw_video(tmp_path / "cut.mp4", str(tmp_path / "out.mp4"), "UNDECIDED", [], 0.5, 50)
    assert 0 < len(frames_of(tmp_path / "out.mp4")) < 60


def test_odd_sides_lose_a_pixel(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "odd.avi"), "w") as video:
        stream = video.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 65, 49, "yuv420p"
        for _ in range(5):
            picture = av.VideoFrame.from_ndarray(np.zeros((49, 65, 3), np.uint8), format="rgb24")
            video.mux(stream.encode(picture))
        video.mux(stream.encode())
    draw_video(tmp_path / "odd.avi", str(tmp_path / "out.mp4"), "REAL 0.10", [], 0.5, 50)
    assert [one.shape for one in frames_of(tmp_path / "out.mp4")] == [(48, 64, 3)] * 5


@pytest.mark.parametrize(
    ("number", "gap", "left"),
    [
        (25, 50, 25.0),
        (30, 50, 30.0),  # between two sightings, in a straight line
        (50, 50, 50.0),
        (55, 50, 50.0),  # a little after the last one
        (20, 50, 25.0),  # and before the first
        (10, 50, None),
        (70, 50, None),
        (30, 20, None),  # too long between
        (25, 20, 25.0),
    ],
)
def test_where_a_box_is(number: int, gap: float, left: float | None) -> None:
    labels = labels_at(number, [make_face(1, {25: 0.4, 50: 0.9}, 0.7)], 0.5, gap)
    assert [label.box[0] for label in labels] == ([] if left is None else [pytest.approx(left)])


def test_labels_tell_person_score_and_side() -> None:
    labels = labels_at(50, TWO.faces, 0.5, 50)
    assert [(label.text, label.kind) for label in labels] == [
        ("person 0: 0.10", "real"),
        ("person 1: 0.90", "fake"),
        ("person 2: 0.90", "fake"),
    ]
    assert labels_at(50, [], 0.5, 50) == []


def test_drawing_leaves_the_image_and_stays_in_it() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    boxes = [(100.0, 80.0, 180.0, 160.0), (-50.0, -50.0, 500.0, 500.0), (300.0, 0.0, 340.0, 30.0)]
    drawn = draw(image, [Label(box, "person 0: 0.90", "fake") for box in boxes], "FAKE 0.90")
    assert not image.any()
    assert tuple(drawn[120, 100]) == COLORS["fake"]
    assert drawn.shape == image.shape


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (TWO, "FAKE 0.82 (FAKE from 0.50)"),
        (NOBODY, "UNDECIDED no face found"),
        (replace(NOBODY, reason=""), "UNDECIDED "),
    ],
)
def test_titles(result: Any, words: str) -> None:
    assert title(result) == words
    draw(np.zeros((48, 64, 3), np.uint8), [], title(result))


@pytest.mark.parametrize(
    ("frames", "fps", "pixels", "count"),
    [
        (250, 25.0, 1280 * 720, 60),
        (25_000, 25.0, 640 * 480, 300),
        (25_000, 25.0, 7680 * 4320, 15),
        (3, 25.0, 100, 2),
        (20, 0.0, 100, 20),
        (0, 25.0, 0, 2),
    ],
)
def test_how_many_frames_are_looked_at(frames: int, fps: float, pixels: int, count: int) -> None:
    assert dense_count(frames, fps, pixels) == count
