"""The annotated video: boxes on the faces, every frame, no temporary files."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from clip_files import frames_of
from conftest import ClipMaker
from results import HALF, NO_PEOPLE, NOT_CERTAIN, THREE_PEOPLE, make_face

from deepfake import Detector
from deepfake.model.operating_points import Thresholds
from deepfake.predict.annotate import (
    COLORS,
    AnnotateError,
    Caption,
    Label,
    analysed_count,
    annotate,
    draw,
    labels_at,
    make_caption,
    write_annotated,
)
from deepfake.predict.result import Result

CAPTION = Caption("REAL 0.10", "REAL")


@pytest.mark.slow
def test_a_video_is_annotated(detector: Detector, demo_root: Path, tmp_path: Path) -> None:
    path = demo_root / "real/orl01_1.mp4"
    result = detector.predict(path)
    annotate(result, path, tmp_path / "new/out.mp4", detector)
    before, after = frames_of(path), frames_of(tmp_path / "new/out.mp4")
    assert len(after) == len(before) == result.video.frame_count
    assert after[0].shape == before[0].shape
    assert all(np.abs(a.astype(int) - b).max() > 80 for a, b in zip(after, before, strict=True))
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["out.mp4"]


def test_a_video_without_a_face_shows_the_reason(
    detector: Detector, make_clip: ClipMaker, tmp_path: Path
) -> None:
    path = make_clip(tmp_path / "clip.mp4", 12)
    result = detector.predict(path)
    assert result.verdict == "UNDECIDED"
    annotate(result, path, tmp_path / "out.mp4", detector)
    assert len(frames_of(tmp_path / "out.mp4")) == 12


def test_a_file_that_is_not_a_video_is_an_error(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("not a video")
    result = detector.predict(tmp_path / "broken.mp4")
    with pytest.raises(AnnotateError, match=r"broken\.mp4: not a video"):
        annotate(result, tmp_path / "broken.mp4", tmp_path / "out.mp4", detector)
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("link", [None, "symbolic", "hard"])
def test_the_video_itself_is_never_overwritten(
    detector: Detector, demo_root: Path, tmp_path: Path, link: str | None
) -> None:
    path = tmp_path / "evidence.mp4"
    path.write_bytes((demo_root / "real/astronaut_1.mp4").read_bytes())
    before = path.read_bytes()
    out = path if link is None else tmp_path / "other.mp4"
    if link == "symbolic":
        out.symlink_to(path)
    elif link == "hard":
        out.hardlink_to(path)
    with pytest.raises(AnnotateError, match="is the video itself"):
        annotate(THREE_PEOPLE, path, out, detector)
    assert path.read_bytes() == before


def test_an_output_that_cannot_be_written_is_an_error(
    detector: Detector, make_clip: ClipMaker, tmp_path: Path
) -> None:
    path = make_clip(tmp_path / "clip.mp4", 6)
    (tmp_path / "file").touch()
    with pytest.raises(AnnotateError, match="cannot be written"):
        annotate(detector.predict(path), path, tmp_path / "file/out.mp4", detector)


def test_a_truncated_video_ends_at_the_first_decoding_error(
    make_clip: ClipMaker, tmp_path: Path
) -> None:
    whole = make_clip(tmp_path / "clip.mp4", 60, {"movflags": "faststart"})
    data = whole.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    write_annotated(tmp_path / "cut.mp4", str(tmp_path / "out.mp4"), CAPTION, [], HALF, 50)
    assert 0 < len(frames_of(tmp_path / "out.mp4")) < 60


def test_odd_sides_lose_one_pixel(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "odd.avi"), "w") as video:
        stream = video.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 65, 49, "yuv420p"
        for _ in range(5):
            picture = av.VideoFrame.from_ndarray(np.zeros((49, 65, 3), np.uint8), format="rgb24")
            video.mux(stream.encode(picture))
        video.mux(stream.encode())
    write_annotated(tmp_path / "odd.avi", str(tmp_path / "out.mp4"), CAPTION, [], HALF, 50)
    assert [one.shape for one in frames_of(tmp_path / "out.mp4")] == [(48, 64, 3)] * 5


@pytest.mark.parametrize(
    ("number", "max_gap", "left"),
    [
        (25, 50, 25.0),
        (30, 50, 30.0),  # between two analysed frames
        (50, 50, 50.0),
        (55, 50, 50.0),  # shortly after the last one
        (20, 50, 25.0),  # shortly before the first one
        (10, 50, None),
        (70, 50, None),
        (32, 20, None),  # too far from both
        (29, 20, 25.0),  # close to one of two that are too far apart
        (25, 20, 25.0),
    ],
)
def test_boxes_are_interpolated(number: int, max_gap: float, left: float | None) -> None:
    labels = labels_at(number, [make_face(1, {25: 0.4, 50: 0.9}, 0.7)], HALF, max_gap)
    assert [label.box[0] for label in labels] == ([] if left is None else [pytest.approx(left)])


def test_labels_have_person_score_and_verdict() -> None:
    labels = labels_at(50, THREE_PEOPLE.faces, HALF, 50)
    assert [(label.text, label.verdict) for label in labels] == [
        ("Person 1: 0.90", "FAKE"),
        ("Person 2: 0.10", "REAL"),
        ("Person 3: 0.90", "FAKE"),
    ]
    assert labels_at(50, [], HALF, 50) == []
    cautious = labels_at(50, THREE_PEOPLE.faces, Thresholds(0.05, 0.9), 50)
    assert [label.verdict for label in cautious] == ["FAKE", "UNDECIDED", "FAKE"]


def test_drawing_changes_a_copy_and_keeps_its_size() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    boxes = [(100.0, 80.0, 180.0, 160.0), (-50.0, -50.0, 500.0, 500.0), (300.0, 0.0, 340.0, 30.0)]
    labels = [Label(box, "Person 1: 0.90", "FAKE") for box in boxes]
    annotated = draw(image, labels, Caption("FAKE 0.90", "FAKE"))
    assert not image.any()
    assert tuple(annotated[120, 100]) == COLORS["FAKE"]
    assert annotated.shape == image.shape


def test_the_caption_has_the_colour_of_the_verdict() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    for verdict, color in COLORS.items():
        annotated = draw(image, [], Caption("no verdict word", verdict))
        assert (annotated == color).all(axis=2).any()


@pytest.mark.parametrize(
    ("result", "caption"),
    [
        (THREE_PEOPLE, Caption("FAKE 0.82 (FAKE from 0.50)", "FAKE")),
        (NO_PEOPLE, Caption("UNDECIDED no face found", "UNDECIDED")),
        (NOT_CERTAIN, Caption("UNDECIDED 0.82 (FAKE from 0.90, REAL below 0.30)", "UNDECIDED")),
        (replace(NO_PEOPLE, reason=""), Caption("UNDECIDED ", "UNDECIDED")),
    ],
)
def test_captions(result: Result, caption: Caption) -> None:
    assert make_caption(result) == caption
    draw(np.zeros((48, 64, 3), np.uint8), [], make_caption(result))


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
def test_number_of_analysed_frames(frames: int, fps: float, pixels: int, count: int) -> None:
    assert analysed_count(frames, fps, pixels) == count
