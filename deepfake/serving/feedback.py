"""Wrong verdicts, noted by the people who saw them, and how they become training data.

A folder holds the table feedback.csv and, where a person consented, the files in files/. Nothing is
labelled for training until a reviewer has marked its row: `accept` writes labels.csv from those, which
the layout `csv` reads.
"""

import csv
import fcntl
import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

from deepfake.base.errors import DeepfakeError, format_list
from deepfake.base.text import spreadsheet_text
from deepfake.core.files import TEMPORARY_PREFIX, sha256_of, write_bytes
from deepfake.core.labels import LABEL_NAMES
from deepfake.core.media import HEAD_BYTES, kind_by_content, kind_by_name
from deepfake.predict.result import Result

FOLDER = Path("data/feedback")
TABLE, LABELS, FILES, LOCK = "feedback.csv", "labels.csv", "files", ".lock"
UNREVIEWED, ACCEPTED, REJECTED = "unreviewed", "accepted", "rejected"  # values of the column review
COLUMNS = (
    *("path", "label", "review", "file_name", "sha256", "score", "verdict"),
    *("model", "model_version", "operating_point", "time"),
)
LABEL_COLUMNS = ("path", "label", "method", "target", "source", "original")  # of labels.csv
SEPARATORS = ",;\t"  # a spreadsheet may save a table with any of these
DEFAULT_SUFFIXES = {"image": ".jpg", "video": ".mp4"}  # of a kept file whose name does not fit it

BLOCK_BYTES = 1 << 20

Row = dict[str, str]


class FeedbackError(DeepfakeError):
    """Feedback cannot be read or written."""


@dataclass(frozen=True)
class Accepted:
    """What `accept` found.

    Attributes:
        files: number of files in labels.csv.
        without_file: number of accepted rows whose file was not kept.
        unreviewed: number of rows that nobody has marked.
    """

    files: int
    without_file: int
    unreviewed: int


def add_feedback(
    folder: Path, result: Result, label: int, stream: BinaryIO, keep_file: bool
) -> Path | None:
    """Add a row for a wrong verdict; an unreviewed one for the same file and model is replaced.

    Args:
        folder: made if it is missing, for this user only.
        result: the result with the wrong verdict.
        label: what the person says that the file is, REAL or FAKE.
        stream: the bytes of the file.
        keep_file: copy the file into the folder, with the consent of the person.

    Returns:
        The copy of the file, or None.

    Raises:
        FeedbackError: the table is invalid, the file is no image or video, or nothing can be written.
    """
    try:
        with _locked(folder):
            rows = _read(folder / TABLE)
            digest = _digest(stream)
            kept = _keep(folder, result.path, stream, digest) if keep_file else None
            row = {
                "path": kept.relative_to(folder).as_posix() if kept else "",
                "label": LABEL_NAMES[label],
                "review": UNREVIEWED,
                "file_name": spreadsheet_text(result.path),
                "sha256": digest,
                "score": "" if result.score is None else f"{result.score:.6g}",
                "verdict": result.verdict,
                "model": spreadsheet_text(result.model.name),
                "model_version": spreadsheet_text(result.model.version),
                "operating_point": result.operating_point.name,
                "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            }
            others = [one for one in rows if not _is_replaced_by(one, row)]
            _write(folder / TABLE, COLUMNS, [*others, row])
            return kept
    except OSError as error:
        raise FeedbackError(f"{folder} cannot be written: {error.strerror}") from error


def accept(folder: Path) -> Accepted:
    """Write labels.csv from the accepted rows whose file was kept.

    Columns that a reviewer has added, such as method and target, are kept where the layout `csv`
    knows them.

    Raises:
        FeedbackError: the table is missing or invalid, a mark or a label is unknown, a file is missing
            or changed, or a file has both labels.
    """
    table = folder / TABLE
    if not table.is_file():
        raise FeedbackError(f"{table} is missing: `deepfake app` writes it when a verdict is wrong")
    try:
        with _locked(folder):
            rows = _read(table)
            if problems := list(_problems(folder, rows)):
                raise FeedbackError(format_list(f"{table} has invalid rows:", problems))
            accepted = [row for row in rows if row["review"] == ACCEPTED]
            labels = {row["path"]: row for row in accepted if row["path"]}
            columns = [name for name in LABEL_COLUMNS if any(name in row for row in accepted)]
            _write(folder / LABELS, columns or LABEL_COLUMNS, labels.values())
    except OSError as error:
        raise FeedbackError(f"{folder}: {error.strerror}") from error
    without_file = sum(not row["path"] for row in accepted)
    return Accepted(len(labels), without_file, sum(row["review"] == UNREVIEWED for row in rows))


def _problems(folder: Path, rows: Iterable[Row]) -> Iterator[str]:
    """What is wrong with the rows, as lines with the number of the row in the table."""
    labels: dict[str, str] = {}
    for number, row in enumerate(rows, 2):
        if row["review"] not in (UNREVIEWED, ACCEPTED, REJECTED):
            yield f"row {number}: review is {row['review']!r}, not {ACCEPTED} or {REJECTED}"
        if row["review"] != ACCEPTED:
            continue
        if row["label"] not in LABEL_NAMES.values():
            yield f"row {number}: label is {row['label']!r}, not REAL or FAKE"
        if not row["path"]:
            continue
        if labels.setdefault(row["path"], row["label"]) != row["label"]:
            yield f"row {number}: {row['path']} is accepted as REAL and as FAKE"
        path = folder / row["path"]
        if not path.is_file() or sha256_of(path) != row["sha256"]:
            yield f"row {number}: {row['path']} is missing or changed; reject the row"


def _is_replaced_by(old: Row, new: Row) -> bool:
    same = all(old[name] == new[name] for name in ("sha256", "model_version"))
    return same and old["review"] == UNREVIEWED


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the folder, which ends with the process too."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # it may hold faces
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> list[Row]:
    """The rows of feedback.csv, also as a spreadsheet saves it; none if it is missing."""
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
        header = text.partition("\n")[0]
        separator = max(SEPARATORS, key=header.count)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows = [{str(key): (value or "").strip() for key, value in row.items()} for row in reader]
    except (UnicodeDecodeError, csv.Error, AttributeError) as error:  # a row with too many cells
        raise FeedbackError(f"{path} is not a CSV table in UTF-8: fix or move it") from error
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise FeedbackError(f"{path} has no column {' and '.join(missing)}: fix or move it")
    return rows


def _write(path: Path, columns: Iterable[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a table atomically; columns that a person has added to the rows stay if it is feedback."""
    rows = list(rows)
    names = dict.fromkeys(columns)
    if path.name == TABLE:
        names |= dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), "", "ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def _digest(stream: BinaryIO) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while block := stream.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def _keep(folder: Path, name: str, stream: BinaryIO, digest: str) -> Path:
    """Copy a file into the folder, complete or not at all; returns its path."""
    stream.seek(0)
    kind = kind_by_content(stream.read(HEAD_BYTES))
    if not kind:
        raise FeedbackError("the file is neither an image nor a video, so it is not kept")
    fits = kind_by_name(Path(name)) == kind
    suffix = Path(name).suffix.lower() if fits else DEFAULT_SUFFIXES[kind]
    kept = folder / FILES / f"{digest[:16]}{suffix}"
    kept.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=folder) as place:
        copy = Path(place, kept.name)
        stream.seek(0)
        with copy.open("wb") as file:
            shutil.copyfileobj(stream, file)
            file.flush()
            os.fsync(file.fileno())
        copy.replace(kept)
    return kept
