"""The result for a file, for each person in it, and for each frame of a person."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from deepfake.model.operating_points import OperatingPoint, Thresholds
from deepfake.video.record import VideoMeta

Interval = tuple[float, float]

BORDERLINE = "borderline"  # remark on a verdict that other frames of the file may change


@dataclass(frozen=True)
class ModelVersion:
    """Which model gave a result.

    Attributes:
        name: of its folder or file; or the release, revision or address, without a password.
        version: of the release, such as "v1.0.0"; else the first digits of `sha256`.
        sha256: digest of the file with the weights.
    """

    name: str
    version: str
    sha256: str


class UndecidedCause(Enum):
    """Why a file is UNDECIDED; `Result.reason` says it in words."""

    UNREADABLE = "unreadable"  # no frame can be decoded, or the upload is refused
    OVER_LIMIT = "over_limit"  # of processing time, memory or video length
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    TOO_FEW_FRAMES = "too_few_frames"  # show the same person
    NOT_CERTAIN = "not_certain"  # the score is between the thresholds


class Weakness(Enum):
    """What makes the pictures of a face hard to judge."""

    SMALL = "small"
    BLURRED = "blurred"
    DARK = "dark"
    TURNED_AWAY = "turned_away"
    FEW_FRAMES = "few_frames"


@dataclass(frozen=True)
class FaceFrame:
    """One face in one frame.

    Attributes:
        frame: number of the frame, counted from 0 in reading order.
        seconds: time of the frame at the mean frame rate; None for images.
        score: of this frame alone, 0..1; the higher, the more likely FAKE.
        box: left, top, right, bottom of the face in pixels of the frame.
        image: the crop that the network saw, as JPEG.
    """

    frame: int
    seconds: float | None
    score: float
    box: tuple[float, float, float, float]
    image: bytes = field(repr=False)


@dataclass(frozen=True)
class Face:
    """One person, tracked through the frames of a file.

    Attributes:
        track: number of the face track, counted from 0; 0 is the most visible person. Texts for
            people number them in the order of `Result.people`.
        score: 0..1; None if too few frames show the person.
        interval: as for `Result`.
        reason: why there is no score, else "".
        coverage: fraction of the analysed frames that show the person, 0..1.
        frames: the frames that show the person, in order of time.
    """

    track: int
    score: float | None
    interval: Interval | None
    reason: str
    coverage: float
    frames: tuple[FaceFrame, ...]

    def most_suspicious(self, count: int) -> list[FaceFrame]:
        """The frames with the highest scores, the highest first."""
        return sorted(self.frames, key=lambda one: (-one.score, one.frame))[:count]


def by_suspicion(faces: Iterable[Face]) -> list[Face]:
    """People in the order of their numbers: the highest score first, those without one last."""
    return sorted(faces, key=lambda face: (face.score is None, -(face.score or 0), face.track))


@dataclass(frozen=True)
class Result:
    """The result for one file.

    Attributes:
        path: the file or address as given; what is not UTF-8 in its name is escaped.
        verdict: REAL, FAKE or UNDECIDED.
        score: of the most suspicious person, 0..1; None if nobody has one. A probability of FAKE if
            `calibrated`.
        operating_point: its thresholds make a verdict of the score; chosen on validation videos.
        interval: score range over frames (95 %), as `frame_interval.score_interval` gives it for
            the person who decides the verdict; None without a score or with too few frames.
        frames_agree: whether the whole interval has the same verdict. It says nothing about whether
            the verdict is right. None without an interval, and if UNDECIDED.
        reason: why the file is UNDECIDED, else "".
        note: what makes a verdict less certain (a truncated file, a blurred face, many people), else
            "".
        video: what is recorded about the file.
        frames: number of analysed frames.
        frames_with_face: number of analysed frames with a face of one of `faces`.
        decisive: track of the person who decides the verdict; None without a score.
        faces: people who are seen in enough frames, the most visible first.
        model: the model that gave the score.
        cause: why the file is UNDECIDED, for programs; None if it has a verdict.
        calibrated: whether the score is a probability on files like those of the model's val.
        weaknesses: of the pictures of the deciding person; `note` says them in words.
        sha256: `files.content_digest` of the file; "" if it could not be read.
    """

    path: str
    verdict: str
    score: float | None
    operating_point: OperatingPoint
    interval: Interval | None
    frames_agree: bool | None
    reason: str
    note: str
    video: VideoMeta
    frames: int
    frames_with_face: int
    decisive: int | None
    faces: tuple[Face, ...]
    model: ModelVersion
    cause: UndecidedCause | None = None
    calibrated: bool = False
    weaknesses: tuple[Weakness, ...] = ()
    sha256: str = ""

    @property
    def people(self) -> list[Face]:
        """`faces` in the order of their numbers, which begin with 1."""
        return by_suspicion(self.faces)

    @property
    def thresholds(self) -> Thresholds:
        """Those of the operating point."""
        return self.operating_point.thresholds

    @property
    def coverage(self) -> float:
        """`frames_with_face` as a fraction of the analysed frames, 0..1."""
        return self.frames_with_face / self.frames if self.frames else 0.0
