"""Batches: many files, their progress and results, expiry, and what remains of them."""

import io
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosting import wait_until

from deepfake import Detector
from deepfake.model.operating_points import OperatingPointError
from deepfake.predict.result import Result
from deepfake.serving import batches as module
from deepfake.serving.batches import Batches, NoBatchError, TooManyBatchesError
from deepfake.serving.service import Service
from deepfake.serving.uploads import TooLargeError, UploadLimits, delete_stale_uploads

FILES = [(b"text", "a.mp4"), (b"", "../b.mp4")]


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def service(detector: Detector, folder: Path) -> Service:
    assert list(folder.iterdir()) == []
    return Service(detector, UploadLimits(megabytes=1, waiting=0))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def batches(service: Service, clock: Clock, folder: Path) -> Iterator[Batches]:
    found = Batches(service, 60, clock=clock)
    yield found
    found.close()
    wait_until(lambda: not list(folder.iterdir()))


class Gate(threading.Semaphore):
    """Lets a file be analysed each time that it is released; `arrived` counts those that came."""

    arrived = 0


@pytest.fixture
def proceed(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """What files wait for before they are analysed."""
    gate, predict = Gate(0), service.predict_copy

    def wait(path: Path, name: str, operating_point: str) -> Result:
        gate.arrived += 1
        assert gate.acquire(timeout=60)
        return predict(path, name, operating_point)

    monkeypatch.setattr(service, "predict_copy", wait)
    yield gate
    gate.release(100)


def add(batches: Batches, files: list[tuple[bytes, str]] = FILES, owner: str = "") -> str:
    streams = [(io.BytesIO(data), name) for data, name in files]
    return str(batches.add(owner, streams, None, with_frames=False)["id"])


def test_progress_and_results(batches: Batches, proceed: Gate, clock: Clock, folder: Path) -> None:
    name = add(batches)
    state = batches.state("", name)
    assert (state["status"], state["files"], state["finished"]) == ("waiting", 2, 0)
    assert state["results"] == []
    proceed.release()
    wait_until(lambda: batches.state("", name)["status"] == "running")
    assert len(list(folder.iterdir())) == 1, "a file is deleted when it is analysed"
    assert batches.state("", name)["expires_in_seconds"] is None
    proceed.release()
    wait_until(lambda: batches.state("", name)["status"] == "finished")
    first, second = batches.state("", name)["results"]
    assert (first["path"], second["path"]) == ("a.mp4", "b.mp4")
    assert first["prediction"]["reason"] == "neither an image nor a video"
    assert second["prediction"]["reason"] == "empty file"
    clock.now = 59.0
    assert batches.state("", name)["expires_in_seconds"] == 1
    clock.now = 60.0
    with pytest.raises(NoBatchError, match="deleted 1 minutes after their last file"):
        batches.state("", name)


def test_a_batch_belongs_to_its_client(batches: Batches) -> None:
    name = add(batches, owner="a")
    for call in (batches.state, batches.delete):
        with pytest.raises(NoBatchError):
            call("b", name)
    batches.delete("a", name)
    with pytest.raises(NoBatchError):
        batches.state("a", name)


def test_single_files_and_batches_take_turns(
    batches: Batches, service: Service, proceed: Gate
) -> None:
    """A full queue refuses single files; files of a batch wait."""
    with service._turn(lambda _: None):
        name = add(batches)
        proceed.release(2)
        wait_until(lambda: service.queue_length == 2)
        assert batches.state("", name)["finished"] == 0
    wait_until(lambda: batches.state("", name)["finished"] == 2)


def test_a_deleted_batch_is_not_analysed(batches: Batches, proceed: Gate, folder: Path) -> None:
    first, second = add(batches), add(batches)
    wait_until(lambda: proceed.arrived == 1)
    batches.delete("", first)
    assert len(list(folder.iterdir())) == 3, "the file that is being analysed, and the other batch"
    proceed.release(3)
    wait_until(lambda: batches.state("", second)["status"] == "finished")
    assert list(folder.iterdir()) == []


def test_an_error_of_the_server_concerns_one_file(
    batches: Batches,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    predict = service.predict_copy

    def fail(path: Path, name: str, operating_point: str) -> Result:
        if name == "a.mp4":
            raise RuntimeError("secret")
        return predict(path, name, operating_point)

    monkeypatch.setattr(service, "predict_copy", fail)
    name = add(batches)
    wait_until(lambda: batches.state("", name)["status"] == "finished")
    first, second = batches.state("", name)["results"]
    assert first["prediction"] is None
    assert (first["problem"]["code"], second["problem"]) == ("internal_error", None)
    assert "secret" not in json.dumps(first)
    assert "secret" in caplog.text


def test_what_is_refused_leaves_nothing(
    batches: Batches, folder: Path, monkeypatch: pytest.MonkeyPatch, proceed: Gate
) -> None:
    with pytest.raises(TooLargeError, match=r"b\.mp4: larger than the limit of 1 MB"):
        add(batches, [(b"text", "a.mp4"), (bytes(1_000_001), "b.mp4")])
    with pytest.raises(OperatingPointError):
        batches.add("", [(io.BytesIO(b"x"), "a")], "strict", with_frames=False)
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(module, "MAX_UNFINISHED", 1)
    name = add(batches)
    with pytest.raises(TooManyBatchesError, match="1 batches are being analysed"):
        add(batches)
    proceed.release(2)
    wait_until(lambda: batches.state("", name)["status"] == "finished")
    monkeypatch.setattr(module, "MAX_BATCHES", 1)
    with pytest.raises(TooManyBatchesError, match=r"DELETE /batches/ID"):
        add(batches)
    batches.delete("", name)
    add(batches)


def test_files_that_wait_long_are_not_stale(batches: Batches, proceed: Gate, folder: Path) -> None:
    add(batches, [*FILES, (b"3", "c")])
    wait_until(lambda: len(list(folder.iterdir())) == 3)
    for path in folder.iterdir():
        os.utime(path, (0, 0))
    proceed.release()
    wait_until(lambda: len(list(folder.iterdir())) == 2)
    wait_until(lambda: max(path.stat().st_mtime for path in folder.iterdir()) > 0)
    deleted = delete_stale_uploads(time.time())
    assert deleted <= 1, "only the file that is being analysed, in this test for 50 years"
    proceed.release(2)
