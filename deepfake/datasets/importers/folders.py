"""Two folders, real/ and fake/, with videos or images at any depth.

A folder below fake/ names the method, as in fake/faceswap/clip.mp4.
"""

from pathlib import Path

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.listing import Listing, files_below, table_of

LABELS = {"real": REAL, "fake": FAKE}


def recognises(root: Path) -> bool:
    """Whether there are the two folders."""
    return all((root / name).is_dir() for name in LABELS)


def listing(root: Path) -> Listing:
    """Rows for every file below `root`/real and `root`/fake, hidden files left out.

    Nothing says who is in them, so each video is a group of its own.

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
    """The first folder below fake/, or the name of the folder itself."""
    label, *below = file.relative_to(root).parts[:-1]
    return below[0] if label == "fake" and below else label
