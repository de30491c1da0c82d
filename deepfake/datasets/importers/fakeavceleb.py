"""FakeAVCeleb 1.2: celebrities of VoxCeleb2 whose picture, voice or both were changed.

    <type>/<race>/<gender>/<id>/<clip>.mp4
    meta_data.csv

The type is one of `LABELS`. <id> is the person in the picture, and a fake's name begins with that
of the real clip: 00109_id04727_AAnyugIAXao.mp4 is made from RealVideo-RealAudio/.../00109.mp4. In
meta_data.csv `source` is that person, target1 and target2 are others, "-" is nothing, and `path`
is the name of the file alone.
"""

import csv
import re
from pathlib import Path

from deepfake.base.errors import ManifestError, listed
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import kind_of
from deepfake.datasets.listing import Listing, files_below, table_of

SILENT = "RealVideo-FakeAudio"  # a picture that nobody changed
LABELS = {
    "RealVideo-RealAudio": REAL,
    SILENT: REAL,
    "FakeVideo-RealAudio": FAKE,
    "FakeVideo-FakeAudio": FAKE,
}
METADATA = "meta_data.csv"
COLUMNS = ("source", "target1", "target2", "method", "type", "path")

PATH = re.compile(
    r"(?P<type>[^/]+)/(?P<place>[^/]+/[^/]+)/(?P<person>id\d+)"
    r"/(?P<clip>[^/_]+)(?P<rest>_[^/]*)?(?P<suffix>\.\w+)"
)
PERSON = re.compile(r"id\d+")

Key = tuple[str, str, str]  # type, person and name of the file
Metadata = dict[Key, dict[str, str]]


def recognises(root: Path) -> bool:
    """Whether there is a folder with the name of a type."""
    return any((root / name).is_dir() for name in LABELS)


def listing(root: Path) -> Listing:
    """Rows for every video of the four types; RealVideo-FakeAudio is REAL.

    Raises:
        ManifestError: there is none of the folders, or meta_data.csv is broken.
    """
    if not recognises(root):
        raise ManifestError(
            f"{root} has no folder {', '.join(LABELS)} (see docs/datasets/fakeavceleb.md)"
        )
    metadata = _read_metadata(root / METADATA)
    rows, keys, strange = [], [], []
    for file in (file for name in LABELS for file in files_below(root / name)):
        path = file.relative_to(root).as_posix()
        found = PATH.fullmatch(path)
        if not found or kind_of(file) != "video":
            strange.append(path)
            continue
        keys.append((found["type"], found["person"], file.name))
        rows.append(_row(found, (metadata or {}).get(keys[-1], {})))
    return Listing(table_of(rows), _notes(metadata, keys, strange))


def _row(found: re.Match[str], known: dict[str, str]) -> dict[str, str | int]:
    """What the path of a video says, and its line of meta_data.csv ({} if there is none)."""
    kind, person = found["type"], found["person"]
    row: dict[str, str | int] = {
        "path": found[0],
        "label": LABELS[kind],
        "method": "real",
        "target": f"fakeavceleb:{person}",
    }
    if LABELS[kind] == FAKE:
        clip = f"{found['place']}/{person}/{found['clip']}{found['suffix']}"
        row["original"] = f"RealVideo-RealAudio/{clip}"
        row["method"] = known.get("method", kind)
        named = [known.get("target1", ""), known.get("target2", "")]
        named += (found["rest"] or "").split("_")
        others = [name for name in named if PERSON.fullmatch(name) and name != person]
        row["source"] = f"fakeavceleb:{others[0]}" if others else ""
    return row


def _read_metadata(path: Path) -> Metadata | None:
    """Lines of meta_data.csv, or None if it is not there.

    Raises:
        ManifestError: it is no table with `COLUMNS`, or a line has an unknown type or no method.
    """
    if not path.is_file():
        return None
    lines = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
            if missing:
                raise ManifestError(f"{path} has no column {' and '.join(missing)}")
            for row in reader:
                line = {name: (row[name] or "").strip() for name in COLUMNS}
                _check(line, f"{path}, line {reader.line_num}")
                lines[line["type"], line["source"], line["path"]] = line
    except (csv.Error, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} is not a CSV table in UTF-8: {error}") from error
    return lines


def _check(line: dict[str, str], where: str) -> None:
    kind, method = line["type"], line["method"]
    if kind not in LABELS:
        raise ManifestError(f"{where}: type {kind!r} is not one of {', '.join(LABELS)}")
    if LABELS[kind] == FAKE and method in ("", "-", "real"):
        raise ManifestError(f"{where}: a {kind} with method {method!r}; it must name what made it")


def _notes(metadata: Metadata | None, keys: list[Key], strange: list[str]) -> list[str]:
    notes = []
    silent = sum(key[0] == SILENT for key in keys)
    if silent:
        notes.append(f"{silent} videos of {SILENT} are REAL: only their sound is fake")
    if metadata is None:
        notes.append(f"{METADATA} is not there: the type of a fake stands for its method")
    else:
        absent = ["/".join(key) for key in sorted(metadata.keys() - set(keys))]
        unknown = ["/".join(key) for key in keys if key not in metadata]
        if absent:
            notes.append(listed(f"{len(absent)} videos in {METADATA} are not there:", absent, 3))
        if unknown:
            title = f"{len(unknown)} videos are not in {METADATA}, so their method is their type:"
            notes.append(listed(title, unknown, 3))
    if strange:
        title = f"{len(strange)} files are no videos named as in FakeAVCeleb and are left out:"
        notes.append(listed(title, strange, 3))
    return notes
