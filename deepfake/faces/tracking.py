"""Faces over the frames of a video: followed from frame to frame, and linked into people."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.faces.detection import Face
from deepfake.faces.detectors import overlap

BUFFER = 0.5  # boxes grow by this fraction of their size on each side before they are compared
MIN_OVERLAP = 0.2  # of the grown boxes
WEAK_OVERLAP = 0.35  # less is in doubt: the face moved by more than its width
SURE_OVERLAP = 0.5
RIVAL = 0.7  # so is a pair if another one overlaps by this fraction of it
SAME_PERSON = 0.6  # distance of embeddings: the bound of face_recognition
SAME_PERSON_ELSEWHERE = 0.5  # where the place says nothing: 99.4 % of strangers are further
RECENT = 3  # faces of a track that are compared: one of them may be in profile
# Mean difference of the faces' colours (CIELAB in 8 bits): above, even a face in its place may be
ALIKE = 10  # another one after a cut or among several (98 of 100 strangers differ by more), and
SIMILAR = 13  # alone without a cut (9 of 10 do, and 1 of 80 faces from their next look)
THUMBNAIL = 16  # pixels
CHANGED = 24  # grey levels by which thumbnails differ after a cut; 24 of 25 pairs of clips do, and
# 1 of 30 pairs of frames of a clip, which costs time and nothing else

Survey = Callable[[Image], list[Face]]
Seen = Sequence[tuple[int, Face]]  # where a person was seen, the latest first
Look = Callable[[Image, Sequence[Face]], list[Face]]


class Looks(Protocol):
    """What faces look like; each is given by its frame's position and its place in the frame."""

    def glance(self, at: int, face: Face, other_at: int, other: Face) -> float:
        """Difference of two faces' colours, which is cheap to tell."""

    def distance(self, at: int, face: Face, other_at: int, other: Face) -> float | None:
        """Distance of two faces' embeddings; None where a face cannot be recognised."""


def find_cuts(images: Sequence[Image]) -> frozenset[int]:
    """Positions of the frames that show something else than the frame before."""
    thumbnails = [_thumbnail(image) for image in images]
    return frozenset(
        at
        for at in range(1, len(images))
        if images[at].shape != images[at - 1].shape
        or float(np.abs(thumbnails[at] - thumbnails[at - 1]).mean()) > CHANGED
    )


def _thumbnail(image: Image) -> NDArray[np.float32]:
    step = max(1, min(image.shape[:2]) // 128)
    gray = cv2.cvtColor(np.ascontiguousarray(image[::step, ::step]), cv2.COLOR_RGB2GRAY)
    size = (THUMBNAIL, THUMBNAIL)
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.float32)


def follow_faces(
    images: Sequence[Image], cuts: Collection[int], every: int, survey: Survey, look: Look
) -> list[list[Face]]:
    """Faces of each frame: by a pass over the whole frame now and then, near the last ones between.

    A frame is surveyed if it is the first, one of every `every`, after a cut, or if a face of the
    frame before is not near its place. Whoever a survey finds anew is followed back in time to the
    survey before, so that nobody who is seen in `every` successive frames loses a frame.

    Args:
        images: the frames.
        cuts: as `find_cuts` gives them.
        every: 1 surveys each frame.
        survey: finds the faces of an image.
        look: finds the faces of an image near those of another.
    """
    found: list[list[Face]] = []
    surveyed = -1
    for at, image in enumerate(images):
        known = found[-1] if found and at not in cuts else []
        near = look(image, known) if known and every > 1 else []
        if at in cuts or at % every == 0 or len(near) < len(known):
            faces = _joined(near, survey(image))
            found.append(faces)
            _follow_back(images, cuts, found, surveyed, look)
            surveyed = at
        else:
            found.append(near)
    return found


def _follow_back(
    images: Sequence[Image],
    cuts: Collection[int],
    found: list[list[Face]],
    surveyed: int,
    look: Look,
) -> None:
    """Add the faces of the last frame that the frames before it miss, back to the last survey."""
    at = len(found) - 1
    new = found[at]
    while new and at - 1 > surveyed and at not in cuts:
        new = [face for face in new if not any(_near(face, f) for f in found[at - 1])]
        at -= 1
        new = look(images[at], new) if new else []
        found[at] = _joined(found[at], new)


def _joined(faces: Sequence[Face], others: Sequence[Face]) -> list[Face]:
    """Faces and those of the others that lie elsewhere, from left to right."""
    new = [face for face in others if not any(overlap(_box(face), _box(f)) > 0.3 for f in faces)]
    return sorted([*faces, *new], key=lambda face: face.box)


