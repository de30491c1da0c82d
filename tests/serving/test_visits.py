"""The bound of memory of all visits of a page, and how long a visit is kept."""

import asyncio
import io
from dataclasses import dataclass, field
from typing import Any

import pytest
from results import THREE_PEOPLE

from deepfake.predict.pictures import Pictures
from deepfake.serving.page.app import UPLOADS, UploadGate, first_document
from deepfake.serving.page.visits import ChosenFile, MemoryFullError, PageMemory
from deepfake.serving.service import Analysis

KEEP = 600.0
MAX_BYTES = 100_000


@dataclass
class Server:
    """The connections of a page."""

    connected: set[str] = field(default_factory=set)
    stored: dict[str, dict[str, int]] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)

    def is_connected(self, session: str) -> bool:
        return session in self.connected

    def close(self, session: str) -> None:
        self.closed.append(session)
        self.stored.pop(session, None)

    def uploads(self) -> dict[str, int]:
        return {name: size for files in self.stored.values() for name, size in files.items()}


class Clock:
    """Seconds, which the test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class UploadedBytes(io.BytesIO):
    """As Streamlit's, with an id."""

    file_id = ""


@dataclass
class Page:
    """A memory with what it depends on."""

    server: Server
    clock: Clock
    memory: PageMemory

    def visit_with(self, session: str, size: int) -> str:
        """The token of a new visit with a file that Streamlit has, too."""
        self.server.connected.add(session)
        self.server.stored[session] = {f"id-{session}": size}
        visit = self.memory.visit("", f"browser of {session}", session)
        stream = UploadedBytes()
        stream.file_id = f"id-{session}"
        visit.files["one-a"] = ChosenFile("one-a", "a.mp4", stream, size)
        return visit.token

    def knows(self, token: str) -> bool:
        return token in self.memory._visits


@pytest.fixture
def page() -> Page:
    server, clock = Server(), Clock()
    memory = PageMemory(MAX_BYTES, KEEP, clock)
    memory.serve(server)
    return Page(server, clock, memory)


def test_files_and_results_are_counted_once(page: Page) -> None:
    assert page.memory.size() == 0
    token = page.visit_with("s", 1000)
    assert page.memory.size() == 1000, "the visit and Streamlit have the same bytes"
    page.server.stored["other"] = {"not on a page": 50}
    visit = page.memory.visit(token, "", "s")
    analysis = Analysis(THREE_PEOPLE, [], "report", Pictures({0: b"12"}, b"123"))
    images = sum(len(one.image) for face in THREE_PEOPLE.faces for one in face.frames)
    assert analysis.size == 2 * len("report") + 2 + 3 + images > 17
    visit.analyses = {"one-a": analysis, "models-a": analysis}
    assert page.memory.size() == 1050 + analysis.size
    visit.set_judge("model", "strict")
    assert page.memory.size() == 1050
    visit.keep_only(set())
    page.server.stored.clear()
    assert page.memory.size() == 0


def test_lost_visits_make_room_the_oldest_first_and_connected_ones_stay(page: Page) -> None:
    tokens = []
    for session in ("a", "b", "c"):
        page.clock.now += 1
        tokens.append(page.visit_with(session, 30_000))
    page.memory.make_room(10_000)
    page.server.connected = {"a"}
    page.memory.make_room(10_001)
    assert [page.knows(token) for token in tokens] == [True, False, True]
    assert page.server.closed == ["b"]
    page.memory.make_room(70_000)
    assert page.server.closed == ["b", "c"]
    with pytest.raises(MemoryFullError, match="the page is full"):
        page.memory.make_room(70_001)
    assert page.knows(tokens[0])


def test_a_visit_is_kept_for_its_time_after_the_last_connection(page: Page) -> None:
    token = page.visit_with("s", 1)
    page.clock.now = 2 * KEEP  # an open page that nobody touches
    page.memory.sweep()
    page.server.connected.clear()
    page.clock.now += KEEP
    page.memory.sweep()
    assert page.memory.visit(token, "browser of s", "reloaded").files
    page.server.connected.add("reloaded")
    page.clock.now += 1
    page.memory.sweep()
    assert page.server.closed == ["s"], "the connection that was lost"
    assert page.memory.size() == 1, "the visit still has the file"
    page.server.connected.clear()
    page.clock.now += KEEP + 1
    page.memory.sweep()
    assert not page.knows(token)
    assert page.memory.size() == 0
    assert page.memory.visit(token, "browser of s", "late").token != token


@pytest.mark.parametrize("browser", ["browser of t", "", "\u00e9"])
def test_a_token_is_worth_nothing_in_another_browser(page: Page, browser: str) -> None:
    token = page.visit_with("s", 1)
    visit = page.memory.visit(token, browser, "t")
    assert visit.token != token
    assert not visit.files
    assert len(visit.token) >= 22, "128 random bits"
    assert page.memory.visit(visit.token, browser, "t") is visit, "the next run of the same page"


def put(gate: UploadGate, session: str, body: bytes, length: str | None = None) -> int:
    """The status that the gate answers to an upload."""
    sent: list[dict[str, Any]] = []
    chunks = [{"type": "http.request", "body": body[:1], "more_body": True}]
    chunks += [{"type": "http.request", "body": body[1:], "more_body": False}]
    headers = [(b"content-length", (length or str(len(body))).encode())]
    scope = {
        "type": "http",
        "method": "PUT",
        "path": f"{UPLOADS}{session}/id",
        "headers": headers if length != "" else [],
    }

    async def receive() -> Any:
        return chunks.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(gate(scope, receive, send))
    assert not chunks or sent[0]["status"] != 204, "a refused upload is read to its end"
    return int(sent[0]["status"])


def test_an_upload_without_room_is_not_stored_and_its_page_says_so(page: Page) -> None:
    arrived: list[int] = []

    async def streamlit(_scope: Any, _receive: Any, send: Any) -> None:
        arrived.append(page.memory.size())
        await send({"type": "http.response.start", "status": 200, "headers": []})

    gate = UploadGate(streamlit, page.memory, max_bytes=MAX_BYTES)
    token = page.visit_with("s", 90_000)
    assert put(gate, "s", bytes(10_000)) == 200
    assert arrived == [100_000], "bytes count while they arrive"
    assert page.memory.size() == 90_000
    assert put(gate, "s", bytes(10_001)) == 204
    assert len(arrived) == 1
    assert "the page is full" in str(page.memory.take_refusal("s"))
    assert page.memory.take_refusal("s") is None
    assert put(gate, "s", b"ab", length="") == 411
    assert put(gate, "s", b"ab", length=str(10**12)) == 200, "Streamlit refuses it by its length"
    assert page.knows(token)
    page.server.connected.clear()
    assert put(gate, "t", bytes(10_001)) == 200
    assert not page.knows(token)


def test_the_first_document_has_our_title_and_style() -> None:
    document = first_document()
    assert "<title>Deepfake detector</title>" in document
    assert document.index(".deepfake {") < document.index("</head>")
