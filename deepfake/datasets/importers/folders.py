"""Two folders, real/ and fake/, with videos or images at any depth.

A folder below fake/ names the method, as in fake/faceswap/clip.mp4. The two may be in any case, and
may be in folders that name a split, as in train/real and test/fake.
"""

from pathlib import Path

from deepfake.base.errors import ManifestError
from deepfake.core.folders import is_hidden, media_below, skipped_note
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.importers.reading import notes_on
from deepfake.datasets.listing import Listing, table_of

LABELS = {"real": REAL, "fake": FAKE}
SPLIT_FOLDERS = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}

LabelFolder = tuple[str, Path, str]  # real or fake, the folder, and its split or ""


def recognises(root: Path) -> bool:
    """Whether there are folders for both labels."""
    return not _missing(_label_folders(root))


def listing(root: Path) -> Listing:
    """Rows for every image and video below the folders of a label; notes on all else.

    The layout does not say who is in a video, so `target` and `source` are "".

    Raises:
        ManifestError: there is no folder for one of the labels.
    """
    folders = _label_folders(root)
    if missing := _missing(folders):
        raise ManifestError(
            f"{root} has no folder {' and no '.join(missing)} (see docs/your-data.md)"
        )
    rows, skipped = [], []
    for name, folder, split in folders:
        media, others = media_below(folder)
        skipped += others
        rows += [
            {
                "path": file.relative_to(root).as_posix(),
                "label": LABELS[name],
                "method": _method(name, folder, file),
                "official_split": split,
            }
            for file in media
        ]
    notes = notes_on(_beside(root, folders), "files and folders beside real/ and fake/, left out")
    return Listing(table_of(rows), [*skipped_note(skipped, root), *notes])


def _missing(folders: list[LabelFolder]) -> list[str]:
    """Names of the labels that have no folder."""
    found = {name for name, _, _ in folders}
    return [name for name in LABELS if name not in found]


def _label_folders(root: Path) -> list[LabelFolder]:
    """The folders real/ and fake/ in the root, and in its folders of a split."""
    in_root = _folders_in(root)
    found = [(folder, "") for folder in in_root]
    for parent in in_root:
        if split := SPLIT_FOLDERS.get(parent.name.lower()):
            found += [(folder, split) for folder in _folders_in(parent)]
    names = [(folder.name.lower(), folder, split) for folder, split in found]
    return [(name, folder, split) for name, folder, split in names if name in LABELS]


def _folders_in(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir())


def _beside(root: Path, folders: list[LabelFolder]) -> list[str]:
    """What is beside the folders of a label, in the root and in its folders of a split."""
    parents = {root, *(folder.parent for _, folder, _ in folders)}
    used = {*parents, *(folder for _, folder, _ in folders)}
    paths = [path for parent in parents for path in parent.iterdir() if path not in used]
    return [path.relative_to(root).as_posix() for path in paths if not is_hidden(path)]


def _method(label: str, folder: Path, file: Path) -> str:
    """The first folder below fake/; "fake" or "real" if there is none."""
    below = file.relative_to(folder).parts[:-1]
    return below[0] if label == "fake" and below else label