def link_tracks(
    frames: Sequence[Sequence[Face]],
    cuts: Collection[int] = (),
    looks: Looks | None = None,
) -> list[dict[int, Face]]:
    """Link the faces of successive frames into tracks, the most visible person first.

    Sampled frames lie far apart, so boxes are grown before their overlap is measured (buffered
    IoU, Yang et al., WACV 2023) and matched by the Hungarian method. Where the place leaves doubt
    (after a cut, after a long way, between two candidates), the looks decide; and a face at a new
    place continues a lost track if it looks the same. A face that fits no track begins a new one;
    a track may skip frames.

    Args:
        frames: the faces of each frame.
        cuts: as `find_cuts` gives them.
        looks: without them only the place counts.

    Returns:
        One dict per track, from the frame's position in `frames` to the face.
    """
    tracks: list[dict[int, Face]] = []
    for at, faces in enumerate(frames):
        recent = [sorted(track.items(), reverse=True)[:RECENT] for track in tracks]
        places = _places(faces, [seen[0] for seen in recent], at, cuts)
        likeness = np.where(places >= MIN_OVERLAP, places, 0)
        if looks:
            likeness = _decided(likeness, faces, recent, at, cuts, looks)
        matched = _assigned(likeness)
        if looks:
            matched |= _found_elsewhere(matched, faces, recent, at, looks)
        for row, face in enumerate(faces):
            if row in matched:
                tracks[matched[row]][at] = face
            else:
                tracks.append({at: face})
    return sorted(tracks, key=_visibility, reverse=True)


def _places(
    faces: Sequence[Face], last: Sequence[tuple[int, Face]], at: int, cuts: Collection[int]
) -> NDArray[np.float64]:
    """Overlaps of faces (rows) with the last faces of tracks (columns).

    Whoever was clearly there in the frame before comes before those who were there earlier.
    """
    overlaps = [[_overlap(face, old) for _, old in last] for face in faces]
    places = np.array(overlaps, np.float64).reshape(len(faces), len(last))
    fresh = np.array([seen == at - 1 and at not in cuts for seen, _ in last], bool)
    taken = (places * fresh).max(axis=1, initial=0) >= SURE_OVERLAP
    places[np.ix_(taken, ~fresh)] = 0
    return places


def _decided(
    likeness: NDArray[np.float64],
    faces: Sequence[Face],
    recent: Sequence[Seen],
    at: int,
    cuts: Collection[int],
    looks: Looks,
) -> NDArray[np.float64]:
    """Likeness by place (faces x tracks), replaced by that of the looks where it leaves doubt."""
    decided = likeness.copy()
    doubtful = _doubtful(likeness)
    for row, column in np.argwhere(likeness > 0):
        seen, old = recent[column][0]
        exchangeable = min(likeness.shape) > 1 or any(seen < cut <= at for cut in cuts)
        allowed = ALIKE if exchangeable else SIMILAR
        if doubtful[row, column] or looks.glance(seen, old, at, faces[row]) > allowed:
            decided[row, column] = _likeness(
                recent[column], at, faces[row], looks, SAME_PERSON, likeness[row, column]
            )
    return decided


def _found_elsewhere(
    matched: dict[int, int], faces: Sequence[Face], recent: Sequence[Seen], at: int, looks: Looks
) -> dict[int, int]:
    """Which unmatched faces (rows) look like the people of unmatched tracks (columns)."""
    likeness = np.zeros((len(faces), len(recent)))
    for row, face in enumerate(faces):
        for column, seen in enumerate(recent):
            if row not in matched and column not in matched.values():
                likeness[row, column] = _likeness(seen, at, face, looks, SAME_PERSON_ELSEWHERE, 0)
    return _assigned(likeness)


def _likeness(
    track: Seen, at: int, face: Face, looks: Looks, bound: float, unknown: float
) -> float:
    """1 less the distance from the first recent face within the bound; 0 if none is.

    `unknown` is returned where the face or the last one of the track cannot be recognised.
    """
    for number, (seen, old) in enumerate(track):
        away = looks.distance(seen, old, at, face)
        if away is None and number == 0:
            return unknown
        if away is not None and away < bound:
            return 1 - away
    return 0.0


def _doubtful(places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pairs (faces x tracks) their places do not decide: weak ones, and such with rivals."""
    doubtful = (places > 0) & (places < WEAK_OVERLAP)
    for row, column in np.argwhere(places > 0):
        others = [*np.delete(places[row], column), *np.delete(places[:, column], row)]
        low, high = sorted([max(others, default=0.0), places[row, column]])
        doubtful[row, column] |= low >= RIVAL * high
    return doubtful


def _assigned(likeness: NDArray[np.float64]) -> dict[int, int]:
    """The pairs, row to column, that are most alike together; none of likeness 0."""
    if not likeness.any():
        return {}
    if min(likeness.shape) == 1:  # one face, or one person
        row, column = np.unravel_index(likeness.argmax(), likeness.shape)
        return {int(row): int(column)}
    from scipy.optimize import linear_sum_assignment  # takes longer to load than a video takes

    rows, columns = linear_sum_assignment(-likeness)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {row: column for row, column in pairs if likeness[row, column] > 0}


def _visibility(track: dict[int, Face]) -> float:
    """Frames times median size."""
    return len(track) * float(np.median([face.size for face in track.values()]))


def _near(face: Face, other: Face) -> bool:
    return _overlap(face, other) >= MIN_OVERLAP


def _overlap(face: Face, other: Face) -> float:
    """Intersection over union of the two grown boxes, 0..1."""
    return overlap(_grown(face), _grown(other))


def _box(face: Face) -> NDArray[np.float64]:
    return np.array(face.box)


def _grown(face: Face) -> NDArray[np.float64]:
    left, top, right, bottom = face.box
    x, y = BUFFER * (right - left), BUFFER * (bottom - top)
    return np.array([left - x, top - y, right + x, bottom + y])
