"""Attacks on the server; docs/security.md lists each with the name of its test."""

import ast
import http.client
import io
import pickle
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from bad_inputs import BOMB, HUGE, clip, huge_png, image_bytes, sized_stream, zipped
from hosting import WAIT, Client, hosted

from deepfake import Detector
from deepfake.serving import api
from deepfake.serving.queue import QueueFullError
from deepfake.serving.service import Service
from deepfake.serving.uploads import TooLargeError, UploadLimits

LIMITS = UploadLimits(megabytes=2, minutes=0.5, waiting=2)
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def service(detector: Detector, folder: Path) -> Service:
    assert list(folder.iterdir()) == []
    return Service(detector, LIMITS)


@pytest.fixture
def client(service: Service, folder: Path) -> Iterator[Client]:
    """A server; after the test it must still answer and have deleted all uploads."""
    with hosted(service) as found:
        yield found
        assert found.get("/health").json()["in_line"] == 0, "it still answers"
    assert list(folder.iterdir()) == []


def reason(client: Client, data: bytes, name: str = "clip.mp4") -> str:
    answer = client.send(data, name)
    assert answer.status_code == 200
    assert answer.json()["verdict"] == "UNDECIDED"
    return str(answer.json()["reason"])


def opened(client: Client) -> socket.socket:
    return socket.create_connection(("127.0.0.1", client.port), timeout=WAIT)


# Names


@pytest.mark.parametrize(
    ("name", "shown"),
    [("../../../tmp/evil.mp4", "evil.mp4"), ("/etc/cron.d/evil", "evil"), ("C:\\evil", "evil")],
)
def test_paths_in_a_name(client: Client, name: str, shown: str, folder: Path) -> None:
    answer = client.send(b"x", name)
    assert answer.json()["path"] == shown
    assert not list(folder.parent.rglob("evil*"))


def test_markup_in_a_name(service: Service) -> None:
    analysis = service.analyse(io.BytesIO(image_bytes("JPEG")), f"a{SCRIPT.replace('/', '')}.jpg")
    assert "<script" not in analysis.report
    assert "&lt;script&gt;" in analysis.report


def test_line_breaks_in_a_name(client: Client) -> None:
    answer = client.send(b"x", "a\r\nSet-Cookie: evil=1\r\n.mp4")
    assert "Set-Cookie" not in answer.headers


