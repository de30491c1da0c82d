"""Predictions for untrusted uploads, one at a time; shared by the web page and the HTTP API."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from deepfake.core.media import HEAD_BYTES, kind_by_content
from deepfake.jobs.step import OUT_OF_MEMORY, TIMED_OUT, Failure
from deepfake.predict.detector import Detector
from deepfake.predict.pictures import Pictures, make_pictures
from deepfake.predict.preprocess import Preprocessed, Preprocessor
from deepfake.predict.report import FrameView, PersonView, frame_views, html_report, person_views
from deepfake.predict.result import FaceFrame, Result, UndecidedCause
from deepfake.predict.verdict import make_result
from deepfake.serving.queue import PredictionQueue
from deepfake.serving.uploads import (
    UploadLimits,
    claimed_seconds,
    delete_stale_uploads,
    display_name,
    refusal_reason,
    temporary_copy,
)
from deepfake.video.record import UNREADABLE, VideoMeta

ReportProgress = Callable[[str], None]

DETECTING, DRAWING = "Detecting and scoring faces", "Drawing heat maps"  # progress messages
DRAWING_BOXES = "Drawing boxes on the file"


@dataclass(frozen=True)
class Analysis:
    """A result with what the page shows of it.

    Attributes:
        result: the result.
        people: the most suspicious people, with crops and heat maps.
        report: the HTML that `deepfake predict --report` writes.
        pictures: the file with boxes.
    """

    result: Result
    people: list[PersonView]
    report: str
    pictures: Pictures

    @property
    def size(self) -> int:
        """About how many bytes it has in memory: its pictures, and the report as text and as a download."""
        crops = [len(one.image) + len(one.heat) for person in self.people for one in person.crops]
        faces = [len(one.image) for face in self.result.faces for one in face.frames]
        frames = map(len, self.pictures.frames.values())
        return 2 * len(self.report) + len(self.pictures.clip) + sum([*crops, *faces, *frames])


class Service:
    """Predicts uploads one at a time, within limits.

    Args:
        detector: the model; it is closed with the service.
        limits: of each upload, and of the queue.
        queue: that of another service; None for one of its own.
    """

    def __init__(
        self, detector: Detector, limits: UploadLimits, queue: PredictionQueue | None = None
    ) -> None:
        self.detector = detector
        self.limits = limits
        self._queue = queue or PredictionQueue(limits.waiting)
        delete_stale_uploads()

    @classmethod
    def load(
        cls,
        model: str | None,
        limits: UploadLimits,
        runtime: str | None = None,
        operating_point: str | None = None,
    ) -> "Service":
        """Load the model that `Detector.load` finds; raises ModelError as that does."""
        preprocessor = Preprocessor(limits.execution)
        return cls(Detector.load(model, preprocessor, runtime, operating_point), limits)

    def with_model(self, model: str) -> "Service":
        """A service with another model, and the queue and the decoder of this one.

        Raises:
            ModelError: as `Detector.load`.
        """
        detector = Detector.load(model, self.detector.preprocessor)
        return Service(detector, self.limits, self._queue)

    def with_point(self, name: str) -> "Service":
        """This service at another operating point.

        Raises:
            OperatingPointError: the model does not have it.
        """
        return Service(self.detector.with_point(name), self.limits, self._queue)

    @property
    def queue_length(self) -> int:
        """Number of files that wait or are being analysed."""
        return len(self._queue)

    def close(self) -> None:
        """End the process that decodes."""
        self.detector.close()

    def predict(
        self,
        stream: BinaryIO,
        name: str,
        report_progress: ReportProgress = lambda _: None,
        operating_point: str | None = None,
    ) -> Result:
        """The result for an upload; one that is refused for its content is UNDECIDED.

        Args:
            stream: the bytes of the file.
            name: the client's file name; shown, and used for nothing else.
            report_progress: called with a message at each step.
            operating_point: None for that of the detector.

        Raises:
            OperatingPointError: the model does not have the operating point.
            TooLargeError: the upload is larger than the limit.
            QueueFullError: too many files are waiting.
        """
        point = operating_point or self.detector.operating_point.name
        self.detector.point(point)  # refuse an unknown one before the file waits for its turn
        with temporary_copy(stream, self.limits) as path, self._turn(report_progress):
            return self._predict(path, display_name(name), report_progress, point)

    def predict_copy(self, path: Path, name: str, operating_point: str) -> Result:
        """As `predict`, for a copy of an upload that waits for its turn however full the queue is.

        Args:
            path: a copy made by `temporary_copy`.
            name: as `display_name` gives it.
            operating_point: one that the model has.
        """
        with self._queue.turn(may_be_full=True):
            return self._predict(path, name, lambda _: None, operating_point)

    def analyse(
        self, stream: BinaryIO, name: str, report_progress: ReportProgress = lambda _: None
    ) -> Analysis:
        """As `predict`, with heat maps, the report, and the file with boxes."""
        with temporary_copy(stream, self.limits) as path, self._turn(report_progress):
            point = self.detector.operating_point.name
            result = self._predict(path, display_name(name), report_progress, point)
            report_progress(DRAWING)
            people = person_views(result, self.detector)
            report = html_report(result, self.detector, people)
            report_progress(DRAWING_BOXES)
            pictures = make_pictures(result, path, path.parent, self.detector)
            return Analysis(result, people, report, pictures)

    def frame_view(self, frame: FaceFrame) -> FrameView:
        """A frame with its heat map, in turn; raises QueueFullError."""
        with self._turn(lambda _: None):
            return frame_views([frame], self.detector)[0]

    def _turn(self, report_progress: ReportProgress) -> AbstractContextManager[None]:
        return self._queue.turn(lambda ahead: report_progress(waiting_message(ahead)))

    def _predict(
        self, path: Path, name: str, report_progress: ReportProgress, point: str
    ) -> Result:
        report_progress(DETECTING)
        refused = self._refuse(path)
        if refused is None:
            return self.detector.predict(path, name, operating_point=point)
        card = self.detector.card
        found = self.detector.point(point)
        return make_result(name, card, refused, np.zeros(0), found, self.detector.model)

    def _refuse(self, path: Path) -> Preprocessed | None:
        """A `Preprocessed` without crops if the file is refused for content or length, else None."""
        if reason := refusal_reason(path):
            return _refused(path, UndecidedCause.UNREADABLE, reason)
        with path.open("rb") as file:
            if kind_by_content(file.read(HEAD_BYTES)) == "image":
                return None
        claimed = self.detector.preprocessor.call(claimed_seconds, path, {})
        if isinstance(claimed, Failure):
            over_limit = claimed.status in (TIMED_OUT, OUT_OF_MEMORY)
            cause = UndecidedCause.OVER_LIMIT if over_limit else UndecidedCause.UNREADABLE
            return _refused(path, cause, claimed.reason)
        minutes = float(claimed) / 60
        if minutes <= self.limits.minutes:
            return None
        reason = f"video of {minutes:.0f} minutes exceeds the limit of {self.limits.minutes:g}"
        return _refused(path, UndecidedCause.OVER_LIMIT, reason)


def _refused(path: Path, cause: UndecidedCause, reason: str) -> Preprocessed:
    return Preprocessed(VideoMeta(UNREADABLE, reason, file_bytes=path.stat().st_size), cause=cause)


def waiting_message(ahead: int) -> str:
    """The progress message with the number of files ahead.

    >>> waiting_message(1)
    'Waiting: 1 file is ahead of yours'
    """
    return f"Waiting: {ahead} file{' is' if ahead == 1 else 's are'} ahead of yours"
