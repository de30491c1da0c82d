"""Face tracks of a video: faces are followed from frame to frame and linked into people."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.faces.detection import Face
from deepfake.faces.detectors import box_iou

SAME_FACE_IOU = 0.3  # boxes of one frame with a larger IoU show one face
BUFFER = 0.5  # fraction of its size by which a box grows on each side before it is compared
MIN_IOU = 0.2  # buffered IoU, of the grown boxes
WEAK_IOU = 0.35  # below it, a pair is ambiguous: the face moved by more than its width
CLEAR_IOU = 0.5
RIVAL_RATIO = 0.7  # a pair is also ambiguous if another pair reaches this fraction of its IoU
# Distances of embeddings below which two faces are the same person. The first is the threshold of
# face_recognition. The second applies where position says nothing: 99.4 % of strangers exceed it.
SAME_PERSON_DISTANCE = 0.6
SAME_PERSON_DISTANCE_ELSEWHERE = 0.5
COMPARED_FACES = 3  # latest faces of a track that are compared: one of them may be in profile
# Mean difference of the faces' colours (CIELAB in 8 bits). Above it, a face in the expected
# position may still be another person. The first threshold applies after a cut or among several
# faces (96 of 100 strangers exceed it); the second to a single face without a cut (94 of 100
# strangers exceed it, and 1 of 130 faces in the next frame).
MAX_COLOR_DIFFERENCE_AMBIGUOUS = 10
MAX_COLOR_DIFFERENCE = 12
THUMBNAIL_SIDE = 16  # pixels
# Mean difference of thumbnails in grey levels above which there is a cut between two frames. 24 of
# 25 pairs of clips exceed it; 1 of 30 pairs of frames of one clip does too, which only costs time.
CUT_DIFFERENCE = 24

Detect = Callable[[Image], list[Face]]
DetectNear = Callable[[Image, Sequence[Face]], list[Face]]
RecentFaces = Sequence[tuple[int, Face]]  # of one track, with their frames' positions, latest first


class Appearance(Protocol):
    """Compares what faces look like. A face is given with the position of its frame."""

    def color_difference(
        self, position: int, face: Face, other_position: int, other: Face
    ) -> float:
        """Mean difference of two faces' colours, which is fast to compute."""

    def embedding_distance(
        self, position: int, face: Face, other_position: int, other: Face
    ) -> float | None:
        """Distance of two faces' embeddings; None if a face cannot be recognised."""


def find_cuts(images: Sequence[Image]) -> frozenset[int]:
    """Positions of the frames that start a new shot."""
    thumbnails = [_thumbnail(image) for image in images]
    return frozenset(
        position
        for position in range(1, len(images))
        if images[position].shape != images[position - 1].shape
        or float(np.abs(thumbnails[position] - thumbnails[position - 1]).mean()) > CUT_DIFFERENCE
    )


