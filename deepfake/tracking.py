"""Which faces of different frames are the same person."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from deepfake.faces import Face

BUFFER = 0.5  # boxes grow by this fraction of their size on each side before they are compared
MIN_OVERLAP = 0.2  # of the grown boxes


def link_tracks(frames: Sequence[Sequence[Face]]) -> list[dict[int, Face]]:
    """Link the faces of successive frames into tracks, the most visible person first.

    Sampled frames lie far apart, so boxes are grown before their overlap is measured (buffered
    IoU, Yang et al., WACV 2023) and matched by the Hungarian method. A face that fits no track
    begins a new one; a track may skip frames.

    Args:
        frames: the faces of each frame.

    Returns:
        One dict per track, from the frame's position in `frames` to the face.
    """
    tracks: list[dict[int, Face]] = []
    for position, faces in enumerate(frames):
        last = [track[max(track)] for track in tracks]
        overlaps = np.array([[_overlap(face, old) for old in last] for face in faces])
        matched = {}
        if overlaps.size:
            rows, columns = linear_sum_assignment(-overlaps)
            matched = {
                row: column
                for row, column in zip(rows, columns, strict=True)
                if overlaps[row, column] >= MIN_OVERLAP
            }
        for row, face in enumerate(faces):
            if row in matched:
                tracks[matched[row]][position] = face
            else:
                tracks.append({position: face})
    return sorted(tracks, key=_visibility, reverse=True)


def _visibility(track: dict[int, Face]) -> float:
    """Frames times median size."""
    return len(track) * float(np.median([face.size for face in track.values()]))


def _overlap(face: Face, other: Face) -> float:
    """Intersection over union of the two grown boxes, 0..1."""
    a, b = _grown(face), _grown(other)
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    if (sides <= 0).any():
        return 0.0
    common = float(sides.prod())
    return common / float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - common)


def _grown(face: Face) -> NDArray[np.float64]:
    left, top, right, bottom = face.box
    x, y = BUFFER * (right - left), BUFFER * (bottom - top)
    return np.array([left - x, top - y, right + x, bottom + y])
