"""Storage of each kind for the outputs of this repository: `python -m benchmarks.sharing [KIND ...]`.

Needs the cache of a run. Prints a Markdown table: what push, pull and what may go wrong with them
ended in, how many bytes passed, and how long it took. Servers run on this machine.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.commands import Ended, run, start
from tests.storage_servers import (
    BUCKET,
    FLAGS,
    PASSWORD,
    Server,
    damage,
    objects_in,
    serve_storage,
    write_config,
)

TOP = Path(__file__).resolve().parents[1]
PULL, PUSH = (f"python -m deepfake.sharing.{name}" for name in ("pull", "push"))
DEFAULT = "[core]\n    remote = storage"
COLUMNS = (
    *("storage", "push", "fresh pull", "model and predictions", "push, server killed at half"),
    *("pull, server killed at half", "damaged object", "wrong credentials"),
)


class Storage:
    """A storage that is measured: a server, or a folder if there is none.

    Attributes:
        folder: where its objects are.
        top: for clones.
    """

    def __init__(self, top: Path, server: Server | None) -> None:
        self.top, self.server = top, server
        self.folder = top / "storage" if server is None else server.folder / BUCKET / "runs"

    def clone(self, name: str, cache: Path | None = None) -> Path:
        """A clone of this repository with the storage as its remote, and an empty cache or another."""
        folder = self.top / name
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", str(TOP), str(folder)], check=True)
        head = DEFAULT if cache is None else f"{DEFAULT}\n[cache]\n    dir = {cache}"
        settings = {"url": str(self.folder), "verify": "true"}
        if self.server is not None:
            settings = {**self.server.settings, **self.credentials(PASSWORD)}
        write_config(folder / ".dvc" / "config.local", settings, head)
        return folder

    def empty(self) -> None:
        """Delete its content."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self.restart()

    def restart(self) -> None:
        """Let the server forget what it listed."""
        if self.server is not None:
            self.server.kill()
            self.server.start()

    def credentials(self, password: str) -> dict[str, str]:
        """Settings of the remote; the web server is public."""
        if self.server is None or self.server.kind == "http":
            return {}
        return self.server.credentials(password)

    def measured(self, action: Callable[[], object]) -> str:
        """Bytes that pass and seconds that an action takes."""
        before = sum(path.stat().st_size for path in objects_in(self.folder))
        if self.server is not None:
            self.server.relay.reset()
        begin = time.perf_counter()
        action()
        seconds = time.perf_counter() - begin
        if self.server is None:
            size = sum(path.stat().st_size for path in objects_in(self.folder)) - before
            return f"{size / 1e6:.0f} MB, {seconds:.0f} s" if size else f"{seconds:.0f} s"
        return f"{(self.server.relay.up + self.server.relay.down) / 1e6:.0f} MB, {seconds:.0f} s"

    def broken(self, folder: Path, line: str, size: int) -> Ended | None:
        """Run a command until half of the bytes have passed and its server, or itself, is killed."""
        if self.server is None:
            command = start(folder, line)
            place = self.folder if "push" in line else folder / ".dvc" / "cache" / "files"
            while sum(path.stat().st_size for path in objects_in(place)) < size:
                time.sleep(0.01)
            command.kill()
            return command.wait()
        with self.server.killed_after(size):
            run(folder, line, code=None)
        self.server.start()
        return None


def measure(kind: str, top: Path, server: Server | None, cache: Path) -> str:
    """A line of the table."""
    storage = Storage(top, server)
    mine = storage.clone("mine", cache)
    size = sum(path.stat().st_size for path in objects_in(cache))
    can_push = kind != "http"
    cells = [kind]

    def push() -> None:
        if can_push:
            run(mine, PUSH)
        else:
            run(mine, f"dvc remote add --local --force served {storage.folder}")
            run(mine, "dvc push --remote served")

    cell = storage.measured(push)
    cells.append(cell if can_push else f"read-only; {cell.rpartition(', ')[2]} into its folder")
    other = storage.clone("other")
    cells.append(storage.measured(lambda: run(other, "dvc pull")))
    part = storage.clone("part")
    cells.append(storage.measured(lambda: run(part, "dvc pull train evaluate")))
    if can_push:
        storage.empty()
        shutil.rmtree(Path(os.environ["DVC_SITE_CACHE_DIR"]))  # DVC remembers what it pushed
        storage.broken(mine, PUSH, size // 2)
        cells.append(f"finished by the next: {storage.measured(push)}")
    else:
        cells.append("")
    other = storage.clone("other")
    storage.broken(other, "dvc pull", size // 2)
    cells.append(f"finished by the next: {storage.measured(lambda: run(other, 'dvc pull'))}")
    cells.append(damaged(storage, mine, part))
    if storage.credentials("") or server is None:
        local = part / ".dvc" / "config.local"
        if server is not None:
            settings = {**server.settings, **storage.credentials("wrong")}
            write_config(local, settings, DEFAULT)
        text = run(part, PULL, code=None if server else 0)
        cells.append("says what to set" if "KEY VALUE" in text else "none needed")
    else:
        cells.append("none needed")
    return f"| {' | '.join(cells)} |"


def copy_cache(target: Path) -> None:
    """Copy the objects of the outputs of this repository, so that its own cache is left alone."""
    from dvc.repo import Repo

    with Repo(str(TOP)) as repo:
        cache = repo.cache.local
        names = {info.value for infos in repo.used_objs().values() for info in infos}
        for name in sorted(names):
            source = Path(cache.oid_to_path(name))
            if not source.is_file():
                raise SystemExit(f"{source} is missing: run `make repro` first")
            copy = target / "files" / "md5" / name[:2] / name[2:]
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)


def damaged(storage: Storage, mine: Path, reader: Path) -> str:
    """What becomes of a damaged model in the storage."""
    damage(objects_in(storage.folder)[0])
    storage.restart()
    for name in ("models", ".dvc/cache"):
        shutil.rmtree(reader / name)
    named = "damaged in the remote" in run(reader, f"{PULL} train", code=1)
    code = (
        "from dvc.repo import Repo\nfrom deepfake.sharing.verify import verify\n"
        "with Repo() as repo: print([one.outcome.name for one in verify(repo, ['storage']).damaged])"
    )
    texts: list[str] = []

    def verify() -> None:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=mine, check=True, capture_output=True, text=True)
        texts.append(done.stdout)

    cost = storage.measured(verify)
    outcome = texts[0].strip().strip("[]'").lower()
    return f"{'named by the pull' if named else 'not named'}; {outcome} by doctor: {cost}"


def main(kinds: list[str]) -> None:
    """Measure and print."""
    os.environ["AWS_MAX_ATTEMPTS"] = "1"  # a killed server is not waited for
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            os.environ["DVC_SITE_CACHE_DIR"] = str(top / "site")
            cache = top / "cache"
            copy_cache(cache)
            if kind == "folder":
                line = measure(kind, top, None, cache)
            else:
                with serve_storage(kind, top / "served") as server:
                    line = measure(kind, top, server, cache)
        print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or [*FLAGS, "folder"])
