"""DeeperForensics-1.0: fakes with the 1000 videos of FaceForensics++ as targets, in 11 variants.

    manipulated_videos/<variant>/TTT_{M|W}NNN.mp4    target (FaceForensics++) and source (actor)
    lists/splits/{train,val,test}.txt                names of fakes, one per line
    source_videos/                                   the actors, left out: not the real class

The folder may also hold conversion_dict.json of FaceForensics++ (see `faceforensics`).
"""

import re
from pathlib import Path, PurePosixPath

from deepfake.base.errors import ManifestError, format_list
from deepfake.core.folders import files_below
from deepfake.core.labels import FAKE, SPLITS
from deepfake.core.media import VIDEO_SUFFIXES, kind_by_name
from deepfake.datasets.importers.faceforensics import read_people
from deepfake.datasets.listing import Listing, table_of

FAKES = "manipulated_videos"
NAME = re.compile(r"(?P<target>\d{3})_(?P<source>[MW]\d{3})")


def recognises(root: Path) -> bool:
    """Whether there is a folder manipulated_videos."""
    return (root / FAKES).is_dir()


def listing(root: Path) -> Listing:
    """Rows for every fake. The real class is the videos of FaceForensics++, another data set.

    Raises:
        ManifestError: manipulated_videos/ is missing, or a list is invalid.
    """
    if not recognises(root):
        raise ManifestError(f"{root} has no {FAKES}/ (see docs/datasets/deeperforensics.md)")
    splits, notes = _read_splits(root)
    people, notes_on_people = read_people(root)
    rows, others = [], []
    for file in files_below(root / FAKES):
        path = PurePosixPath(file.relative_to(root))
        match = NAME.fullmatch(path.stem)
        if not match or kind_by_name(file) != "video" or len(path.parts) != 3:
            others.append(path.as_posix())
            continue
        target, source = match["target"], match["source"]
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
    notes += [*_differences(splits, stems), *_left_out(root, others)]
    return Listing(table_of(rows), [*notes, *notes_on_people])


def _read_splits(root: Path) -> tuple[dict[str, str], list[str]]:
    """The official split by the fake's name without suffix, and a note on missing lists."""
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
                raise ManifestError(
                    f"{path}, line {number}: expected a name like 980_W010.mp4, not {line!r}"
                )
            if name and split_of.setdefault(name, split) != split:
                raise ManifestError(
                    f"{path}, line {number}: {name} is also in {split_of[name]}.txt; restore"
                    " the lists from the data set"
                )
    note = f"{', '.join(missing)}: missing, so the official split is unknown"
    return split_of, [note] if missing else []


def _differences(splits: dict[str, str], stems: set[str]) -> list[str]:
    """Notes on fakes that only the lists name, and on fakes that the lists lack."""
    notes = []
    absent, unlisted = sorted(splits.keys() - stems), sorted(stems - splits.keys())
    if absent:
        notes.append(
            format_list(f"{len(absent)} fakes in lists/splits are not on disk:", absent, 3)
        )
    if splits and unlisted:
        title = f"{len(unlisted)} fakes are not in lists/splits and have no official split:"
        notes.append(format_list(title, unlisted, 3))
    return notes


def _left_out(root: Path, others: list[str]) -> list[str]:
    notes = []
    if others:
        title = f"{len(others)} files in {FAKES}/ are not videos named TTT_MNNN, left out:"
        notes.append(format_list(title, others, 3))
    sources = len(files_below(root / "source_videos", VIDEO_SUFFIXES))
    if sources:
        notes.append(
            f"{sources} videos in source_videos/ are left out: the real class is FaceForensics++"
            " (see docs/datasets/deeperforensics.md)"
        )
    return notes
