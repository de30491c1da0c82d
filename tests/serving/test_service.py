"""What the page and the server have in common: an upload in, a result out, nothing left."""

import io
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import pytest
from conftest import ClipMaker, code_image

from deepfake import Detector
from deepfake.base.errors import ModelError
from deepfake.serving.service import FACES, MAPS, Service, queued
from deepfake.serving.uploads import TooLargeError, UploadLimits

SMALL = UploadLimits(megabytes=1, minutes=0.5, waiting=1)


@pytest.fixture
def service(detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Of a random model, whose uploads go to an empty folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Service(detector, SMALL)


def slow_clip(path: Path, seconds: int) -> bytes:
    """Three frames, `seconds` apart."""
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=1)
        stream.width = stream.height = 64
        stream.time_base = Fraction(1, 1)
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(code_image(index), format="rgb24")
            frame.pts, frame.time_base = index * seconds, Fraction(1, 1)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path.read_bytes()


def test_the_runtime_is_the_detector_s(random_model: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx cannot be read"):
        Service.load(str(random_model), SMALL, "onnx")


def test_a_verdict_like_the_command_s(
    service: Service, detector: Detector, demo_root: Path, tmp_path: Path
) -> None:
    path = demo_root / "real/orl01_1.mp4"
    told: list[str] = []
    result = service.judge(io.BytesIO(path.read_bytes()), "../clip.mp4", told.append)
    expected = detector.predict(path)
    assert result.path == "clip.mp4"
    assert (result.score, result.interval) == (expected.score, expected.interval)
    assert told == [FACES]
    assert list(tmp_path.iterdir()) == []


def test_the_page_gets_heat_maps_and_a_report(service: Service, demo_root: Path) -> None:
    told: list[str] = []
    data = (demo_root / "real/orl01_1.mp4").read_bytes()
    examined = service.examine(io.BytesIO(data), "clip.mp4", told.append)
    assert told == [FACES, MAPS]
    assert [person.face for person in examined.people] == list(examined.result.faces)
    assert examined.people[0].crops[0].heat in examined.report


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty file"), (b"#EXTM3U\n", "neither an image nor a video")],
)
def test_what_is_refused_is_undecided(service: Service, data: bytes, reason: str) -> None:
    examined = service.examine(io.BytesIO(data), "clip.mp4")
    result = examined.result
    assert (result.verdict, result.score, result.reason) == ("UNDECIDED", None, reason)
    assert result.video.file_bytes == len(data)
    assert examined.people == []
    assert reason in examined.report


def test_a_long_video_is_refused(
    service: Service, tmp_path_factory: pytest.TempPathFactory, make_clip: ClipMaker
) -> None:
    folder = tmp_path_factory.mktemp("clips")
    result = service.judge(io.BytesIO(slow_clip(folder / "slow.mp4", 3600)), "slow.mp4")
    assert result.verdict == "UNDECIDED"
    assert result.reason.endswith("minutes, at most 0.5 are taken")
    short = make_clip(folder / "clip.mp4", 10)
    assert service.judge(io.BytesIO(short.read_bytes()), "short").reason == "no face found"


def test_too_many_bytes_are_an_error(service: Service, tmp_path: Path) -> None:
    with pytest.raises(TooLargeError):
        service.judge(io.BytesIO(bytes(1_000_001)), "clip.mp4")
    assert service.in_line == 0
    assert list(tmp_path.iterdir()) == []


def test_the_queue_in_words() -> None:
    assert queued(1) == "Waiting: 1 file is before yours"
    assert queued(3) == "Waiting: 3 files are before yours"
