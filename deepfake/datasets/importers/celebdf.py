"""Celeb-DF v1 and v2, and Celeb-DF++ (v3), which has folders for its 22 methods.

    Celeb-real/idA_NNNN.mp4
    YouTube-real/NNNNN.mp4
    Celeb-synthesis/idA_idB_NNNN.mp4                        target A, source B
    Celeb-synthesis/<scenario>/<method>/idA_idB_NNNN.mp4    v3
    List_of_testing_videos.txt                              "1 <path>" is REAL, "0 <path>" is FAKE

Some copies have the videos one level deeper, in a folder videos/.
"""

import re
from pathlib import Path, PurePosixPath

from deepfake.base.errors import ManifestError, format_list
from deepfake.core.folders import files_below
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import kind_by_name
from deepfake.datasets.listing import Listing, table_of

FOLDERS = {"Celeb-real": REAL, "YouTube-real": REAL, "Celeb-synthesis": FAKE}
LIST = "List_of_testing_videos.txt"
LISTED_LABELS = {"1": REAL, "0": FAKE}  # the opposite of the labels here
FIRST_METHOD = "Celeb-DF"  # the method of v1 and v2, as v3 names it

NAMES = {  # of videos without suffix, by folder
    "Celeb-real": re.compile(r"id(?P<target>\d+)_\d+"),
    "YouTube-real": re.compile(r"\d+"),
    "Celeb-synthesis": re.compile(
        r"id(?P<target>\d+)(?:_id(?P<source>\d+))?_(?P<clip>\d+)(?:_.*)?"
    ),
}


def recognises(root: Path) -> bool:
    """Whether there is a folder Celeb-real or Celeb-synthesis."""
    return any((root / name).is_dir() for name in ("Celeb-real", "Celeb-synthesis"))


def listing(root: Path) -> Listing:
    """Rows for every video of the three folders; the people in YouTube-real are unknown.

    Raises:
        ManifestError: all three folders are missing, or the list of test videos is invalid.
    """
    folders = [name for name in FOLDERS if (root / name).is_dir()]
    if not folders:
        raise ManifestError(
            f"{root} has none of the folders {', '.join(FOLDERS)} (see docs/datasets/celebdf.md)"
        )
    files = [file for name in folders for file in files_below(root / name)]
    videos = [file for file in files if kind_by_name(file) == "video"]
    paths = [PurePosixPath(file.relative_to(root)) for file in videos]
    matching = [path for path in paths if NAMES[path.parts[0]].fullmatch(path.stem)]
    reals = {path.stem: path.as_posix() for path in matching if path.parts[0] == "Celeb-real"}
    in_test, notes = _read_list(root)
    rows = [{**_row(path, reals), **_split(path, in_test)} for path in matching]
    absent = sorted((in_test or set()) - {_key(path) for path in matching})
    if absent:
        notes.append(format_list(f"{len(absent)} videos in {LIST} are not on disk:", absent, 3))
    matched = {root / path for path in matching}
    others = [file.relative_to(root).as_posix() for file in files if file not in matched]
    if others:
        title = f"{len(others)} files are not named like videos of Celeb-DF, left out:"
        notes.append(format_list(title, others, 3))
    return Listing(table_of(rows), notes)


def _row(path: PurePosixPath, reals: dict[str, str]) -> dict[str, str | int]:
    """The row of a video, from its path.

    Args:
        path: below the root; its name fits `NAMES`.
        reals: the paths of the videos in Celeb-real, by stem.
    """
    match = NAMES[path.parts[0]].fullmatch(path.stem)
    part = match.groupdict() if match else {}
    label = FOLDERS[path.parts[0]]
    row: dict[str, str | int] = {"path": path.as_posix(), "label": label, "method": "real"}
    if part.get("target"):
        row["target"] = f"celebdf:id{part['target']}"
    if part.get("source"):
        row["source"] = f"celebdf:id{part['source']}"
    if label == FAKE:
        original = f"id{part['target']}_{part['clip']}"
        row["original"] = reals.get(original, f"Celeb-real/{original}{path.suffix}")
        row["method"] = PurePosixPath(FIRST_METHOD, *_without_videos_folder(path).parts[1:-1]).name
    return row


def _split(path: PurePosixPath, in_test: set[str] | None) -> dict[str, str]:
    if in_test is None:
        return {}
    return {"official_split": "test" if _key(path) in in_test else "train"}


def _without_videos_folder(path: PurePosixPath) -> PurePosixPath:
    """The path without the folder videos/, which only some copies have."""
    return PurePosixPath(*(part for part in path.parts if part != "videos"))


def _key(path: PurePosixPath) -> str:
    return _without_videos_folder(path).as_posix()


def _read_list(root: Path) -> tuple[set[str] | None, list[str]]:
    """Paths of the test videos and no note; None and a note if the list is missing.

    Raises:
        ManifestError: a line is invalid, or its label contradicts its folder. The message names
            the line.
    """
    path = root / LIST
    if not path.is_file():
        return None, [f"{LIST} is missing: the official split is unknown"]
    in_test = set()
    for number, line in enumerate(path.read_text("utf-8-sig", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        label, _, name = line.strip().partition(" ")
        video = PurePosixPath(name.strip())
        folder = video.parts[0] if video.parts else ""
        if label not in LISTED_LABELS or folder not in FOLDERS:
            raise ManifestError(
                f"{path}, line {number}: expected a line like '1 Celeb-real/id0_0001.mp4', not"
                f" {line!r}"
            )
        if LISTED_LABELS[label] != FOLDERS[folder]:
            raise ManifestError(
                f"{path}, line {number}: the label in {line!r} contradicts the folder; in this"
                " list 1 is REAL and 0 is FAKE"
            )
        in_test.add(_key(video))
    return in_test, []
