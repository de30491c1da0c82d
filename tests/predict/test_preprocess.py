"""Untrusted files: any kind, recognised by content, processed in another process with limits."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import ClipMaker, execution
from web_server import Served

from deepfake.core.files import sha256_of
from deepfake.core.image import Image
from deepfake.faces.crops import crop_settings
from deepfake.jobs.step import Failure
from deepfake.params.schema import Params
from deepfake.predict.inputs import InputFile
from deepfake.predict.preprocess import Preprocessed, Preprocessor, preprocess
from deepfake.predict.result import UndecidedCause
from deepfake.video.frames import frame_settings
from deepfake.video.record import VideoMeta


@pytest.fixture
def settings(params: Params) -> dict[str, Any]:
    frames = frame_settings(params.frames.model_copy(update={"per_video": 2}))
    return {"frames": frames, "crops": crop_settings(params.crops)}


@pytest.fixture
def preprocessor() -> Iterator[Preprocessor]:
    preprocessor = Preprocessor(execution(workers=1, video_seconds=60))
    yield preprocessor
    preprocessor.close()


def photo(path: Path, image: Image) -> Path:
    cv2.imwrite(str(path), image[..., ::-1])
    return path


def test_content_decides_the_kind_not_the_name(
    astronaut: Image, tmp_path: Path, settings: dict[str, Any]
) -> None:
    path = photo(tmp_path / "photo.png", astronaut).rename(tmp_path / "clip.mp4")
    file = Preprocessed.unpack(preprocess(path, **settings))
    assert file.video.status == "ok"
    assert len(file.crops) == len(file.images) == 1
    assert (file.cause, file.reason) == (None, "")


def test_no_face_and_no_file(
    tmp_path: Path, make_clip: ClipMaker, settings: dict[str, Any]
) -> None:
    empty = Preprocessed.unpack(preprocess(make_clip(tmp_path / "clip.mp4", 9), **settings))
    assert (empty.images, empty.cause, empty.reason) == ({}, None, "")
    assert len(empty.video.indices) == 2
    missing = Preprocessed.unpack(preprocess(tmp_path / "nowhere", **settings))
    assert missing.video.status == "unreadable"
    assert missing.video.reason == "no such file"


def test_a_face_that_is_too_small_is_reported_with_its_size(
    astronaut: Image, tmp_path: Path, settings: dict[str, Any]
) -> None:
    crowd = np.full((700, 900, 3), 128, np.uint8)
    crowd[100:612, 100:612] = astronaut
    settings["crops"]["min_face"] = 0.5
    file = Preprocessed.unpack(preprocess(photo(tmp_path / "crowd.png", crowd), **settings))
    assert not file.images
    assert file.cause is UndecidedCause.FACE_TOO_SMALL
    assert file.reason.startswith("face too small (")
    assert file.reason.endswith(" pixels, 350 needed)")


@pytest.mark.parametrize("scale", [0.1, 0.2])  # real clips of such a size were FAKE, and "clear"
def test_a_tiny_image_is_not_judged(
    astronaut: Image, tmp_path: Path, settings: dict[str, Any], scale: float
) -> None:
    tiny = cv2.resize(astronaut[:300, 60:400], None, fx=scale, fy=scale)
    settings["crops"]["min_face_pixels"] = 48
    file = Preprocessed.unpack(preprocess(photo(tmp_path / "a.png", tiny), **settings))
    assert not file.images
    assert file.cause is UndecidedCause.FACE_TOO_SMALL
    assert re.fullmatch(r"face too small \((1|2)\d pixels, 48 needed\)", file.reason)


def test_a_person_in_too_few_frames_is_reported(demo_root: Path, settings: dict[str, Any]) -> None:
    settings["crops"]["min_track_fraction"] = 1.1
    file = Preprocessed.unpack(preprocess(demo_root / "real/orl01_1.mp4", **settings))
    assert file.cause is UndecidedCause.TOO_FEW_FRAMES
    assert file.reason == "no face is in enough frames (110% needed)"


@pytest.mark.slow
def test_results_are_in_order_and_broken_files_do_not_stop_others(
    demo_root: Path,
    tmp_path: Path,
    served: Served,
    settings: dict[str, Any],
    preprocessor: Preprocessor,
) -> None:
    (tmp_path / "broken.mp4").write_text("not a video")
    clip = demo_root / "real/orl01_1.mp4"
    shutil.copy(clip, served.folder / "remote")
    names = [str(clip), str(tmp_path / "broken.mp4"), served.url("remote"), served.url("gone")]
    inputs = [InputFile(name) for name in names]
    numbers, files = zip(*preprocessor.many(inputs, settings, lambda *found: found), strict=True)
    assert numbers == (0, 1, 2, 3)
    assert [file.video.status for file in files] == ["ok", "unreadable"] * 2
    assert [file.sha256 for file in files] == [
        *(sha256_of(path) for path in (clip, tmp_path / "broken.mp4", clip)),
        "",
    ]
    assert files[0].images == files[2].images, "a download gives the crops of the file"
    assert files[3].video.reason.startswith("cannot be downloaded: FileNotFound")


@pytest.mark.slow
def test_an_address_without_a_response_times_out(served: Served, settings: dict[str, Any]) -> None:
    limited = Preprocessor(execution(workers=1, video_seconds=2))
    result = limited.one(InputFile(served.url("hang")), settings)
    limited.close()
    assert result == Failure("timed_out", "timed out after 2 seconds")


@pytest.mark.parametrize("cause", [None, *UndecidedCause])
def test_what_is_packed_is_unpacked(cause: UndecidedCause | None) -> None:
    video = VideoMeta("ok", "a reason", 64, 48, 25.0, 9, 1234, "h264", (0, 4))
    crops = [{"frame": 4, "track": 0, "image": "0-000004.jpg", "box": [1, 2, 3, 4]}]
    file = Preprocessed(video, crops, {"0-000004.jpg": b"jpeg"}, cause, "another reason", "00ff")
    assert Preprocessed.unpack(file.pack()) == file


def test_closing_ends_a_running_task(served: Served, settings: dict[str, Any]) -> None:
    preprocessor = Preprocessor(execution(workers=1, video_seconds=60))
    results = preprocessor.many(
        [InputFile(served.url("hang")), InputFile(served.url("hang"))], settings, lambda *_: None
    )
    start = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    preprocessor.close()
    assert time.monotonic() - start < 30
