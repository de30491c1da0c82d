"""Several files, analysed in the background."""

import csv
import gc
import io
import json
import threading
import weakref
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hosting import wait_until
from results import NO_PEOPLE, THREE_PEOPLE

from deepfake.predict.output import FILE_COLUMNS, as_record
from deepfake.predict.pictures import Pictures
from deepfake.serving.page import file_list
from deepfake.serving.page.file_list import (
    FileList,
    ListedFile,
    State,
    reports_zip,
    results_csv,
    results_json,
    seconds_left,
    time_left_text,
)
from deepfake.serving.page.list_view import table_of
from deepfake.serving.page.visits import ChosenFile, MemoryFullError
from deepfake.serving.queue import QueueFullError
from deepfake.serving.service import Analysis
from deepfake.serving.uploads import TooLargeError


def analysis(name: str) -> Analysis:
    return Analysis(replace(THREE_PEOPLE, path=name), [], f"<p>report of {name}</p>", Pictures({}))


class SlowService:
    """Analyses a file when it is told to; `hurdles` are errors that come first."""

    def __init__(self) -> None:
        self.hurdles: dict[str, list[Exception]] = {}
        self.begun: list[str] = []
        self.step = threading.Semaphore(0)
        self.is_full = False

    def analyse(self, stream: Any, name: str, report: Callable[[str], None]) -> Analysis:
        assert stream.read() == name.encode(), "from its beginning"
        self.begun.append(name)
        report("Detecting")
        assert self.step.acquire(timeout=60)
        report("Drawing")
        if self.hurdles.get(name):
            raise self.hurdles[name].pop(0)
        return analysis(name)

    def make_room(self, size: int) -> None:
        assert size >= len("<p>report of a</p>")
        if self.is_full:
            raise MemoryFullError("the page is full")


def chosen(*names: str) -> list[ChosenFile]:
    return [ChosenFile(f"key-{name}", name, io.BytesIO(name.encode()), 1) for name in names]


def states(files: FileList) -> list[State]:
    return [one.state for one in files.files()]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> SlowService:
    monkeypatch.setattr(file_list, "RETRY_SECONDS", 0.01)
    return SlowService()


def test_files_finish_in_their_order_whatever_happens_to_one(service: SlowService) -> None:
    service.hurdles = {
        "b": [TooLargeError("larger than the limit")],
        "c": [ZeroDivisionError(), QueueFullError("full")],
    }
    files = FileList(service, service.make_room)  # type: ignore[arg-type]
    files.update(chosen("a", "b", "c", "d"), {"key-d": analysis("d")})
    wait_until(lambda: files.files()[0].message == "Detecting")
    assert states(files) == [State.RUNNING, State.WAITING, State.WAITING, State.DONE]
    for _ in range(3):
        service.step.release()
    wait_until(lambda: State.RUNNING not in states(files) and State.WAITING not in states(files))
    assert states(files) == [State.DONE, State.REFUSED, State.REFUSED, State.DONE]
    a, b, c, _ = files.files()
    assert a.analysis
    assert a.analysis.result.path == "a"
    assert (b.message, c.message) == ("larger than the limit", "an error of the server: try again")
    assert service.begun == ["a", "b", "c"], "d was analysed before"
    files.retry("key-c")
    for _ in range(2):  # the queue is full, then there is a place
        service.step.release()
    wait_until(lambda: states(files)[2] is State.DONE)
    service.is_full = True
    files.update(chosen("e"), {})
    service.step.release()
    wait_until(lambda: files.is_finished)
    assert [one.message for one in files.files()] == ["the page is full"]
    files.update([], {})
    assert files.files() == []


def test_files_are_cancelled(service: SlowService) -> None:
    files = FileList(service, service.make_room)  # type: ignore[arg-type]
    files.update(chosen("a", "b", "c"), {})
    wait_until(lambda: service.begun == ["a"])
    files.cancel("key-a")
    files.cancel("key-b")
    files.cancel("unknown")
    assert states(files) == [State.CANCELLED, State.CANCELLED, State.WAITING]
    service.step.release()  # a ends at its next step
    wait_until(lambda: service.begun == ["a", "c"])
    files.update(chosen("a", "b"), {})  # c is removed while it is being analysed
    service.step.release()
    files.retry("key-b")
    wait_until(lambda: service.begun[-1] == "b")
    service.step.release()
    wait_until(lambda: states(files) == [State.CANCELLED, State.DONE])


def test_the_thread_ends_with_the_page(service: SlowService) -> None:
    files = FileList(service, service.make_room)  # type: ignore[arg-type]
    files.update(chosen("a", "b"), {})
    wait_until(lambda: service.begun == ["a"])
    reference, before = weakref.ref(files), threading.active_count()
    del files
    gc.collect()
    assert reference() is None
    service.step.release()
    wait_until(lambda: threading.active_count() < before)
    assert service.begun == ["a"]


def listed(name: str, state: State, seconds: float = 0.0) -> ListedFile:
    found = analysis(name) if state is State.DONE else None
    return ListedFile(chosen(name)[0], state, "why", found, seconds)


def test_time_left() -> None:
    files = [listed("a", State.DONE, 20), listed("b", State.RUNNING), listed("c", State.WAITING)]
    assert seconds_left(files) == 40
    assert seconds_left([*files, listed("d", State.DONE, 100)]) == 120
    assert seconds_left(files[1:]) is None
    assert [time_left_text(one) for one in (None, 59, 61)] == [
        "",
        ", less than a minute left",
        ", about 2 minutes left",
    ]


def test_the_table_and_the_downloads_of_all() -> None:
    formula = "=cmd|' /C calc'!A0.mp4"
    table = table_of([listed(formula, State.DONE), listed("b.mp4", State.REFUSED)])
    assert table["File"].tolist() == [f"'{formula}", "b.mp4"]
    assert table["Verdict"].tolist() == ["FAKE", "not analysed"]
    assert table["Reason"].tolist() == ["", "why"]
    assert table["Face"][0].startswith("data:image/jpeg;base64,")
    assert table["Score"].isna().tolist() == [False, True]
    assert len(table_of([])) == 0

    analyses = [
        analysis(formula),
        analysis("b.mp4"),
        Analysis(NO_PEOPLE, [], "c", Pictures({})),
        analysis("b.mp4"),
    ]
    rows = list(csv.reader(io.StringIO(results_csv(analyses))))
    assert rows[0] == list(FILE_COLUMNS)
    assert [row[0] for row in rows[1:]] == [f"'{formula}", "b.mp4", "clip.mp4", "b.mp4"]
    lines = results_json(analyses).splitlines()
    assert json.loads(lines[2]) == json.loads(json.dumps(as_record(NO_PEOPLE, with_frames=False)))
    with zipfile.ZipFile(io.BytesIO(reports_zip(analyses))) as archive:
        assert len(set(archive.namelist())) == len(analyses)
        assert archive.read("b.mp4.html") == archive.read("b.mp4-2.html")
        assert archive.read("clip.mp4.html") == b"c"
