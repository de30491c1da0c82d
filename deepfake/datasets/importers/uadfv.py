"""UADFV: 49 videos and a face swap of each.

real/NNNN.mp4
fake/NNNN_fake.mp4
"""

import re
from pathlib import Path

from deepfake.base.errors import ManifestError, format_list
from deepfake.core.folders import files_below
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import kind_by_name
from deepfake.datasets.listing import Listing, table_of

METHOD = "FakeApp"  # made all the fakes
PATHS = {  # of the videos, by folder
    "real": re.compile(r"real/(?P<number>\d{4})(?P<suffix>\.\w+)"),
    "fake": re.compile(r"fake/(?P<number>\d{4})_fake(?P<suffix>\.\w+)"),
}


def recognises(root: Path) -> bool:
    """Whether all videos directly in the two folders have UADFV's names; if not, it is `folders`."""
    return all(_all_match(root, name) for name in PATHS)


def listing(root: Path) -> Listing:
    """Rows for every video directly in the two folders; each video of real/ shows another person.

    Raises:
        ManifestError: real/ or fake/ is missing.
    """
    missing = [name for name in PATHS if not (root / name).is_dir()]
    if missing:
        raise ManifestError(
            f"{root} has no folder {' and no '.join(missing)} (see docs/datasets/uadfv.md)"
        )
    rows, others = [], []
    for name, pattern in PATHS.items():
        for file in files_below(root / name):
            path = file.relative_to(root).as_posix()
            match = pattern.fullmatch(path)
            if match and kind_by_name(file) == "video":
                rows.append(_row(path, name, match["number"], match["suffix"]))
            else:
                others.append(path)
    title = f"{len(others)} files are not named like videos of UADFV, left out:"
    return Listing(table_of(rows), [format_list(title, others, 3)] if others else [])


def _all_match(root: Path, name: str) -> bool:
    folder = root / name
    files = [file for file in folder.iterdir() if file.name[0] != "."] if folder.is_dir() else []
    videos = [f"{name}/{file.name}" for file in files if kind_by_name(file) == "video"]
    return bool(videos) and all(PATHS[name].fullmatch(path) for path in videos)


def _row(path: str, folder: str, number: str, suffix: str) -> dict[str, str | int]:
    row = {"path": path, "target": f"uadfv:{number}"}
    if folder == "real":
        return {**row, "label": REAL, "method": "real"}
    return {**row, "label": FAKE, "method": METHOD, "original": f"real/{number}{suffix}"}
