"""A local web server for tests of downloads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Served:
    """A folder that is served at a port of 127.0.0.1; requests for `/hang` get no answer."""

    folder: Path
    port: int

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """Serve a folder until the end of the block."""
    ended = threading.Event()

    class Handler(SimpleHTTPRequestHandler):
        def send_head(self) -> Any:
            if self.path == "/hang":
                ended.wait(60)
                return None
            return super().send_head()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Served(folder, server.server_address[1])
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
