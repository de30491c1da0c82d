"""Two folders, real/ and fake/, with videos or images at any depth.

A folder below fake/ names the method, as in fake/faceswap/clip.mp4.
"""

from pathlib import Path

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.listing import Listing, files_below, table_of

LABELS = {"real": REAL, "fake": FAKE}


def recognises(root: Path) -> bool:
    """Whether the folder has real/ and fake/."""
    return all((root / name).is_dir() for name in LABELS)


def listing(root: Path) -> Listing:
    """Rows for every file below real/ and fake/, except hidden files.

    The layout does not say who is in a video, so `target` and `source` are "".

    Raises:
        ManifestError: one of the two folders is missing.
    """
    missing = [name for name in LABELS if not (root / name).is_dir()]
    if missing:
        raise ManifestError(
            f"{root} has no folder {' and no '.join(missing)} (see docs/your-data.md)"
        )
    rows = [
        {"path": file.relative_to(root).as_posix(), "label": label, "method": _method(root, file)}
        for name, label in LABELS.items()
        for file in files_below(root / name)
    ]
    return Listing(table_of(rows))


def _method(root: Path, file: Path) -> str:
    """The first folder below fake/; "fake" or "real" if there is none."""
    label, *below = file.relative_to(root).parts[:-1]
    return below[0] if label == "fake" and below else label
