"""From the crops of a file and their logits to the result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from deepfake.base.text import utf8
from deepfake.core.labels import UNDECIDED, Floats
from deepfake.jobs.step import OUT_OF_MEMORY, TIMED_OUT
from deepfake.model.card import ModelCard
from deepfake.model.operating_points import NOT_CERTAIN, OperatingPoint
from deepfake.model.scores import NO_FACE_FOUND, TOO_FEW_FRAMES, frame_scores, video_scores
from deepfake.predict.frame_interval import frames_agree, score_interval
from deepfake.predict.preprocess import Preprocessed
from deepfake.predict.remarks import crowd_remark, quality_remarks
from deepfake.predict.result import Face, FaceFrame, ModelVersion, Result, UndecidedCause


@dataclass(frozen=True)
class Classified:
    """A file whose crops have logits.

    Attributes:
        path: the file as given.
        file: the crops.
        logits: one per crop, in the order of `file.crops`.
    """

    path: str
    file: Preprocessed
    logits: Floats


def make_results(
    files: Sequence[Classified], card: ModelCard, point: OperatingPoint, model: ModelVersion
) -> list[Result]:
    """The results for files, scored by the same function as the pipeline's own videos.

    Args:
        files: in any number; many at once take less time each.
        card: the card of the model.
        point: the operating point.
        model: the model that gave the logits.
    """
    scores = _scores(files, card)
    return [
        _make_result(one, scores, number, card, point, model) for number, one in enumerate(files)
    ]


def make_result(
    path: str,
    card: ModelCard,
    file: Preprocessed,
    logits: Floats,
    point: OperatingPoint,
    model: ModelVersion,
) -> Result:
    """The result for one file; see `make_results` and `Classified`."""
    return make_results([Classified(path, file, logits)], card, point, model)[0]


Scores = dict[str, tuple[float, int]]  # score and track, by the keys below


def _file_key(number: int) -> str:
    return str(number)


def _person_key(number: int, track: int) -> str:
    return f"{number}/{track}"


def _scores(files: Sequence[Classified], card: ModelCard) -> Scores:
    """The scores of all files and of all people in them, computed at once, as pandas is slow."""
    crops = [
        (number, crop["track"], logit)
        for number, one in enumerate(files)
        for crop, logit in zip(one.file.crops, one.logits, strict=True)
    ]
    keys = [_file_key(number) for number, _, _ in crops]
    keys += [_person_key(number, track) for number, track, _ in crops]
    table = pd.DataFrame(
        {
            "video_id": pd.Series(keys, dtype=str),
            "track": pd.Series([track for _, track, _ in crops] * 2, dtype=int),
            "logit": pd.Series([logit for _, _, logit in crops] * 2, dtype=float),
        }
    )
    scored = video_scores(table, card.video_score, card.temperature, card.min_frames, card.bias)
    columns = (scored[name].tolist() for name in ("video_id", "score", "track"))
    return {key: (score, track) for key, score, track in zip(*columns, strict=True)}


def _make_result(
    classified: Classified,
    scores: Scores,
    number: int,
    card: ModelCard,
    point: OperatingPoint,
    model: ModelVersion,
) -> Result:
    """The result for the file at a position among those of `scores`."""
    file = classified.file
    score, decisive = scores.get(_file_key(number), (None, None))
    thresholds = point.thresholds
    faces = _faces(classified, scores, number, card)
    interval = next((face.interval for face in faces if face.track == decisive), None)
    deciding = [crop for crop in file.crops if crop["track"] == decisive]
    verdict = UNDECIDED if score is None else thresholds.verdict(score)
    undecided = verdict == UNDECIDED
    notes = [file.video.reason if file.video.indices else ""]
    remarks = quality_remarks(deciding, card, len(file.video.indices)) if deciding else {}
    if deciding:
        notes += [crowd_remark(faces, thresholds.fake_from), *remarks.values()]
    return Result(
        path=utf8(classified.path),
        verdict=verdict,
        score=score,
        operating_point=point,
        interval=interval,
        frames_agree=None if undecided else frames_agree(interval, thresholds),
        reason=_reason(file, score) if undecided else "",
        note="; ".join(filter(None, notes)),
        video=file.video,
        frames=len(file.video.indices),
        frames_with_face=len({crop["frame"] for crop in file.crops}),
        decisive=decisive,
        faces=faces,
        model=model,
        cause=_cause(file, score) if undecided else None,
        calibrated=card.calibrated,
        weaknesses=tuple(remarks),
        sha256=file.sha256,
    )


def _reason(file: Preprocessed, score: float | None) -> str:
    """Why a file is UNDECIDED: no frames, no face, no person with a score, or one in the middle."""
    if not file.video.indices:
        return file.video.reason
    if score is not None:
        return NOT_CERTAIN
    return file.reason or (TOO_FEW_FRAMES if file.crops else NO_FACE_FOUND)


def _cause(file: Preprocessed, score: float | None) -> UndecidedCause:
    """The same as a constant."""
    if score is not None:
        return UndecidedCause.NOT_CERTAIN
    if file.cause is not None:
        return file.cause
    if file.video.status in (TIMED_OUT, OUT_OF_MEMORY):
        return UndecidedCause.OVER_LIMIT
    if not file.video.indices:
        return UndecidedCause.UNREADABLE
    return UndecidedCause.TOO_FEW_FRAMES if file.crops else UndecidedCause.NO_FACE


def _faces(
    classified: Classified, scores: Scores, number: int, card: ModelCard
) -> tuple[Face, ...]:
    """Every person with their own score, in the order of their tracks."""
    file, logits = classified.file, np.asarray(classified.logits, float)
    tracks = np.array([crop["track"] for crop in file.crops], int)
    crop_scores = frame_scores(logits, card.temperature, card.bias)
    faces = []
    for track in np.unique(tracks).tolist():
        positions = np.flatnonzero(tracks == track).tolist()
        frames = [
            _frame(file.crops[position], float(crop_scores[position]), file.video.fps, file.images)
            for position in positions
        ]
        score, _ = scores.get(_person_key(number, track), (None, None))
        interval = None
        if score is not None:
            interval = score_interval(
                logits[positions], card.video_score, card.temperature, card.bias
            )
        faces.append(
            Face(
                track=track,
                score=score,
                interval=interval,
                reason=TOO_FEW_FRAMES if score is None else "",
                coverage=len(frames) / max(1, len(file.video.indices)),
                frames=tuple(sorted(frames, key=lambda one: one.frame)),
            )
        )
    return tuple(faces)


def _frame(
    crop: Mapping[str, Any], score: float, fps: float, images: Mapping[str, bytes]
) -> FaceFrame:
    left, top, right, bottom = crop["box"]
    return FaceFrame(
        frame=crop["frame"],
        seconds=crop["frame"] / fps if fps else None,
        score=score,
        box=(left, top, right, bottom),
        image=images[crop["image"]],
    )
