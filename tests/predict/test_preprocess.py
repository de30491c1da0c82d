"""Files that nobody has checked: any kind, by content, in a process that may end, with a reason."""

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

from deepfake.core import archive
from deepfake.core.image import Image
from deepfake.faces.crops import crop_settings
from deepfake.jobs.step import Failure
from deepfake.params.schema import Params
from deepfake.predict.inputs import Source
from deepfake.predict.preprocess import Preprocessor, preprocess
from deepfake.video.frames import frame_settings


@pytest.fixture
def settings(params: Params) -> dict[str, Any]:
    frames = frame_settings(params.frames.model_copy(update={"per_video": 2}))
    return {"frames": frames, "crops": crop_settings(params.crops)}


@pytest.fixture
def preprocessor() -> Iterator[Preprocessor]:
    made = Preprocessor(execution(workers=1, video_seconds=60))
    yield made
    made.close()


def photo(path: Path, image: Image) -> Path:
    cv2.imwrite(str(path), image[..., ::-1])
    return path


def test_content_and_not_the_name_decides(
    astronaut: Image, tmp_path: Path, settings: dict[str, Any]
) -> None:
    path = photo(tmp_path / "photo.png", astronaut).rename(tmp_path / "clip.mp4")
    found = archive.unpack(preprocess(path, **settings))
    assert found.meta["video"]["status"] == "ok"
    assert len(found.images) == 1
    assert found.meta["no_face"] == ""


def test_no_face_and_no_file(
    tmp_path: Path, make_clip: ClipMaker, settings: dict[str, Any]
) -> None:
    empty = archive.unpack(preprocess(make_clip(tmp_path / "clip.mp4", 9), **settings))
    assert (empty.images, empty.meta["no_face"]) == ({}, "")
    assert len(empty.meta["video"]["indices"]) == 2
    missing = archive.unpack(preprocess(tmp_path / "nowhere", **settings))
    assert missing.meta["video"]["status"] == "unreadable"
    assert missing.meta["video"]["reason"] == "no such file"


def test_a_face_that_is_too_small_is_told_with_its_size(
    astronaut: Image, tmp_path: Path, settings: dict[str, Any]
) -> None:
    crowd = np.full((700, 900, 3), 128, np.uint8)
    crowd[100:612, 100:612] = astronaut
    settings["crops"]["min_face"] = 0.5
    found = archive.unpack(preprocess(photo(tmp_path / "crowd.png", crowd), **settings))
    assert not found.images
    reason = found.meta["no_face"]
    assert reason.startswith("face too small (")
    assert reason.endswith(" pixels, 350 needed)")


def test_a_face_that_is_seen_too_rarely_is_told(demo_root: Path, settings: dict[str, Any]) -> None:
    settings["crops"]["min_track_fraction"] = 1.1
    found = archive.unpack(preprocess(demo_root / "real/orl01_1.mp4", **settings))
    assert found.meta["no_face"] == "too few frames with the same face (110% needed)"


def test_many_in_order_and_broken_ones_between(
    demo_root: Path,
    tmp_path: Path,
    served: Served,
    settings: dict[str, Any],
    preprocessor: Preprocessor,
) -> None:
    (tmp_path / "broken.mp4").write_text("no video")
    clip = demo_root / "real/orl01_1.mp4"
    shutil.copy(clip, served.folder / "remote")
    names = [str(clip), str(tmp_path / "broken.mp4"), served.url("remote"), served.url("gone")]
    found = list(preprocessor.many([Source(name) for name in names], settings))
    unpacked = [archive.unpack(data) for data in found if isinstance(data, bytes)]
    assert [one.meta["video"]["status"] for one in unpacked] == ["ok", "unreadable"] * 2
    assert unpacked[0].images == unpacked[2].images, "a download is judged as the file is"
    assert unpacked[3].meta["video"]["reason"].startswith("cannot be downloaded: FileNotFound")


def test_a_hanging_address_is_given_up(served: Served, settings: dict[str, Any]) -> None:
    hasty = Preprocessor(execution(workers=1, video_seconds=2))
    found = hasty.one(Source(served.url("hang")), settings)
    hasty.close()
    assert found == Failure("timed_out", "not done after 2 seconds")


def test_closing_ends_what_is_being_done(served: Served, settings: dict[str, Any]) -> None:
    preprocessor = Preprocessor(execution(workers=1, video_seconds=60))
    results = preprocessor.many([Source(served.url("hang")), Source(served.url("hang"))], settings)
    start = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    preprocessor.close()
    assert time.monotonic() - start < 30