# Contents


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {path}\n",
    ],
)
def test_playlists_that_name_local_files(
    client: Client, text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("secret") / "secret.mp4"
    path.write_bytes(clip())
    assert reason(client, text.format(path=path).encode()) == "neither an image nor a video"


@pytest.mark.parametrize("data", [b"\x1f\x8b\x08" + bytes(600), bytes(257) + b"ustar" + bytes(600)])
def test_archives(client: Client, data: bytes) -> None:
    assert reason(client, data, "frames.tar.gz") == "neither an image nor a video"


def test_image_bombs(client: Client) -> None:
    data = huge_png(BOMB, BOMB)
    assert len(data) < LIMITS.max_bytes, "small to send, 2.7 GB in memory"
    assert "pixels" in reason(client, data, "bomb.png")


def test_videos_that_claim_a_huge_size(client: Client) -> None:
    assert reason(client, sized_stream(clip(profile="baseline"), HUGE)) != "no face found"


def test_polyglots(service: Service) -> None:
    for tail in (SCRIPT.encode(), zipped(), b"<?php system($_GET[0]); ?>"):
        analysis = service.analyse(io.BytesIO(image_bytes("JPEG") + tail), "photo.html")
        assert analysis.result.video.status in {"ok", "truncated"}, (
            "the beginning of the file decides its kind"
        )
        assert "<?php" not in analysis.report
        assert "<script" not in analysis.report


def test_content_decides_the_kind_not_the_name(service: Service) -> None:
    assert service.predict(io.BytesIO(clip()), "photo.jpg").video.codec == "h264"
    assert service.predict(io.BytesIO(b"MZ" + bytes(600)), "clip.mp4").verdict == "UNDECIDED"


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_pickles(
    client: Client, tmp_path_factory: pytest.TempPathFactory, repository: Path
) -> None:
    path = tmp_path_factory.mktemp("pickle") / "made"
    assert reason(client, pickle.dumps(Evil(path)), "model.pkl") == "neither an image nor a video"
    assert not path.exists()
    for path in sorted((repository / "deepfake/serving").glob("*.py")):
        tree = ast.parse(path.read_text())
        imported = [
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        ]
        assert "pickle" not in imported


# Amounts


def test_a_file_that_is_too_large(client: Client) -> None:
    answer = client.send(bytes(3_000_000))
    assert answer.status_code == 413
    assert answer.json()["detail"] == "larger than the limit of 2 MB"


def test_a_file_of_undeclared_size(client: Client) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(5000):
            yield bytes(10_000)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    try:
        answer = requests.post(
            client.url("/predict"), data=endless(), headers=headers, timeout=WAIT
        )
        assert answer.status_code == 413
    except requests.ConnectionError:
        pass  # the server closed the connection while the client was still sending


def test_thousands_of_fields(client: Client) -> None:
    fields = [(f"f{number}", (None, "x")) for number in range(1500)]
    answer = requests.post(client.url("/predict"), files=fields, timeout=WAIT)
    assert answer.status_code == 400


def test_huge_headers(client: Client) -> None:
    with opened(client) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nX-Evil: ")
        try:
            for _ in range(100):
                connection.sendall(b"a" * 10_000)
            status = connection.recv(100)
        except ConnectionError:
            status = b""
    assert status == b"" or re.match(rb"HTTP/1.1 4\d\d", status)


def test_a_body_that_never_arrives(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "STALLED_SECONDS", 0.5)
    with hosted(service) as client, opened(client) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 408


def test_a_client_that_disconnects(client: Client) -> None:
    with opened(client) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
    assert reason(client, b"text") == "neither an image nor a video"


def test_many_parallel_uploads(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is analysed, two wait, all others are refused at once."""
    proceed, predict = threading.Event(), service._predict

    def slow(*arguments: object) -> object:
        assert proceed.wait(WAIT)
        return predict(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "_predict", slow)
    with ThreadPoolExecutor(12) as threads:
        futures = [threads.submit(client.send, b"text") for _ in range(12)]
        try:
            for _ in range(WAIT * 10):
                if sum(future.done() for future in futures) == 9:
                    break
                threading.Event().wait(0.1)
            assert client.get("/health").json()["in_line"] == 3, "it still answers"
        finally:
            proceed.set()
        answers = [future.result() for future in futures]
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [503] * 9
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)


# Privacy


def test_tracebacks_are_not_sent(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret path /root/key")

    monkeypatch.setattr(service, "_predict", fail)
    answer = client.send(b"text")
    assert answer.status_code == 500
    assert answer.json()["detail"] == "internal server error"
    assert "secret" not in answer.text


def test_every_response_has_each_header_once(
    service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Handled errors too: two values of a security header may cancel each other."""
    errors = {
        200: None,
        413: TooLargeError("too large"),
        503: QueueFullError("the queue is full"),
        500: RuntimeError("secret"),
    }
    predict = service._predict
    with hosted(service) as client:
        answers = [client.get("/health"), client.get("/docs"), client.get("/nothing")]
        answers += [client.get("/predict"), requests.post(client.url("/predict"), timeout=WAIT)]
        answers += [client.send(bytes(LIMITS.max_bytes + api.FORM_BYTES + 1))]
        for error in errors.values():
            monkeypatch.setattr(service, "_predict", raising(error) if error else predict)
            answers.append(client.send(b"text"))
    monkeypatch.setattr(api, "MAX_CONNECTIONS", 1)
    with hosted(service) as client:
        answers.append(client.get("/health"))  # refused by the web server itself
    assert [answer.status_code for answer in answers] == [
        *(200, 200, 404, 405, 422, 413),
        *errors,
        503,
    ]
    for answer in answers:
        headers = answer.raw.headers  # `answer.headers` joins the values of a header
        for name in {*headers, *api.HEADERS}:
            assert len(headers.getlist(name)) == 1, (answer.status_code, name)
        for name, value in api.HEADERS.items():
            assert headers[name] == value
    assert list(folder.iterdir()) == []


def raising(error: Exception) -> Any:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_requests_from_other_sites(client: Client) -> None:
    answer = requests.get(client.url("/health"), headers={"Origin": "http://evil"}, timeout=WAIT)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_every_attack_is_in_the_documentation(repository: Path) -> None:
    text = (repository / "docs/security.md").read_text()
    tree = ast.parse(Path(__file__).read_text())
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    tests = {name for name in tests if name.startswith("test_")} - {
        "test_every_attack_is_in_the_documentation"
    }
    documented = set(re.findall(r"`(test_\w+)`", text))
    assert tests <= documented
