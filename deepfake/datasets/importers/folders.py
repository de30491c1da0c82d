"""Two folders, real/ and fake/, with videos or images at any depth.

A folder below fake/ names the method, as in fake/faceswap/clip.mp4. The two may be in any case, and
may be in folders that name a split, as in train/real and test/fake.
"""

from collections.abc import Iterator
from pathlib import Path

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.listing import Listing, files_below, table_of

LABELS = {"real": REAL, "fake": FAKE}
SPLIT_FOLDERS = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


def recognises(root: Path) -> bool:
    """Whether there are folders for both labels."""
    return not _missing(root)


def listing(root: Path) -> Listing:
    """Rows for every file below the folders of a label, except hidden files.

    The layout does not say who is in a video, so `target` and `source` are "".

    Raises:
        ManifestError: there is no folder for one of the labels.
    """
    if missing := _missing(root):
        raise ManifestError(
            f"{root} has no folder {' and no '.join(missing)} (see docs/your-data.md)"
        )
    rows = [
        {
            "path": file.relative_to(root).as_posix(),
            "label": LABELS[name],
            "method": _method(name, folder, file),
            "official_split": split,
        }
        for name, folder, split in _label_folders(root)
        for file in files_below(folder)
    ]
    return Listing(table_of(rows))


def _missing(root: Path) -> list[str]:
    """Names of the labels that have no folder."""
    found = {name for name, _, _ in _label_folders(root)}
    return [name for name in LABELS if name not in found]


def _label_folders(root: Path) -> Iterator[tuple[str, Path, str]]:
    """Label, folder and split of real/ and fake/ in the root, and in its folders of a split."""
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    splits = [(path, SPLIT_FOLDERS.get(path.name.lower(), "")) for path in folders]
    for parent, split in [(root, ""), *(pair for pair in splits if pair[1])]:
        for name in LABELS:
            for folder in sorted(parent.iterdir()):
                if folder.name.lower() == name and folder.is_dir():
                    yield name, folder, split


def _method(label: str, folder: Path, file: Path) -> str:
    """The first folder below fake/; "fake" or "real" if there is none."""
    below = file.relative_to(folder).parts[:-1]
    return below[0] if label == "fake" and below else label