def _thumbnail(image: Image) -> NDArray[np.float32]:
    step = max(1, min(image.shape[:2]) // 128)
    gray = cv2.cvtColor(np.ascontiguousarray(image[::step, ::step]), cv2.COLOR_RGB2GRAY)
    size = (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.float32)


def follow_faces(
    images: Sequence[Image],
    cuts: Collection[int],
    detect_interval: int,
    detect: Detect,
    detect_near: DetectNear,
) -> list[list[Face]]:
    """Find the faces of each frame, in most frames only near the faces of the previous one.

    A whole frame is searched if it is the first, one of every `detect_interval`, the first after a
    cut, or if a face of the previous frame is lost. A new face is then followed backwards to the
    last frame that was searched as a whole. A person who is visible in `detect_interval` successive
    frames is therefore found in all of them.

    Args:
        images: the frames.
        cuts: as returned by `find_cuts`.
        detect_interval: largest number of frames from one search of a whole frame to the next; 1
            searches every frame as a whole.
        detect: finds the faces of an image.
        detect_near: finds the faces of an image near those of another image.
    """
    faces_by_frame: list[list[Face]] = []
    last_detection = -1
    for position, image in enumerate(images):
        previous = faces_by_frame[-1] if faces_by_frame and position not in cuts else []
        followed = detect_near(image, previous) if previous and detect_interval > 1 else []
        if position in cuts or position % detect_interval == 0 or len(followed) < len(previous):
            faces = _merge_faces(followed, detect(image))
            faces_by_frame.append(faces)
            _follow_backwards(images, cuts, faces_by_frame, last_detection, detect_near)
            last_detection = position
        else:
            faces_by_frame.append(followed)
    return faces_by_frame


def _follow_backwards(
    images: Sequence[Image],
    cuts: Collection[int],
    faces_by_frame: list[list[Face]],
    last_detection: int,
    detect_near: DetectNear,
) -> None:
    """Add new faces of the last frame to the frames before it, back to the last whole search."""
    position = len(faces_by_frame) - 1
    new = faces_by_frame[position]
    while new and position - 1 > last_detection and position not in cuts:
        new = [
            face for face in new if not any(_near(face, f) for f in faces_by_frame[position - 1])
        ]
        position -= 1
        new = detect_near(images[position], new) if new else []
        faces_by_frame[position] = _merge_faces(faces_by_frame[position], new)


def _merge_faces(faces: Sequence[Face], others: Sequence[Face]) -> list[Face]:
    """All of `faces`, and those of `others` that overlap none of them, from left to right."""
    new = [
        face
        for face in others
        if not any(box_iou(_box(face), _box(f)) > SAME_FACE_IOU for f in faces)
    ]
    return sorted([*faces, *new], key=lambda face: face.box)


def link_tracks(
    frames: Sequence[Sequence[Face]],
    cuts: Collection[int] = (),
    appearance: Appearance | None = None,
) -> list[dict[int, Face]]:
    """Link the faces of successive frames into tracks, the most visible person first.

    Sampled frames are far apart, so boxes are grown before their overlap is measured (buffered
    IoU, Yang et al., WACV 2023). The Hungarian method matches faces to tracks. Where position is
    ambiguous (after a cut, after a large movement, between two candidates), appearance decides. A
    face in a new position continues a lost track if it looks the same. A face that matches no track
    starts a new one. A track may skip frames.

    Args:
        frames: the faces of each frame.
        cuts: as returned by `find_cuts`.
        appearance: compares faces; without it, only positions count.

    Returns:
        One dict per track, from the frame's position in `frames` to the face.
    """
    tracks: list[dict[int, Face]] = []
    for position, faces in enumerate(frames):
        recent = [sorted(track.items(), reverse=True)[:COMPARED_FACES] for track in tracks]
        ious = _buffered_ious(faces, [track[0] for track in recent], position, cuts)
        similarity = np.where(ious >= MIN_IOU, ious, 0)
        if appearance:
            similarity = _resolve_ambiguous(similarity, faces, recent, position, cuts, appearance)
        matched = _assign(similarity)
        if appearance:
            matched |= _match_elsewhere(matched, faces, recent, position, appearance)
        for row, face in enumerate(faces):
            if row in matched:
                tracks[matched[row]][position] = face
            else:
                tracks.append({position: face})
    return sorted(tracks, key=_visibility, reverse=True)


def _buffered_ious(
    faces: Sequence[Face], last: Sequence[tuple[int, Face]], position: int, cuts: Collection[int]
) -> NDArray[np.float64]:
    """Buffered IoU of faces (rows) with the last faces of tracks (columns), 0..1.

    If a face clearly overlaps a track of the previous frame, its IoU with older tracks is set to 0.
    """
    rows = [[_buffered_iou(face, old) for _, old in last] for face in faces]
    ious = np.array(rows, np.float64).reshape(len(faces), len(last))
    current = np.array([old == position - 1 and position not in cuts for old, _ in last], bool)
    clear = (ious * current).max(axis=1, initial=0) >= CLEAR_IOU
    ious[np.ix_(clear, ~current)] = 0
    return ious


def _resolve_ambiguous(
    similarity: NDArray[np.float64],
    faces: Sequence[Face],
    recent: Sequence[RecentFaces],
    position: int,
    cuts: Collection[int],
    appearance: Appearance,
) -> NDArray[np.float64]:
    """Similarity by position (faces x tracks), replaced by that of appearance where ambiguous."""
    resolved = similarity.copy()
    ambiguous = _ambiguous(similarity)
    for row, column in np.argwhere(similarity > 0):
        old_position, old = recent[column][0]
        exchangeable = min(similarity.shape) > 1 or any(
            old_position < cut <= position for cut in cuts
        )
        allowed = MAX_COLOR_DIFFERENCE_AMBIGUOUS if exchangeable else MAX_COLOR_DIFFERENCE
        if (
            ambiguous[row, column]
            or appearance.color_difference(old_position, old, position, faces[row]) > allowed
        ):
            resolved[row, column] = _appearance_similarity(
                recent[column],
                position,
                faces[row],
                appearance,
                SAME_PERSON_DISTANCE,
                similarity[row, column],
            )
    return resolved


def _match_elsewhere(
    matched: dict[int, int],
    faces: Sequence[Face],
    recent: Sequence[RecentFaces],
    position: int,
    appearance: Appearance,
) -> dict[int, int]:
    """Match unmatched faces (rows) to unmatched tracks (columns) by appearance alone."""
    similarity = np.zeros((len(faces), len(recent)))
    for row, face in enumerate(faces):
        for column, track in enumerate(recent):
            if row not in matched and column not in matched.values():
                similarity[row, column] = _appearance_similarity(
                    track, position, face, appearance, SAME_PERSON_DISTANCE_ELSEWHERE, 0
                )
    return _assign(similarity)


def _appearance_similarity(
    track: RecentFaces,
    position: int,
    face: Face,
    appearance: Appearance,
    max_distance: float,
    unknown: float,
) -> float:
    """1 minus the embedding distance from the first recent face below `max_distance`, or 0.

    Returns `unknown` if the face or the last one of the track cannot be recognised.
    """
    for number, (old_position, old) in enumerate(track):
        distance = appearance.embedding_distance(old_position, old, position, face)
        if distance is None and number == 0:
            return unknown
        if distance is not None and distance < max_distance:
            return 1 - distance
    return 0.0


def _ambiguous(similarity: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pairs (faces x tracks) position does not decide: those that are weak or have rivals."""
    ambiguous = (similarity > 0) & (similarity < WEAK_IOU)
    for row, column in np.argwhere(similarity > 0):
        others = [*np.delete(similarity[row], column), *np.delete(similarity[:, column], row)]
        low, high = sorted([max(others, default=0.0), similarity[row, column]])
        ambiguous[row, column] |= low >= RIVAL_RATIO * high
    return ambiguous


def _assign(similarity: NDArray[np.float64]) -> dict[int, int]:
    """The pairs, row to column, with the largest total similarity; none with similarity 0."""
    if not similarity.any():
        return {}
    if min(similarity.shape) == 1:  # one face, or one person
        row, column = np.unravel_index(similarity.argmax(), similarity.shape)
        return {int(row): int(column)}
    from scipy.optimize import linear_sum_assignment  # loading it takes longer than a video

    rows, columns = linear_sum_assignment(-similarity)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {row: column for row, column in pairs if similarity[row, column] > 0}


def _visibility(track: dict[int, Face]) -> float:
    """Number of frames times median size in pixels."""
    return len(track) * float(np.median([face.size for face in track.values()]))


def _near(face: Face, other: Face) -> bool:
    return _buffered_iou(face, other) >= MIN_IOU


def _buffered_iou(face: Face, other: Face) -> float:
    """Intersection over union of the two grown boxes, 0..1."""
    return box_iou(_grown_box(face), _grown_box(other))


def _box(face: Face) -> NDArray[np.float64]:
    return np.array(face.box)


def _grown_box(face: Face) -> NDArray[np.float64]:
    left, top, right, bottom = face.box
    x, y = BUFFER * (right - left), BUFFER * (bottom - top)
    return np.array([left - x, top - y, right + x, bottom + y])
