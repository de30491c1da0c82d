"""UADFV: 49 videos and a face swap of each.

real/NNNN.mp4
fake/NNNN_fake.mp4
"""

import re
from pathlib import Path

from deepfake.base.errors import ManifestError, listed
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import kind_of
from deepfake.datasets.listing import Listing, files_below, table_of

METHOD = "FakeApp"  # what the fakes were made with
GRAMMAR = {
    "real": re.compile(r"real/(?P<number>\d{4})(?P<suffix>\.\w+)"),
    "fake": re.compile(r"fake/(?P<number>\d{4})_fake(?P<suffix>\.\w+)"),
}


def recognises(root: Path) -> bool:
    """Whether all videos right in the two folders are named as here; other names are `folders`."""
    return all(_all_fit(root, name) for name in GRAMMAR)


def listing(root: Path) -> Listing:
    """Rows for every video right in the two folders; everybody in real/ counts as a person.

    Raises:
        ManifestError: one of the two folders is missing.
    """
    missing = [name for name in GRAMMAR if not (root / name).is_dir()]
    if missing:
        raise ManifestError(
            f"{root} has no folder {' and no '.join(missing)} (see docs/datasets/uadfv.md)"
        )
    rows, strange = [], []
    for name, pattern in GRAMMAR.items():
        for file in files_below(root / name):
            path = file.relative_to(root).as_posix()
            found = pattern.fullmatch(path)
            if found and kind_of(file) == "video":
                rows.append(_row(path, name, found["number"], found["suffix"]))
            else:
                strange.append(path)
    title = f"{len(strange)} files are no videos named as in UADFV and are left out:"
    return Listing(table_of(rows), [listed(title, strange, 3)] if strange else [])


def _all_fit(root: Path, name: str) -> bool:
    folder = root / name
    files = [file for file in folder.iterdir() if file.name[0] != "."] if folder.is_dir() else []
    videos = [f"{name}/{file.name}" for file in files if kind_of(file) == "video"]
    return bool(videos) and all(GRAMMAR[name].fullmatch(path) for path in videos)


def _row(path: str, folder: str, number: str, suffix: str) -> dict[str, str | int]:
    person = {"path": path, "target": f"uadfv:{number}"}
    if folder == "real":
        return {**person, "label": REAL, "method": "real"}
    return {**person, "label": FAKE, "method": METHOD, "original": f"real/{number}{suffix}"}
