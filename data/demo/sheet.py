"""One picture to check the fakes by eye: originals beside the fakes made from them."""

import functools
from pathlib import Path

import cv2
import media
import numpy as np
import swap
from plan import FRAMES, PAIRS

THUMBNAIL = (104, 120)  # width, height in pixels
CAPTION = 14  # height in pixels
COLUMNS = 3  # pairs of identities side by side
MOMENT = FRAMES // 2
HEADROOM = 5.0  # height of a thumbnail in eye distances


def contact_sheet(raw: Path, rows: list[dict[str, str]], path: Path) -> None:
    """Write a PNG with, per target: the donor, then original and fake for each method.

    Args:
        raw: folder that the paths of `rows` are relative to.
        rows: rows of labels.csv.
        path: the file to write; its bytes depend on the clips alone.
    """
    fakes = {(row["target"], row["method"]): row for row in reversed(rows) if row["source"]}
    donors = {row["target"]: row["path"] for row in reversed(rows) if not row["source"]}
    strips = []
    for target in (identity for pair in PAIRS for identity in pair):
        warp, poisson = fakes[target, "warp"], fakes[target, "poisson"]
        donor = raw / donors[warp["source"]]
        cells = [_cell(donor, donor, f"{warp['source']} (donor)")]
        for fake in (warp, poisson):
            original = raw / fake["original"]
            cells += [_cell(original, original, target)]
            cells += [_cell(raw / fake["path"], original, fake["method"])]
        strips.append(np.hstack(cells))
    blank = np.full_like(strips[0], 255)
    strips += [blank] * (-len(strips) % COLUMNS)
    lines = [np.hstack(strips[start : start + COLUMNS]) for start in range(0, len(strips), COLUMNS)]
    done, data = cv2.imencode(".png", np.vstack(lines), [cv2.IMWRITE_PNG_COMPRESSION, 6])
    if not done:
        raise OSError(f"{path}: the contact sheet could not be encoded")
    temporary = path.with_name(f".writing-{path.name}")
    temporary.write_bytes(data.tobytes())
    temporary.replace(path)


def _cell(clip: Path, original: Path, caption: str) -> media.Image:
    """A captioned thumbnail of a clip, framed by the face of its original."""
    picture = media.resize(_middle_frame(clip)[_around_face(original)], THUMBNAIL)
    label = np.full((CAPTION, THUMBNAIL[0], 3), 255, np.uint8)
    cv2.putText(label, caption, (2, CAPTION - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (0, 0, 0), 1)
    return np.vstack([label, picture])


@functools.cache
def _middle_frame(clip: Path) -> media.Image:
    return media.frame_at(clip, MOMENT)


@functools.cache
def _around_face(clip: Path) -> tuple[slice, slice]:
    """Rows and columns of head and neck (without a face: the middle), in a thumbnail's aspect."""
    frame = _middle_frame(clip)
    height, width = frame.shape[:2]
    try:
        points = swap.find_landmarks(frame)
        (x, y), high = points.mean(axis=0), round(HEADROOM * swap.eye_distance(points))
    except swap.NoFaceError:
        x, y, high = width / 2, height / 2, height
    high = min(height, high)
    wide = min(width, high * THUMBNAIL[0] // THUMBNAIL[1])
    left = int(np.clip(x - wide / 2, 0, width - wide))
    top = int(np.clip(y - 0.6 * high, 0, height - high))
    return np.s_[top : top + high, left : left + wide]
