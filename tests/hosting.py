"""Local API servers for tests, and a client."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests
import uvicorn

from deepfake.serving.api import ApiSettings, configuration
from deepfake.serving.service import Service

WAIT = 120  # limit in seconds for an answer, on a busy machine


class Client:
    """Sends requests to a server.

    Attributes:
        port: of 127.0.0.1, where the server listens.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url(path), timeout=WAIT)

    def send(
        self, data: bytes, name: str = "clip.mp4", path: str = "/predict"
    ) -> requests.Response:
        return requests.post(self.url(path), files={"file": (name, data)}, timeout=WAIT)


@contextmanager
def hosted(service: Service, settings: ApiSettings | None = None) -> Iterator[Client]:
    """Serve the API until the end of the block."""
    server = uvicorn.Server(configuration(service, "127.0.0.1", 0, settings))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield Client(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(30)


def free_port() -> int:
    """A port of 127.0.0.1 that no server uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def answers(address: str) -> bool:
    """Whether a server answers at an address with status 200."""
    try:
        return requests.get(address, timeout=WAIT).ok
    except requests.RequestException:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition is true, for at most `WAIT` seconds."""
    for _ in range(20 * WAIT):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"the condition was not true within {WAIT} seconds")
