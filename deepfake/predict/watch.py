"""`deepfake predict --watch`: a verdict on each file that arrives in a folder."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from deepfake.base.errors import DeepfakeError
from deepfake.base.user_cache import ELSEWHERE, user_cache
from deepfake.core.folders import media_below, walk
from deepfake.predict.inputs import InputFile
from deepfake.predict.preprocess import digest_or_empty
from deepfake.predict.result import Result

if TYPE_CHECKING:
    from deepfake.predict.detector import Detector

POLL_SECONDS = 1.0
COMPLETE_SECONDS = 3.0  # a file whose size and time did not change for so long is complete

State = tuple[tuple[int, int], ...]  # size in bytes and time of change, of each file of a video


@dataclass(frozen=True)
class Judged:
    """What a result depends on: content, model and operating point.

    Attributes:
        content: SHA-256 of the file, or "" if it cannot be read.
        detector: `Detector.sha256`.
    """

    content: str
    detector: str


class JudgedContents(Protocol):
    """Which contents have a result: `JudgedFiles`, or the file that stores the results."""

    def __contains__(self, judged: Judged) -> bool: ...


class JudgedFiles:
    """What was judged in a folder, also by earlier processes: one line of JSON each.

    Attributes:
        path: of the file with these lines, in `user_cache`.
    """

    def __init__(self, folder: Path) -> None:
        place = folder.resolve()
        name = f"{place.name}-{hashlib.sha256(str(place).encode()).hexdigest()[:12]}.jsonl"
        self.path = user_cache() / "watch" / name
        self._judged = set(self._read())

    def _read(self) -> Iterator[Judged]:
        if not self.path.exists():
            return
        for line in self.path.read_text().splitlines():
            try:
                yield Judged(**json.loads(line))
            except (ValueError, TypeError):
                continue  # cut off when the process was killed: that file is judged again

    def __contains__(self, judged: Judged) -> bool:
        return judged in self._judged

    def add(self, judged: Judged) -> None:
        """Remember a file, also for later processes.

        Raises:
            DeepfakeError: it cannot be written down.
        """
        self._judged.add(judged)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(f"\n{json.dumps(asdict(judged))}")  # a new line even after half of one
        except OSError as error:
            raise DeepfakeError(
                f"{self.path} cannot be written ({error.strerror}): {ELSEWHERE}"
            ) from error


class CompleteFiles:
    """Finds the images and videos of a folder, each once it is complete.

    A file that changes later is found again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._since: dict[Path, tuple[State, float]] = {}
        self._found: dict[Path, State] = {}

    def poll(self, now: float) -> list[Path]:
        """The files that became complete since the last call, at `now` in seconds.

        Raises:
            DeepfakeError: the folder is missing or cannot be read.
        """
        if not self._folder.is_dir():
            raise DeepfakeError(f"{self._folder} is not a folder: create it, then watch it again")
        try:
            present = {path: _state(path) for path in media_below(self._folder)[0]}
        except OSError as error:
            raise DeepfakeError(f"{self._folder}: {error.strerror}") from error
        earlier = self._since
        self._since = {
            path: earlier[path] if earlier.get(path, ("", 0))[0] == state else (state, now)
            for path, state in present.items()
            if state is not None
        }
        self._found = {path: one for path, one in self._found.items() if path in self._since}
        complete = [
            path
            for path, (state, since) in self._since.items()
            if now - since >= COMPLETE_SECONDS and self._found.get(path) != state
        ]
        self._found |= {path: self._since[path][0] for path in complete}
        return complete


def _state(path: Path) -> State | None:
    """Size and time of a file, or of all files of a folder; None if it was deleted meanwhile."""
    try:
        files = [file for _, found in walk(path) for file in found] if path.is_dir() else [path]
        stats = [file.stat() for file in files]
    except OSError:
        return None
    return tuple((one.st_size, one.st_mtime_ns) for one in stats)


def watch(
    folder: Path,
    judged: JudgedContents,
    detector: "Detector",
    predict: Callable[[Sequence[InputFile]], Iterator[Result]],
    report: Callable[[Judged, Result], None],
) -> None:
    """Report a result for each file that is in the folder or arrives there, until interrupted.

    The same content is judged once by each model and operating point. A file that was being
    analysed when the process ended is analysed by the next one.

    Args:
        folder: searched at any depth.
        judged: files that are in it are left out.
        detector: its model and operating point.
        predict: the results for files, in order.
        report: called with each result; adds it to `judged`.

    Raises:
        DeepfakeError: the folder cannot be read.
    """
    complete = CompleteFiles(folder)
    while True:
        new: dict[Judged, InputFile] = {}
        for path in complete.poll(time.monotonic()):
            one = Judged(digest_or_empty(path), detector.sha256)
            if one not in judged or not one.content:
                new.setdefault(one, InputFile(str(path)))
        for one, result in zip(new, predict([*new.values()]), strict=True):
            report(one, result)
        time.sleep(POLL_SECONDS)
