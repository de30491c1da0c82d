"""DFDC preview (Dolhansky et al., 2019), the set before the challenge.

    dataset.json    {"<path>": {"label": "fake", "set": "train", "swapped_id": "S", ...}, ...}
    original_videos/T/T_X_NNN.mp4
    method_{A,B}/T/T_X/S_T_X_NNN.mp4

S is the source actor, T the target: names have them in the opposite order of FaceForensics++.
dataset.json also gives them, as swapped_id and target_id.
"""

import re
from pathlib import Path
from typing import Any

from deepfake.base.errors import ManifestError
from deepfake.core.folders import files_below
from deepfake.core.labels import FAKE, REAL, SPLITS
from deepfake.core.media import VIDEO_SUFFIXES
from deepfake.datasets.importers.reading import notes_on, read_json
from deepfake.datasets.listing import Listing, table_of

TABLE = "dataset.json"
LABELS = {"real": REAL, "fake": FAKE}
FAKE_NAME = re.compile(r"(?P<source>\d+)_(?P<target>\d+)_.+")
REAL_NAME = re.compile(r"(?P<target>\d+)_.+")
FIELDS = {"target": "target_id", "source": "swapped_id"}  # used if the name has another form


def recognises(root: Path) -> bool:
    """Whether there is a dataset.json and a folder of originals or fakes."""
    folders = ("original_videos", "method_A", "method_B")
    return (root / TABLE).is_file() and any((root / name).is_dir() for name in folders)


def listing(root: Path) -> Listing:
    """Rows for every video in dataset.json.

    Raises:
        ManifestError: dataset.json is missing or invalid.
    """
    if not (root / TABLE).is_file():
        raise ManifestError(f"{root} has no {TABLE} (see docs/datasets/dfdc_preview.md)")
    entries = read_json(root / TABLE, dict)
    on_disk = [file.relative_to(root).as_posix() for file in files_below(root, VIDEO_SUFFIXES)]
    rows = [_row(root, path, entries[path]) for path in on_disk if path in entries]
    notes = notes_on(entries.keys() - {*on_disk}, f"videos in {TABLE} are not on disk")
    notes += notes_on({*on_disk} - entries.keys(), f"videos are not in {TABLE}, left out")
    return Listing(table_of(rows), notes)


def _row(root: Path, path: str, entry: Any) -> dict[str, Any]:
    label = LABELS.get(str(entry.get("label")).lower()) if isinstance(entry, dict) else None
    if label is None:
        raise ManifestError(
            f"{root / TABLE}: the label of {path} is neither real nor fake: restore the file from"
            " the data set"
        )
    split = str(entry.get("set", "")).strip().lower()
    return {
        "path": path,
        "label": label,
        "method": "real" if label == REAL else path.split("/")[0],
        **_people(path, label, entry),
        "official_split": split if split in SPLITS else "",
    }


def _people(path: str, label: int, entry: dict[str, Any]) -> dict[str, str]:
    """Target and source, from the file name, or else from dataset.json."""
    match = (REAL_NAME if label == REAL else FAKE_NAME).fullmatch(Path(path).stem)
    roles = ["target"] if label == REAL else ["target", "source"]
    people = match.groupdict() if match else {role: entry.get(FIELDS[role]) for role in roles}
    return {role: f"dfdc_preview:{number}" for role, number in people.items() if number}
