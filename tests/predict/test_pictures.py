"""The clip and the frames with boxes that the page shows."""

from pathlib import Path

import av
import numpy as np
import pytest
from conftest import ClipMaker
from PIL import Image as Pillow
from results import HALF, make_face

from deepfake import Detector
from deepfake.core import archive
from deepfake.core.image import decode_image
from deepfake.predict import pictures
from deepfake.predict.annotate import AnnotateError, labels_at
from deepfake.predict.pictures import draw_pictures, make_pictures

DETECTION = {"detector": "yunet", "detect_size": 480, "min_score": 0.6}
FACE = make_face(0, {0: 0.2, 8: 0.9}, 0.8)


def drawn(path: Path, out: Path | str, indices: tuple[int, ...]) -> archive.Archive:
    return archive.unpack(draw_pictures(path, str(out), indices, [FACE], HALF, DETECTION))


def clip_length(path: Path) -> int:
    with av.open(str(path)) as video:
        assert video.streams.video[0].codec_context.name == "h264"
        return sum(1 for _ in video.decode(video=0))


def test_a_clip_and_the_analysed_frames(
    make_clip: ClipMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_clip(tmp_path / "clip.mp4", 12)
    found = drawn(path, tmp_path / "whole.mp4", (0, 8))
    assert sorted(found.images) == ["0.jpg", "8.jpg"]
    assert clip_length(tmp_path / "whole.mp4") == 12
    monkeypatch.setattr(pictures, "MAX_CLIP_FRAMES", 5)
    cut = drawn(path, tmp_path / "cut.mp4", (0, 8))
    assert clip_length(tmp_path / "cut.mp4") == 5
    assert cut.images == found.images, "frames behind the end of the clip too"
    assert cut.meta["seconds"] == pytest.approx(found.meta["seconds"] * 5 / 12)


def test_boxes_between_analysed_frames_are_dashed() -> None:
    flags = [labels_at(number, [FACE], HALF, 50)[0].interpolated for number in (0, 4, 8)]
    assert flags == [False, True, False]


def test_a_photo_is_reduced_with_its_boxes(tmp_path: Path) -> None:
    Pillow.new("RGB", (2560, 1000)).save(tmp_path / "photo.png")
    found = drawn(tmp_path / "photo.png", "", (0,))
    image = decode_image(found.images["0.jpg"])
    assert image.shape[:2] == (500, 1280)
    bottom = FACE.frames[0].box[3] / 2
    colored = np.argwhere(image.max(axis=2) > 60)
    assert abs(colored[:, 0].max() - bottom) <= 3
    assert found.meta["seconds"] == 0


def test_a_file_without_a_face_shows_what_was_seen(
    detector: Detector, make_clip: ClipMaker, tmp_path: Path
) -> None:
    path = make_clip(tmp_path / "clip.mp4", 12)
    found = make_pictures(detector.predict(path), path, tmp_path, detector)
    assert (len(found.frames), found.problem) == (1, "")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["clip.mp4"], "no clip is left behind"


def test_a_file_that_cannot_be_decoded_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("not a video")
    with pytest.raises(AnnotateError, match="cannot be drawn"):
        drawn(tmp_path / "broken.mp4", tmp_path / "out.mp4", (0,))
