"""The service behind page and API: an upload in, a result out, no files left."""

import io
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import pytest
from conftest import ClipMaker, code_image

from deepfake import Detector
from deepfake.base.errors import ModelError
from deepfake.jobs.step import CRASHED, OUT_OF_MEMORY, TIMED_OUT, Failure
from deepfake.model.operating_points import OperatingPointError
from deepfake.predict.result import UndecidedCause
from deepfake.serving.service import DETECTING, DRAWING, DRAWING_BOXES, Service, waiting_message
from deepfake.serving.uploads import TooLargeError, UploadLimits

SMALL = UploadLimits(megabytes=1, minutes=0.5, waiting=1)


@pytest.fixture
def service(detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service with a random model and an empty folder for uploads."""
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


def test_the_runtime_is_passed_to_the_detector(random_model: Path) -> None:
    with pytest.raises(ModelError, match="unknown runtime tensorrt"):
        Service.load(str(random_model), SMALL, "tensorrt")


@pytest.mark.slow
def test_the_result_is_that_of_the_detector(
    service: Service, detector: Detector, demo_root: Path, tmp_path: Path
) -> None:
    path = demo_root / "real/orl01_1.mp4"
    messages: list[str] = []
    result = service.predict(io.BytesIO(path.read_bytes()), "../clip.mp4", messages.append)
    expected = detector.predict(path)
    assert result.path == "clip.mp4"
    assert (result.score, result.interval) == (expected.score, expected.interval)
    assert messages == [DETECTING]
    assert list(tmp_path.iterdir()) == []


def test_an_operating_point_that_the_model_lacks_is_an_error_before_the_queue(
    service: Service, tmp_path: Path
) -> None:
    with pytest.raises(OperatingPointError, match="no operating point strict"):
        service.predict(io.BytesIO(b"text"), "clip.mp4", operating_point="strict")
    found = service.predict(io.BytesIO(b"text"), "clip.mp4", operating_point="balanced")
    assert found.operating_point.name == "balanced"
    assert service.queue_length == 0
    assert list(tmp_path.iterdir()) == []


def test_an_analysis_has_heat_maps_and_a_report(service: Service, demo_root: Path) -> None:
    messages: list[str] = []
    data = (demo_root / "real/orl01_1.mp4").read_bytes()
    analysis = service.analyse(io.BytesIO(data), "clip.mp4", messages.append)
    assert messages == [DETECTING, DRAWING, DRAWING_BOXES]
    assert [person.face for person in analysis.people] == list(analysis.result.faces)
    assert analysis.people[0].crops[0].heat in analysis.report


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty file"), (b"#EXTM3U\n", "neither an image nor a video")],
)
def test_a_refused_file_is_undecided(service: Service, data: bytes, reason: str) -> None:
    analysis = service.analyse(io.BytesIO(data), "clip.mp4")
    result = analysis.result
    assert (result.verdict, result.score, result.reason) == ("UNDECIDED", None, reason)
    assert result.cause is UndecidedCause.UNREADABLE
    assert result.video.file_bytes == len(data)
    assert analysis.people == []
    assert reason in analysis.report


def test_a_long_video_is_refused(
    service: Service, tmp_path_factory: pytest.TempPathFactory, make_clip: ClipMaker
) -> None:
    folder = tmp_path_factory.mktemp("clips")
    result = service.predict(io.BytesIO(slow_clip(folder / "slow.mp4", 3600)), "slow.mp4")
    assert result.verdict == "UNDECIDED"
    assert result.reason == "video of 120 minutes exceeds the limit of 0.5"
    assert result.cause is UndecidedCause.OVER_LIMIT
    short = make_clip(folder / "clip.mp4", 10)
    assert service.predict(io.BytesIO(short.read_bytes()), "short").reason == "no face found"


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (TIMED_OUT, UndecidedCause.OVER_LIMIT),
        (OUT_OF_MEMORY, UndecidedCause.OVER_LIMIT),
        (CRASHED, UndecidedCause.UNREADABLE),
    ],
)
def test_the_cause_does_not_depend_on_which_step_exceeds_a_limit(
    service: Service, monkeypatch: pytest.MonkeyPatch, status: str, cause: UndecidedCause
) -> None:
    """Already the step that reads the length of a video may; the advice is that of the cause."""
    preprocessor = service.detector.preprocessor
    monkeypatch.setattr(preprocessor, "call", lambda *_: Failure(status, "some words"))
    result = service.predict(io.BytesIO(b"GIF89a"), "clip.gif")
    assert (result.cause, result.reason) == (cause, "some words")


def test_a_file_that_is_too_large_is_an_error(service: Service, tmp_path: Path) -> None:
    with pytest.raises(TooLargeError):
        service.predict(io.BytesIO(bytes(1_000_001)), "clip.mp4")
    assert service.queue_length == 0
    assert list(tmp_path.iterdir()) == []


def test_waiting_messages() -> None:
    assert waiting_message(1) == "Waiting: 1 file is ahead of yours"
    assert waiting_message(3) == "Waiting: 3 files are ahead of yours"
