"""How `deepfake app` starts the web page."""

import ipaddress
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deepfake.serving.page import server
from deepfake.serving.theme import theme_options
from deepfake.serving.uploads import UploadLimits, delete_uploads_of

PAGE = Path(__file__).parent / "page" / "main.py"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHUTDOWN_SECONDS = 3.0  # for the server to end by itself; an open browser or a file may delay it
# Longer than the page keeps a lost session: Streamlit forgets that it has one, but keeps its files.
LONGER_SECONDS = 300
SETTINGS_VARIABLE = "DEEPFAKE_PAGE"  # environment variable with the settings of the page


@dataclass(frozen=True)
class PageSettings:
    """Settings of the page.

    Attributes:
        model, operating_point: as for `Detector.load`.
        limits: of uploads.
        addresses: whether the page fetches files at addresses.
        feedback: whether people may note wrong verdicts in files on this machine.
        total_megabytes: maximum size of the files and results of all people, in millions of bytes.
        keep_minutes: how long they are kept after a person's page was last connected.
    """

    model: str | None = None
    limits: UploadLimits = field(default_factory=UploadLimits)
    operating_point: str | None = None
    addresses: bool = False
    feedback: bool = False
    total_megabytes: int = 2000
    keep_minutes: float = 10

    def to_text(self) -> str:
        """The settings as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "PageSettings":
        """The settings from the environment variable, else the defaults."""
        if SETTINGS_VARIABLE not in environment:
            return cls()
        settings = json.loads(environment[SETTINGS_VARIABLE])
        return cls(**{**settings, "limits": UploadLimits(**settings["limits"])})


def is_local(address: str) -> bool:
    """Whether a server that listens on an address is reached from this machine alone.

    >>> is_local("127.0.0.1"), is_local("0.0.0.0")
    (True, False)
    """
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # a name, or "" for all addresses
        return address == "localhost"


def streamlit_command(settings: PageSettings, address: str, port: int) -> list[str]:
    """The command that serves the page, without telemetry and without tracebacks on the page."""
    lost_seconds = math.ceil(60 * settings.keep_minutes) + LONGER_SECONDS
    options = {
        "server.address": address,
        "server.port": port,
        "server.headless": True,
        "server.maxUploadSize": settings.limits.megabytes,
        "server.disconnectedSessionTTL": lost_seconds,
        "server.fileWatcherType": "none",
        "server.enableXsrfProtection": True,
        "server.enableCORS": True,
        "server.enableStaticServing": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "global.developmentMode": False,
        **theme_options(),
    }
    return [sys.executable, "-m", server.__name__, json.dumps(options)]


def serve_page(settings: PageSettings, address: str, port: int) -> int:
    """Serve the page until Ctrl+C; returns the exit code."""
    command = streamlit_command(settings, address, port)
    print(f"serving the page at http://{address}:{port} (Ctrl+C stops it)", flush=True)
    return run_until_interrupted(command, {**os.environ, SETTINGS_VARIABLE: settings.to_text()})


def run_until_interrupted(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a server until it ends, or a signal ends it within `SHUTDOWN_SECONDS`.

    The server has its own process group, so that all processes that it has started end with it. Its
    standard input stays open until this process ends, however it ends: see `page.server`.

    Returns:
        The exit code of the server; 0 after a signal.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    handlers = {number: signal.signal(number, interrupt) for number in STOP_SIGNALS}
    server = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            server.wait(SHUTDOWN_SECONDS)
        return 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        delete_uploads_of(server.pid)
        for number, handler in handlers.items():
            signal.signal(number, handler)
