"""FakeAVCeleb 1.2: celebrities of VoxCeleb2 with manipulated video, audio or both.

    <type>/<race>/<gender>/<id>/<clip>.mp4
    meta_data.csv

The type is one of `LABELS`. <id> is the person in the video. A fake's name begins with that of its
original: 00109_id04727_AAnyugIAXao.mp4 is made from RealVideo-RealAudio/.../00109.mp4. In
meta_data.csv, `source` is <id>, target1 and target2 are other people ("-" for none), and `path` is
the file name.
"""

import csv
import re
from pathlib import Path

from deepfake.base.errors import ManifestError, format_list
from deepfake.core.folders import files_below
from deepfake.core.labels import FAKE, REAL
from deepfake.core.media import kind_by_name
from deepfake.datasets.listing import Listing, table_of

FAKE_AUDIO = "RealVideo-FakeAudio"  # the video is not manipulated
LABELS = {
    "RealVideo-RealAudio": REAL,
    FAKE_AUDIO: REAL,
    "FakeVideo-RealAudio": FAKE,
    "FakeVideo-FakeAudio": FAKE,
}
METADATA = "meta_data.csv"
COLUMNS = ("source", "target1", "target2", "method", "type", "path")

PATH = re.compile(
    r"(?P<type>[^/]+)/(?P<folders>[^/]+/[^/]+)/(?P<person>id\d+)"
    r"/(?P<clip>[^/_]+)(?P<rest>_[^/]*)?(?P<suffix>\.\w+)"
)
PERSON = re.compile(r"id\d+")

Key = tuple[str, str, str]  # type, person and name of the file
Metadata = dict[Key, dict[str, str]]


def recognises(root: Path) -> bool:
    """Whether there is the folder of a type."""
    return any((root / name).is_dir() for name in LABELS)


def listing(root: Path) -> Listing:
    """Rows for every video of the four types; RealVideo-FakeAudio is REAL.

    Raises:
        ManifestError: all four folders are missing, or meta_data.csv is invalid.
    """
    if not recognises(root):
        raise ManifestError(
            f"{root} has none of the folders {', '.join(LABELS)} (see docs/datasets/fakeavceleb.md)"
        )
    metadata = _read_metadata(root / METADATA)
    rows, keys, others = [], [], []
    for file in (file for name in LABELS for file in files_below(root / name)):
        path = file.relative_to(root).as_posix()
        match = PATH.fullmatch(path)
        if not match or kind_by_name(file) != "video":
            others.append(path)
            continue
        keys.append((match["type"], match["person"], file.name))
        rows.append(_row(match, (metadata or {}).get(keys[-1], {})))
    return Listing(table_of(rows), _notes(metadata, keys, others))


def _row(match: re.Match[str], line: dict[str, str]) -> dict[str, str | int]:
    """The row of a video, from its path and its line of meta_data.csv ({} if there is none)."""
    type_name, person = match["type"], match["person"]
    row: dict[str, str | int] = {
        "path": match[0],
        "label": LABELS[type_name],
        "method": "real",
        "target": f"fakeavceleb:{person}",
    }
    if LABELS[type_name] == FAKE:
        clip = f"{match['folders']}/{person}/{match['clip']}{match['suffix']}"
        row["original"] = f"RealVideo-RealAudio/{clip}"
        row["method"] = line.get("method", type_name)
        names = [line.get("target1", ""), line.get("target2", "")]
        names += (match["rest"] or "").split("_")
        sources = [name for name in names if PERSON.fullmatch(name) and name != person]
        row["source"] = f"fakeavceleb:{sources[0]}" if sources else ""
    return row


def _read_metadata(path: Path) -> Metadata | None:
    """Lines of meta_data.csv by `Key`; None if the file is missing.

    Raises:
        ManifestError: the file is not a table with `COLUMNS`, or a line has an unknown type, or is
            of a fake and has no method.
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
    type_name, method = line["type"], line["method"]
    if type_name not in LABELS:
        raise ManifestError(f"{where}: type {type_name!r} is not one of {', '.join(LABELS)}")
    if LABELS[type_name] == FAKE and method in ("", "-", "real"):
        raise ManifestError(
            f"{where}: {type_name} has method {method!r}: restore the file from the data set"
        )


def _notes(metadata: Metadata | None, keys: list[Key], others: list[str]) -> list[str]:
    notes = []
    fake_audio = sum(key[0] == FAKE_AUDIO for key in keys)
    if fake_audio:
        notes.append(f"{fake_audio} videos of {FAKE_AUDIO} are REAL: only their audio is fake")
    if metadata is None:
        notes.append(f"{METADATA} is missing: the type of a fake is used as its method")
    else:
        absent = ["/".join(key) for key in sorted(metadata.keys() - set(keys))]
        unlisted = ["/".join(key) for key in keys if key not in metadata]
        if absent:
            notes.append(
                format_list(f"{len(absent)} videos in {METADATA} are not on disk:", absent, 3)
            )
        if unlisted:
            title = f"{len(unlisted)} videos are not in {METADATA}, so their type is their method:"
            notes.append(format_list(title, unlisted, 3))
    if others:
        title = f"{len(others)} files are not named like videos of FakeAVCeleb, left out:"
        notes.append(format_list(title, others, 3))
    return notes
