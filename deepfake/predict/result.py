"""What the model says of a file, of each person in it, and of each frame of a person."""

from dataclasses import dataclass, field

from deepfake.video.record import VideoMeta

Interval = tuple[float, float]

CLEAR, BORDERLINE, UNKNOWN = "clear", "borderline", "unknown"


@dataclass(frozen=True)
class FaceFrame:
    """One face in one frame.

    Attributes:
        frame: number of the frame, counted from 0 in reading order.
        seconds: when it is shown, by the mean frame rate; None for images.
        score: calibrated probability of FAKE, 0..1, by this frame alone.
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
    """One person, followed through the frames of a file.

    Attributes:
        track: 0 is the most visible person.
        score: calibrated probability of FAKE, 0..1; None where there are too few frames to judge.
        interval: as for `Result`.
        reason: why there is no score, else "".
        coverage: in which fraction of the frames that were looked at the person is seen, 0..1.
        frames: where the person is seen, in order of time.
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


@dataclass(frozen=True)
class Result:
    """What the model says of one file.

    Attributes:
        path: the file or address as it was given.
        verdict: REAL, FAKE or UNDECIDED.
        score: calibrated probability of FAKE, 0..1, of the most suspicious person; None if
            UNDECIDED.
        threshold: scores from here on are FAKE; the model's own, chosen on validation videos.
        interval: where 95 % of the scores lie if the frames of that person are drawn anew
            (`certainty.score_interval`); None if UNDECIDED or with too few frames to tell.
        certainty: "clear" if the interval lies on one side of the threshold, "borderline" if not,
            "unknown" without an interval, "" if UNDECIDED.
        reason: why it is UNDECIDED, else "".
        note: what is wrong with a file that could be judged all the same (cut short, say), else "".
        video: what was found out about the file.
        frames: how many frames were looked at.
        frames_with_face: in how many of them a face was found.
        decisive: the track of the person whose score it is; None if UNDECIDED.
        faces: all people that were followed, the most visible first.
    """

    path: str
    verdict: str
    score: float | None
    threshold: float
    interval: Interval | None
    certainty: str
    reason: str
    note: str
    video: VideoMeta
    frames: int
    frames_with_face: int
    decisive: int | None
    faces: tuple[Face, ...]

    @property
    def coverage(self) -> float:
        """Fraction of the frames looked at that show a face, 0..1."""
        return self.frames_with_face / self.frames if self.frames else 0.0
