"""Celeb-DF v1 and v2, and Celeb-DF++ (v3), which has folders for its 22 methods.

    Celeb-real/idA_NNNN.mp4
    YouTube-real/NNNNN.mp4
    Celeb-synthesis/idA_idB_NNNN.mp4                        A is the target, B's face was put in
    Celeb-synthesis/<scenario>/<method>/idA_idB_NNNN.mp4    v3
    List_of_testing_videos.txt                              "1 <path>" is REAL, "0 <path>" is FAKE

Some copies have a folder videos/ before the names.
"""

import re
from pathlib import Path, PurePosixPath

from deepfake.base.errors import ManifestError, listed
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import kind_of
from deepfake.datasets.listing import Listing, files_below, table_of

FOLDERS = {"Celeb-real": REAL, "YouTube-real": REAL, "Celeb-synthesis": FAKE}
LIST = "List_of_testing_videos.txt"
LISTED_LABELS = {"1": REAL, "0": FAKE}  # the other way round than everywhere else
FIRST_METHOD = "Celeb-DF"  # as v3 calls the fakes of v1 and v2

GRAMMAR = {
    "Celeb-real": re.compile(r"id(?P<target>\d+)_\d+"),
    "YouTube-real": re.compile(r"\d+"),
    "Celeb-synthesis": re.compile(
        r"id(?P<target>\d+)(?:_id(?P<source>\d+))?_(?P<clip>\d+)(?:_.*)?"
    ),
}


def recognises(root: Path) -> bool:
    """Whether there is a folder with one of the data set's names."""
    return any((root / name).is_dir() for name in ("Celeb-real", "Celeb-synthesis"))


def listing(root: Path) -> Listing:
    """Rows for every video of the three folders; people in YouTube-real are not known.

    Raises:
        ManifestError: there is none of the folders, or the list of test videos is broken.
    """
    folders = [name for name in FOLDERS if (root / name).is_dir()]
    if not folders:
        raise ManifestError(
            f"{root} has no folder {', '.join(FOLDERS)} (see docs/datasets/celebdf.md)"
        )
    files = [file for name in folders for file in files_below(root / name)]
    videos = [file for file in files if kind_of(file) == "video"]
    paths = [PurePosixPath(file.relative_to(root)) for file in videos]
    good = [path for path in paths if GRAMMAR[path.parts[0]].fullmatch(path.stem)]
    reals = {path.stem: path.as_posix() for path in good if path.parts[0] == "Celeb-real"}
    in_test, notes = _read_list(root)
    rows = [{**_row(path, reals), **_split(path, in_test)} for path in good]
    absent = sorted((in_test or set()) - {_key(path) for path in good})
    if absent:
        notes.append(listed(f"{len(absent)} videos in {LIST} are not there:", absent, 3))
    known = {root / path for path in good}
    strange = [file.relative_to(root).as_posix() for file in files if file not in known]
    if strange:
        title = f"{len(strange)} files are no videos named as in Celeb-DF and are left out:"
        notes.append(listed(title, strange, 3))
    return Listing(table_of(rows), notes)


def _row(path: PurePosixPath, reals: dict[str, str]) -> dict[str, str | int]:
    """What the path says of a video.

    Args:
        path: below the root, of a video that fits `GRAMMAR`.
        reals: paths of the videos in Celeb-real, by stem.
    """
    found = GRAMMAR[path.parts[0]].fullmatch(path.stem)
    part = found.groupdict() if found else {}
    label = FOLDERS[path.parts[0]]
    row: dict[str, str | int] = {"path": path.as_posix(), "label": label, "method": "real"}
    if part.get("target"):
        row["target"] = f"celebdf:id{part['target']}"
    if part.get("source"):
        row["source"] = f"celebdf:id{part['source']}"
    if label == FAKE:
        original = f"id{part['target']}_{part['clip']}"
        row["original"] = reals.get(original, f"Celeb-real/{original}{path.suffix}")
        row["method"] = PurePosixPath(FIRST_METHOD, *_plain(path).parts[1:-1]).name
    return row


def _split(path: PurePosixPath, in_test: set[str] | None) -> dict[str, str]:
    if in_test is None:
        return {}
    return {"official_split": "test" if _key(path) in in_test else "train"}


def _plain(path: PurePosixPath) -> PurePosixPath:
    """The path without the folder videos/ that some copies have."""
    return PurePosixPath(*(part for part in path.parts if part != "videos"))


def _key(path: PurePosixPath) -> str:
    return _plain(path).as_posix()


def _read_list(root: Path) -> tuple[set[str] | None, list[str]]:
    """Paths of the test videos (None if there is no list), and a note if there is no list.

    Raises:
        ManifestError: naming the line that is none, or has a label that its folder contradicts.
    """
    path = root / LIST
    if not path.is_file():
        return None, [f"{LIST} is not there: no official split is known"]
    in_test = set()
    for number, line in enumerate(path.read_text("utf-8-sig", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        label, _, name = line.strip().partition(" ")
        video = PurePosixPath(name.strip())
        folder = video.parts[0] if video.parts else ""
        if label not in LISTED_LABELS or folder not in FOLDERS:
            raise ManifestError(
                f'{path}, line {number}: {line!r} is not like "1 Celeb-real/id0_0001.mp4"'
            )
        if LISTED_LABELS[label] != FOLDERS[folder]:
            raise ManifestError(
                f"{path}, line {number}: {line!r} contradicts the folder; in this list 1 is REAL"
                " and 0 is FAKE"
            )
        in_test.add(_key(video))
    return in_test, []
