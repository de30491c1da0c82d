"""The JSON of the HTTP API, for its OpenAPI document; tests compare it with what is sent."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepfake.model.operating_points import Rate
from deepfake.predict.result import ModelVersion

Score = float | None
Verdict = Literal["REAL", "FAKE", "UNDECIDED"]

_FACE = {
    "track": 0,
    "score": 0.941207,
    "interval": [0.902211, 0.967102],
    "reason": "",
    "frames": 16,
    "coverage": 1.0,
}
_PREDICTION: dict[str, Any] = {
    "path": "clip.mp4",
    "verdict": "FAKE",
    "score": 0.941207,
    "interval": [0.902211, 0.967102],
    "frames_agree": True,
    "model": {"name": "model#prod", "version": "v1.2.0", "sha256": 64 * "0"},
    "operating_point": "cautious",
    "threshold": 0.83,
    "real_below": 0.21,
    "measured_on_test": None,
    "calibrated": True,
    "reason": "",
    "note": "",
    "status": "ok",
    "people": 1,
    "frames": 16,
    "frames_with_face": 16,
    "coverage": 1.0,
    "faces": [_FACE],
}
_PROBLEM = {
    "type": "about:blank",
    "title": "Service Unavailable",
    "status": 503,
    "detail": "the queue is full (9 files): try again later",
    "code": "queue_full",
    "request_id": "7f3c5b7e1c0d4a5f9f0c1d2e3f4a5b6c",
}
_BATCH: dict[str, Any] = {
    "id": "Vb1x0pQm3l8kZ2yTq5nS7w",
    "status": "running",
    "files": 2,
    "finished": 1,
    "expires_in_seconds": None,
    "results": [{"path": "clip.mp4", "prediction": _PREDICTION, "problem": None}],
}


def _config(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": list(examples)})


class FrameScore(BaseModel):
    """A person in one frame."""

    model_config = _config()
    frame: int
    seconds: float | None
    score: float
    box: list[float] = Field(description="Left, top, right and bottom of the face in pixels.")


class FaceRecord(BaseModel):
    """A person in the file, as `Face` of the library."""

    model_config = _config()
    track: int
    score: Score
    interval: list[float] | None
    reason: str
    frames: int
    coverage: float
    scores: list[FrameScore] = Field(default=[], description="Only with ?frames=true.")


class Prediction(BaseModel):
    """The result for a file, as of `deepfake predict --json`."""

    model_config = _config(_PREDICTION)
    path: str
    verdict: Verdict
    score: Score = Field(description="0 to 1; the higher, the more likely FAKE. Null without one.")
    interval: list[float] | None = Field(description="Score range over frames (95 %).")
    frames_agree: bool | None = Field(
        description="Whether the whole score range has the same verdict. It does not say that the"
        " verdict is right."
    )
    model: ModelVersion
    operating_point: str
    threshold: float = Field(description="Scores from here on are FAKE.")
    real_below: float = Field(description="Scores below are REAL.")
    measured_on_test: dict[str, int | Rate] | None
    calibrated: bool
    reason: str = Field(description="Why the file is UNDECIDED, or empty.")
    note: str
    status: str
    people: int
    frames: int
    frames_with_face: int
    coverage: float
    faces: list[FaceRecord]


class ProblemRecord(BaseModel):
    """An error, as problem details (RFC 9457)."""

    model_config = _config(_PROBLEM)
    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="For programs; it does not change when the words do.")
    request_id: str
    errors: list[dict[str, Any]] = Field(default=[], description="Invalid parts of the request.")


class BatchEntry(BaseModel):
    """A file of a batch: its result, or the error of the server that prevented one."""

    model_config = _config()
    path: str
    prediction: Prediction | None
    problem: ProblemRecord | None


class BatchRecord(BaseModel):
    """The progress of a batch, and the results of its finished files in the order of the files."""

    model_config = _config(_BATCH)
    id: str
    status: Literal["waiting", "running", "finished"]
    files: int
    finished: int
    expires_in_seconds: int | None = Field(description="Null until the batch is finished.")
    results: list[BatchEntry]


class Health(BaseModel):
    """The state of the server."""

    model_config = _config()
    status: Literal["ok"]
    in_line: int = Field(description="Files that wait or are being analysed.")
    model: ModelVersion
    operating_point: str
    threshold: float
    real_below: float
    trained_on: list[str]
