"""From the crops of a file and their logits to the result."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from deepfake.base.text import utf8
from deepfake.core.labels import UNDECIDED, Floats
from deepfake.jobs.step import OUT_OF_MEMORY, TIMED_OUT
from deepfake.model.card import ModelCard
from deepfake.model.operating_points import NOT_CERTAIN, OperatingPoint
from deepfake.model.scores import TOO_FEW_FRAMES, frame_scores, verdicts, video_scores
from deepfake.predict.frame_interval import frames_agree, score_interval
from deepfake.predict.preprocess import Preprocessed
from deepfake.predict.remarks import crowd_remark, quality_remarks
from deepfake.predict.result import Face, FaceFrame, ModelVersion, Result, UndecidedCause


def make_result(
    path: str,
    card: ModelCard,
    file: Preprocessed,
    logits: Floats,
    point: OperatingPoint,
    model: ModelVersion,
) -> Result:
    """The result for one file, scored by the same functions as the pipeline's own videos.

    Args:
        path: the file as given.
        card: the card of the model.
        file: the crops.
        logits: one per crop, in the order of `file.crops`.
        point: the operating point.
        model: the model that gave the logits.
    """
    path = utf8(path)  # as pandas requires
    table = pd.DataFrame(list(file.crops), columns=["frame", "track"])
    table = table.assign(logit=logits, video_id=path)
    scored = video_scores(table, card.video_score, card.temperature, card.min_frames, card.bias)
    thresholds = point.thresholds
    row = verdicts(pd.DataFrame({"video_id": [path]}), scored, table, thresholds.fake_from).iloc[0]
    faces = _faces(card, file, table)
    decisive = None if pd.isna(row["track"]) else int(row["track"])
    interval = next((face.interval for face in faces if face.track == decisive), None)
    deciding = [crop for crop in file.crops if crop["track"] == decisive]
    score = None if decisive is None else float(row["score"])
    verdict = UNDECIDED if score is None else thresholds.verdict(score)
    undecided = verdict == UNDECIDED
    notes = [file.video.reason if file.video.indices else ""]
    remarks = quality_remarks(deciding, card, len(file.video.indices)) if deciding else {}
    if deciding:
        notes += [crowd_remark(faces, thresholds.fake_from), *remarks.values()]
    return Result(
        path=path,
        verdict=verdict,
        score=score,
        operating_point=point,
        interval=interval,
        frames_agree=None if undecided else frames_agree(interval, thresholds),
        reason=_reason(file, str(row["reason"]) or NOT_CERTAIN) if undecided else "",
        note="; ".join(filter(None, notes)),
        video=file.video,
        frames=len(file.video.indices),
        frames_with_face=int(table["frame"].nunique()),
        decisive=decisive,
        faces=faces,
        model=model,
        cause=_cause(file, score) if undecided else None,
        calibrated=card.calibrated,
        weaknesses=tuple(remarks),
    )


def _reason(file: Preprocessed, reason: str) -> str:
    """Why a file is UNDECIDED: no frames, no face, no person with a score, or one in the middle."""
    return file.video.reason if not file.video.indices else file.reason or reason


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


def _faces(card: ModelCard, file: Preprocessed, table: pd.DataFrame) -> tuple[Face, ...]:
    """Every person with their own score; the table has frame, track and logit of each crop."""
    people = video_scores(
        table.assign(video_id=table["track"]),
        card.video_score,
        card.temperature,
        card.min_frames,
        card.bias,
    )
    person_scores: dict[int, float] = dict(
        zip(people["track"].tolist(), people["score"].tolist(), strict=True)
    )
    crop_scores = frame_scores(table["logit"].to_numpy(float), card.temperature, card.bias)
    faces = []
    for track in sorted(table["track"].unique().tolist()):
        rows = table[table["track"] == track]
        frames = [
            _frame(file.crops[position], float(crop_scores[position]), file.video.fps, file.images)
            for position in rows.index
        ]
        score = person_scores.get(track)
        interval = None
        if score is not None:
            logits = rows["logit"].to_numpy(float)
            interval = score_interval(logits, card.video_score, card.temperature, card.bias)
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
