"""Results for tests of code that shows them."""

from dataclasses import replace

import numpy as np

from deepfake.core.image import encode_jpeg
from deepfake.model.operating_points import Measured, OperatingPoint, Rate, Thresholds
from deepfake.predict.result import Face, FaceFrame, ModelVersion, Result, UndecidedCause
from deepfake.video.record import VideoMeta

VIDEO = VideoMeta("ok", "", 640, 480, 25.0, 100, 12345, "h264", (0, 25, 50, 75))
MODEL = ModelVersion("starter", "0123456789ab", "0123456789ab" + 52 * "c")
HALF = Thresholds(0.5, 0.5)
CROP = encode_jpeg(np.full((40, 40, 3), 90, np.uint8), 95, "yuv444")


def make_face(track: int, scores: dict[int, float], score: float | None) -> Face:
    """A person with the given score in each frame, whose box moves to the right."""
    frames = tuple(
        FaceFrame(frame, frame / 25, value, (frame, 10.0, frame + 40.0, 60.0), CROP)
        for frame, value in scores.items()
    )
    interval = None if score is None else (max(0, score - 0.1), min(1, score + 0.1))
    reason = "too few frames with a face" if score is None else ""
    return Face(track, score, interval, reason, len(frames) / 4, frames)


def make_result(
    path: str = "clip.mp4", faces: tuple[Face, ...] = (), video: VideoMeta = VIDEO
) -> Result:
    """A result with a threshold of 0.5, decided by the person with the highest score."""
    scored = [face for face in faces if face.score is not None]
    deciding = max(scored, key=lambda face: face.score or 0, default=None)
    score = deciding.score if deciding else None
    return Result(
        path=path,
        verdict="UNDECIDED" if score is None else "FAKE" if score >= 0.5 else "REAL",
        score=score,
        operating_point=OperatingPoint("balanced", HALF),
        interval=deciding.interval if deciding else None,
        frames_agree=True if deciding else None,
        reason="" if deciding else "no face found",
        note="",
        video=video,
        frames=len(video.indices),
        frames_with_face=len({one.frame for face in faces for one in face.frames}),
        decisive=deciding.track if deciding else None,
        faces=faces,
        model=MODEL,
        cause=None if deciding else UndecidedCause.NO_FACE,
        calibrated=True,
    )


THREE_PEOPLE = make_result(
    faces=(
        make_face(0, {0: 0.1, 25: 0.2, 50: 0.1, 75: 0.2}, 0.15),
        make_face(1, {25: 0.7, 50: 0.9}, 0.82),
        make_face(2, {50: 0.9}, None),
    )
)
NO_PEOPLE = make_result()


def measured(thresholds: Thresholds = HALF, **changes: object) -> Measured:
    """What an operating point measured on many people; `changes` replace single values."""
    values = {
        "real_videos": 400,
        "fake_videos": 300,
        "real_groups": 40,
        "fake_groups": 30,
        "false_positive_rate": Rate(0.05, 0.02, 0.11),
        "false_negative_rate": Rate(0.3, 0.21, 0.4),
        "recall": Rate(0.6, 0.5, 0.7),
        "undecided": Rate(0.25, 0.2, 0.31),
    }
    return Measured(thresholds=thresholds, **{**values, **changes})  # type: ignore[arg-type]


CAUTIOUS = OperatingPoint("cautious", Thresholds(0.3, 0.9), measured(Thresholds(0.3, 0.9)))
NOT_CERTAIN = replace(
    THREE_PEOPLE,
    operating_point=CAUTIOUS,
    verdict="UNDECIDED",
    frames_agree=None,
    reason="not certain enough",
    cause=UndecidedCause.NOT_CERTAIN,
)
