"""From the crops of a file and their logits to the result."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from deepfake.core.labels import Floats
from deepfake.model.card import ModelCard
from deepfake.model.scores import frame_scores, verdicts, video_scores
from deepfake.predict.frame_interval import in_words, score_interval
from deepfake.predict.result import Face, FaceFrame, Result
from deepfake.video.record import VideoMeta

TOO_FEW = "too few frames with a face"


def judge(
    path: str,
    card: ModelCard,
    video: VideoMeta,
    crops: Sequence[Mapping[str, Any]],
    images: Mapping[str, bytes],
    logits: Floats,
    no_face: str = "",
) -> Result:
    """The result of one file, scored by the pipeline's own functions.

    Args:
        path: the file as it was given.
        card: of the model.
        video: what was found out about the file.
        crops: a record for each crop, as `cropping.crop_frames` gives them.
        images: the crops by their names.
        logits: of the crops, in the same order.
        no_face: why no face was found, if that is known.
    """
    table = pd.DataFrame(crops, columns=["frame", "track"]).assign(logit=logits, video_id=path)
    scored = video_scores(table, card.video_score, card.temperature, card.min_frames)
    row = verdicts(pd.DataFrame({"video_id": [path]}), scored, table, card.threshold).iloc[0]
    faces = _faces(card, video, crops, images, table)
    decisive = None if pd.isna(row["track"]) else int(row["track"])
    interval = next((face.interval for face in faces if face.track == decisive), None)
    undecided = decisive is None
    return Result(
        path=path,
        verdict=str(row["verdict"]),
        score=None if undecided else float(row["score"]),
        threshold=card.threshold,
        interval=interval,
        certainty="" if undecided else in_words(interval, card.threshold),
        reason=_reason(video, no_face, str(row["reason"])) if undecided else "",
        note=video.reason if video.indices else "",
        video=video,
        frames=len(video.indices),
        frames_with_face=int(table["frame"].nunique()),
        decisive=decisive,
        faces=faces,
    )


def _reason(video: VideoMeta, no_face: str, reason: str) -> str:
    """Why a file is UNDECIDED: it gave no frames, or they no face, or no person can be judged."""
    return video.reason if not video.indices else no_face or reason


def _faces(
    card: ModelCard,
    video: VideoMeta,
    crops: Sequence[Mapping[str, Any]],
    images: Mapping[str, bytes],
    table: pd.DataFrame,
) -> tuple[Face, ...]:
    """Every person with their own score; the table has the frame, track and logit of each crop."""
    people = video_scores(
        table.assign(video_id=table["track"]), card.video_score, card.temperature, card.min_frames
    )
    scores: dict[int, float] = dict(
        zip(people["track"].tolist(), people["score"].tolist(), strict=True)
    )
    single = frame_scores(table["logit"].to_numpy(float), card.temperature)
    faces = []
    for track in sorted(table["track"].unique().tolist()):
        rows = table[table["track"] == track]
        frames = [_frame(crops[at], float(single[at]), video.fps, images) for at in rows.index]
        logits = rows["logit"].to_numpy(float)
        score = scores.get(track)
        faces.append(
            Face(
                track=track,
                score=score,
                interval=None
                if score is None
                else score_interval(logits, card.video_score, card.temperature),
                reason=TOO_FEW if score is None else "",
                coverage=len(frames) / max(1, len(video.indices)),
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
