"""A detector that strangers hand files to: the web page and the server have this in common."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from deepfake.jobs.step import Failure
from deepfake.predict.detector import Detector
from deepfake.predict.preprocess import Preprocessor
from deepfake.predict.report import Person, html_report, shown_people
from deepfake.predict.result import Result
from deepfake.predict.verdict import judge
from deepfake.serving.queue import Turns
from deepfake.serving.uploads import (
    HEAD,
    UploadLimits,
    claimed_seconds,
    display_name,
    kept,
    kind_of,
    refusal,
    sweep,
)
from deepfake.video.record import UNREADABLE, VideoMeta

Tell = Callable[[str], None]

FACES, MAPS = "Looking for faces and scoring them", "Drawing heat maps"


@dataclass(frozen=True)
class Examined:
    """A result with what is shown of it.

    Attributes:
        result: of the file.
        people: the most suspicious ones with crops and heat maps.
        report: the page that `deepfake predict --report` writes.
    """

    result: Result
    people: list[Person]
    report: str


class Service:
    """Judges uploads one after the other, within limits.

    Args:
        detector: the model; it is closed with the service.
        limits: of each upload, and of the queue.
    """

    def __init__(self, detector: Detector, limits: UploadLimits) -> None:
        self.detector = detector
        self.limits = limits
        self._turns = Turns(limits.waiting)
        sweep()

    @classmethod
    def load(cls, model: str | None, limits: UploadLimits, runtime: str | None = None) -> "Service":
        """With the model that `Detector.load` finds.

        Raises:
            ModelError: there is none.
        """
        return cls(Detector.load(model, Preprocessor(limits.execution), runtime), limits)

    @property
    def in_line(self) -> int:
        """Files that are judged or wait for it."""
        return len(self._turns)

    def close(self) -> None:
        """End the process that decodes."""
        self.detector.close()

    def judge(self, stream: BinaryIO, name: str, tell: Tell = lambda _: None) -> Result:
        """The result of an upload; what is refused for its content is UNDECIDED.

        Args:
            stream: its bytes.
            name: what the client calls it; shown, and used for nothing else.
            tell: is given a sentence on what is being done.

        Raises:
            TooLargeError: there are too many bytes.
            BusyError: too many files are waiting.
        """
        with kept(stream, self.limits) as path, self._turn(tell):
            return self._judged(path, display_name(name), tell)

    def examine(self, stream: BinaryIO, name: str, tell: Tell = lambda _: None) -> Examined:
        """The same, with heat maps and the report."""
        with kept(stream, self.limits) as path, self._turn(tell):
            result = self._judged(path, display_name(name), tell)
            tell(MAPS)
            people = shown_people(result, self.detector)
            return Examined(result, people, html_report(result, self.detector, people))

    def _turn(self, tell: Tell) -> AbstractContextManager[None]:
        return self._turns.turn(lambda ahead: tell(queued(ahead)))

    def _judged(self, path: Path, name: str, tell: Tell) -> Result:
        tell(FACES)
        reason = refusal(path) or self._too_long(path)
        if reason:
            video = VideoMeta(UNREADABLE, reason, file_bytes=path.stat().st_size)
            return judge(name, self.detector.card, video, [], {}, np.zeros(0))
        return self.detector.predict(path, name)

    def _too_long(self, path: Path) -> str:
        with path.open("rb") as file:
            if kind_of(file.read(HEAD)) == "image":
                return ""
        claimed = self.detector.preprocessor.call(claimed_seconds, path, {})
        if isinstance(claimed, Failure):
            return claimed.reason
        minutes = float(claimed) / 60
        if minutes <= self.limits.minutes:
            return ""
        return f"a video of {minutes:.0f} minutes, at most {self.limits.minutes:g} are taken"


def queued(ahead: int) -> str:
    """How many files come first, in words.

    >>> queued(1)
    'Waiting: 1 file is before yours'
    """
    return f"Waiting: {ahead} file{' is' if ahead == 1 else 's are'} before yours"
