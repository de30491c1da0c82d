"""DeeperForensics-1.0: fakes with the 1000 videos of FaceForensics++ as targets, in 11 variants.

    manipulated_videos/<variant>/TTT_{M|W}NNN.mp4    sequence of FaceForensics++, hired actor
    lists/splits/{train,val,test}.txt                names of fakes, one per line
    source_videos/                                   the actors; not the real class, left out

conversion_dict.json of FaceForensics++ may be in the folder too (see `faceforensics`).
"""

import re
from pathlib import Path, PurePosixPath

from deepfake.base.errors import ManifestError, listed
from deepfake.core.labels import FAKE
from deepfake.core.media import VIDEO_SUFFIXES, kind_of
from deepfake.datasets.importers.faceforensics import read_people
from deepfake.datasets.listing import Listing, files_below, table_of

FAKES = "manipulated_videos"
SPLITS = ("train", "val", "test")
NAME = re.compile(r"(?P<target>\d{3})_(?P<source>[MW]\d{3})")


def recognises(root: Path) -> bool:
    """Whether there is the folder of fakes."""
    return (root / FAKES).is_dir()


def listing(root: Path) -> Listing:
    """Rows for every fake; there are no REAL ones, they are the videos of FaceForensics++.

    Raises:
        ManifestError: the folder of fakes is missing, or a list is broken.
    """
    if not recognises(root):
        raise ManifestError(f"{root} has no {FAKES}/ (see docs/datasets/deeperforensics.md)")
    splits, notes = _read_splits(root)
    people, notes_on_people = read_people(root)
    rows, strange = [], []
    for file in files_below(root / FAKES):
        path = PurePosixPath(file.relative_to(root))
        found = NAME.fullmatch(path.stem)
        if not found or kind_of(file) != "video" or len(path.parts) != 3:
            strange.append(path.as_posix())
            continue
        target, source = found["target"], found["source"]
        row: dict[str, str | int] = {
            "path": path.as_posix(),
            "label": FAKE,
            "method": path.parts[1],
            "target": people.get(target, f"ffpp:{target}"),
            "source": f"deeperforensics:{source}",
            "official_split": splits.get(path.stem, ""),
        }
        rows.append(row)
    stems = {PurePosixPath(str(row["path"])).stem for row in rows}
    notes += [*_differences(splits, stems), *_left_out(root, strange)]
    return Listing(table_of(rows), [*notes, *notes_on_people])


def _read_splits(root: Path) -> tuple[dict[str, str], list[str]]:
    """The official split by the name of the fake (without suffix), and a note on missing lists."""
    split_of: dict[str, str] = {}
    missing = []
    for split in SPLITS:
        path = root / "lists" / "splits" / f"{split}.txt"
        if not path.is_file():
            missing.append(f"lists/splits/{path.name}")
            continue
        for number, line in enumerate(
            path.read_text("utf-8-sig", errors="replace").splitlines(), 1
        ):
            name, _, suffix = line.strip().partition(".")
            if name and not (NAME.fullmatch(name) and suffix in ("", "mp4")):
                raise ManifestError(f"{path}, line {number}: {line!r} is not like 980_W010.mp4")
            if name and split_of.setdefault(name, split) != split:
                raise ManifestError(
                    f"{path}, line {number}: {name} is also in {split_of[name]}.txt; take the"
                    " lists from the data set"
                )
    text = f"no official split is known from {', '.join(missing)}: not there"
    return split_of, [text] if missing else []


def _differences(splits: dict[str, str], stems: set[str]) -> list[str]:
    """Notes on what only the lists or only the folders have."""
    notes = []
    absent, unlisted = sorted(splits.keys() - stems), sorted(stems - splits.keys())
    if absent:
        notes.append(listed(f"{len(absent)} fakes in lists/splits are not there:", absent, 3))
    if splits and unlisted:
        title = f"{len(unlisted)} names are not in lists/splits and have no official split:"
        notes.append(listed(title, unlisted, 3))
    return notes


def _left_out(root: Path, strange: list[str]) -> list[str]:
    notes = []
    if strange:
        title = f"{len(strange)} files in {FAKES}/ are no videos named TTT_MNNN and are left out:"
        notes.append(listed(title, strange, 3))
    sources = len(files_below(root / "source_videos", VIDEO_SUFFIXES))
    if sources:
        notes.append(
            f"{sources} videos in source_videos/ are left out: they are not the real class, which"
            " is FaceForensics++ (docs/datasets/deeperforensics.md)"
        )
    return notes
