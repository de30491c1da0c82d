"""How `deepfake app` starts the web page."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deepfake.serving.uploads import UploadLimits, discard

PAGE = Path(__file__).parent / "page" / "main.py"
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)
ENDING_SECONDS = 3.0  # for the server to end by itself: an open browser or a file may hold it
VARIABLE = "DEEPFAKE_PAGE"  # of the environment: how the page learns its settings


@dataclass(frozen=True)
class PageSettings:
    """What the page must know.

    Attributes:
        model: as for `Detector.load`.
        limits: of uploads.
    """

    model: str | None = None
    limits: UploadLimits = field(default_factory=UploadLimits)

    def to_text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "PageSettings":
        """As `to_text` put them there, else the defaults."""
        if VARIABLE not in environment:
            return cls()
        found = json.loads(environment[VARIABLE])
        return cls(found["model"], UploadLimits(**found["limits"]))


def streamlit_command(limits: UploadLimits, address: str, port: int) -> list[str]:
    """The command that serves the page: nothing is sent anywhere, and errors show no traces."""
    options = {
        "server.address": address,
        "server.port": port,
        "server.headless": "true",
        "server.maxUploadSize": limits.megabytes,
        "server.fileWatcherType": "none",
        "server.enableXsrfProtection": "true",
        "server.enableCORS": "true",
        "server.enableStaticServing": "false",
        "browser.gatherUsageStats": "false",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "client.toolbarMode": "minimal",
        "global.developmentMode": "false",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(PAGE), *words]


def serve_page(settings: PageSettings, address: str, port: int) -> int:
    """Serve the page until Ctrl+C; the exit code."""
    command = streamlit_command(settings.limits, address, port)
    print(f"the page is at http://{address}:{port} (Ctrl+C ends it)", flush=True)
    return run_until_interrupted(command, {**os.environ, VARIABLE: settings.to_text()})


def run_until_interrupted(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a server until it ends, or a signal ends it within `ENDING_SECONDS`; its exit code.

    It has a process group of its own, so that whatever it has started ends with it.
    """

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in ENDING_SIGNALS}
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            server.wait(ENDING_SECONDS)
        return 0
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        discard(server.pid)
        for number, handler in before.items():
            signal.signal(number, handler)
