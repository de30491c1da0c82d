"""DVC's commands, each in a process of its own that has DVC imported from the start.

A process that has imported DVC forks for each command, which saves a second of every start.
"""

import os
import shlex
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

PRELOADED = [
    __name__,
    *("dvc.cli", "dvc.cli.parser", "dvc.repo", "dvc.data_cloud", "dvc.commands.data_sync"),
    *("dvc_s3", "dvc_ssh.spec", "dvc_webdav", "dvc_http.spec", "s3fs", "webdav4.fsspec"),
]
SECONDS = 300.0  # limit for a command, on a busy machine


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code; negative for a signal.
        text: what it wrote to stdout and stderr.
    """

    code: int
    text: str


class Started:
    """A command that runs."""

    def __init__(self, folder: Path, line: str) -> None:
        descriptor, log = tempfile.mkstemp()
        os.close(descriptor)
        self._log = Path(log)
        context = get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        arguments = (str(folder), shlex.split(line), dict(os.environ), log)
        self._process = context.Process(target=_run, args=arguments)
        self._process.start()

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.is_alive()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def wait(self) -> Ended:
        """Wait for its end.

        Raises:
            TimeoutError: it has not ended in `SECONDS`; it is killed.
        """
        self._process.join(SECONDS)
        text = self._log.read_text(errors="replace")
        self._log.unlink()
        if self._process.exitcode is None:
            self.kill()
            raise TimeoutError(text)
        return Ended(self._process.exitcode, text)


def start(folder: Path, line: str) -> Started:
    """Start `dvc ...` or `python -m module ...` in a folder."""
    return Started(folder, line)


def run(folder: Path, line: str, code: int | None = 0) -> str:
    """Run `dvc ...` or `python -m module ...` in a folder and return its output.

    Args:
        code: the exit code that is expected; None, any but 0.
    """
    ended = start(folder, line).wait()
    if ended.code != code if code is not None else ended.code == 0:
        raise AssertionError(f"{line}: exit code {ended.code}\n{ended.text}")
    return ended.text


def _run(folder: str, words: list[str], environment: dict[str, str], log: str) -> None:
    os.chdir(folder)
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
    if words[0] == "dvc":
        from dvc.cli import main

        code = main(words[1:])
    else:
        import runpy

        sys.argv = words[2:]
        try:
            runpy.run_module(words[2], run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
