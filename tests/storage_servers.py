"""Storage on loopback: S3, SFTP, WebDAV and HTTP servers of rclone, or a shared folder.

A server stands behind a relay, which counts bytes and can kill the server after some of them.
"""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

USER, PASSWORD = "colleague", "a-long-password"
BUCKET = "bucket"
START_SECONDS = 60.0  # on a busy machine
CHUNK = 1 << 16
RCLONE = Path(sys.executable).with_name("rclone")
FLAGS = {
    "s3": ["--auth-key", f"{USER},{PASSWORD}"],
    "sftp": ["--user", USER, "--pass", PASSWORD],
    "webdav": ["--user", USER, "--pass", PASSWORD],
    "http": ["--read-only"],
}
# The address that the `PORT` of loopback has for DVC.
ADDRESSES = {
    "s3": f"s3://{BUCKET}/runs",
    "sftp": f"ssh://{USER}@127.0.0.1:PORT/{BUCKET}/runs",
    "webdav": f"webdav://127.0.0.1:PORT/{BUCKET}/runs",
    "http": f"http://127.0.0.1:PORT/{BUCKET}/runs",
}
CREDENTIALS = {  # the names of DVC's settings
    "s3": ("access_key_id", "secret_access_key"),
    **dict.fromkeys(("sftp", "webdav", "http"), ("user", "password")),
}


class Relay:
    """Passes connections on to a port and counts their bytes.

    Attributes:
        port: of 127.0.0.1, where it listens.
        up: bytes that clients sent.
        down: bytes that they received.
    """

    def __init__(self) -> None:
        self.up = self.down = 0
        self.target = 0
        self._limit: int | None = None
        self._reached = threading.Event()
        self._counting = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self, limit: int | None = None) -> threading.Event:
        """Count from 0; the event is set, and nothing passed any more, after `limit` bytes."""
        with self._counting:
            self.up = self.down = 0
            self._limit, self._reached = limit, threading.Event()
        return self._reached

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.target))
                except OSError:  # killed
                    client.close()
                    continue
                for source, sink, is_up in ((client, server, True), (server, client, False)):
                    arguments = (source, sink, is_up)
                    threading.Thread(target=self._pump, args=arguments, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_up: bool) -> None:
        with suppress(OSError):  # one side is gone
            while data := source.recv(CHUNK):
                if self._count(len(data), is_up):
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _count(self, size: int, is_up: bool) -> bool:
        """Whether the limit is reached."""
        with self._counting:
            if is_up:
                self.up += size
            else:
                self.down += size
            if self._limit is not None and self.up + self.down > self._limit:
                self._reached.set()
            return self._reached.is_set()


class Server:
    """A server of rclone.

    Attributes:
        kind: one of `FLAGS`.
        folder: what it serves.
        relay: what clients connect to.
        address: of a DVC remote in it.
    """

    def __init__(self, kind: str, folder: Path, flags: tuple[str, ...] = ()) -> None:
        self.kind, self.folder, self.flags = kind, folder, flags
        top = f"{BUCKET}/runs" if kind == "webdav" else BUCKET  # DVC creates no folder over WebDAV
        (folder / top).mkdir(parents=True, exist_ok=True)
        self.relay = Relay()
        self.address = ADDRESSES[kind].replace("PORT", str(self.relay.port))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Its address as a web server, which S3 clients want to know."""
        return f"http://127.0.0.1:{self.relay.port}"

    @property
    def objects(self) -> Path:
        """Where the files of a DVC remote at `address` are."""
        return self.folder / BUCKET / "runs" / "files" / "md5"

    @property
    def settings(self) -> dict[str, str]:
        """What .dvc/config says about it."""
        s3 = {"endpointurl": self.endpoint, "connect_timeout": "60"} if self.kind == "s3" else {}
        return {"url": self.address, "verify": "true", **s3}

    def credentials(self, password: str = PASSWORD) -> dict[str, str]:
        """What .dvc/config.local says about it."""
        user, secret = CREDENTIALS[self.kind]
        basic = {"auth": "basic"} if self.kind == "http" else {}
        return {**basic, user: USER, secret: password}

    def start(self) -> None:
        """Start it, or start it again."""
        state = self.folder.with_name(f"{self.folder.name}.rclone")  # host keys stay the same
        state.mkdir(exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.relay.target = free.getsockname()[1]
        command: list[str | Path] = [
            RCLONE,
            "serve",
            self.kind,
            self.folder,
            *FLAGS[self.kind],
            *self.flags,
        ]
        command += ["--addr", f"127.0.0.1:{self.relay.target}"]
        command += ["--config", state / "none.conf", "--cache-dir", state]
        with (state / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", self.relay.target)).close()
                return
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"rclone serve {self.kind}:\n{(state / 'log').read_text()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill it, in whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def killed_after(self, size: int) -> Iterator[None]:
        """Kill it after `size` bytes have passed in the block, which it must reach."""
        reached = self.relay.reset(size)

        def wait() -> None:
            reached.wait()
            self.kill()

        killer = threading.Thread(target=wait, daemon=True)
        killer.start()
        yield
        if not reached.is_set():
            raise AssertionError(f"{self.relay.up + self.relay.down} bytes passed, not {size}")
        killer.join()
        self.relay.reset()


def write_config(path: Path, settings: Mapping[str, str], head: str = "") -> None:
    """Write .dvc/config or .dvc/config.local with settings of the remote `storage`."""
    lines = [
        "['remote \"storage\"']",
        *(f"    {name} = {value}" for name, value in settings.items()),
    ]
    path.write_text("\n".join([head, *lines, ""]))


@contextmanager
def serve_storage(kind: str, folder: Path, *flags: str) -> Iterator[Server]:
    """Serve a folder until the end of the block.

    Args:
        kind: s3, sftp, webdav or http.
        folder: created if it is missing.
        flags: further options of `rclone serve`.
    """
    server = Server(kind, folder, flags)
    server.start()
    try:
        yield server
    finally:
        server.kill()
        server.relay.close()


def objects_in(folder: Path) -> list[Path]:
    """Files of a cache or remote, the largest first, without temporary ones."""
    sizes = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # deleted by a command that still runs
            if path.is_file() and path.suffix != ".tmp":
                sizes[path] = path.stat().st_size
    return sorted(sizes, key=lambda path: (-sizes[path], path))


def damage(path: Path, size: int | None = None) -> str:
    """Change a byte of an object, or cut it to a size, and return its name.

    It keeps its mode: DVC hashes local objects that may be written, and trusts the others.
    """
    content, mode = bytearray(path.read_bytes()), path.stat().st_mode
    content[0] ^= 1
    path.unlink()  # what is linked to it stays
    path.write_bytes(content if size is None else content[:size])
    path.chmod(mode)
    return path.parent.name + path.name
