"""`deepfake predict --output`: results in a file, which the same command resumes after a kill."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from deepfake.base.errors import DeepfakeError
from deepfake.base.text import printable, utf8
from deepfake.core.files import write_bytes
from deepfake.predict.inputs import InputFile
from deepfake.predict.output import FILE_COLUMNS, as_record, csv_line, file_row
from deepfake.predict.preprocess import digest_or_empty
from deepfake.predict.result import Result
from deepfake.predict.watch import Judged

CSV, JSON_LINES, PARQUET = SUFFIXES = (".csv", ".jsonl", ".parquet")
DETECTOR = "detector_sha256"  # column: `Detector.sha256`
COLUMNS = (*FILE_COLUMNS, "sha256", DETECTOR)
PART_RESULTS = 1000  # per file of a Parquet folder; a killed process loses at most so many
PART_NAME = "part-{:06d}.parquet"
INTEGERS, BOOLEANS = ("people", "frames", "frames_with_face"), ("frames_agree",)
TEXTS = (
    *("path", "verdict", "model", "model_version", "operating_point", "reason", "note"),
    *("sha256", DETECTOR),
)

Row = dict[str, Any]


class StoredResults:
    """The results in a CSV file, in a file of JSON lines, or in a folder of Parquet files.

    Attributes:
        path: of the file or folder; its suffix is one of `SUFFIXES`.

    Args:
        path: what it has already is kept.
        detector: `Detector.sha256` of the detector whose results are added.
        with_frames: as for `output.as_record`; of JSON lines only.

    Raises:
        DeepfakeError: it cannot be read or written, or has something else in it, such as the
            results of another model or operating point.
    """

    def __init__(self, path: Path, detector: str, with_frames: bool = False) -> None:
        self.path = path
        self._detector = detector
        self._digests: dict[str, set[str]] = {}
        self._contents: set[str] = set()
        self._verdicts: dict[str, str] = {}
        try:
            self._table = _open_table(path, with_frames)
        except OSError as error:
            raise self._failed(error) from error
        for row in self._table.earlier:
            if row[DETECTOR] != detector:
                raise DeepfakeError(
                    f"{path} has results of another model or operating point: name another file"
                    " with --output, or delete this one"
                )
            self._count(row)

    def has(self, file: InputFile) -> bool:
        """Whether there is a result for a file with its present content, or for an address.

        What could not be read, and therefore has no digest, is to be tried again.
        """
        digests = self._digests.get(_name(file.name), set())
        return any(digests) if file.is_url else digest_or_empty(Path(file.name)) in digests - {""}

    def __contains__(self, judged: Judged) -> bool:
        return judged == Judged(judged.content, self._detector) and judged.content in self._contents

    def add(self, result: Result) -> None:
        """Store a result; raises DeepfakeError if it cannot be written."""
        row = {**as_row(result), DETECTOR: self._detector}
        try:
            self._table.add(row, result)
        except OSError as error:
            raise self._failed(error) from error
        self._count(row)

    def close(self) -> None:
        """Write what is not yet written; raises DeepfakeError if it cannot be written."""
        try:
            self._table.close()
        except OSError as error:
            raise self._failed(error) from error

    def verdict(self, file: InputFile) -> str:
        """The verdict of the last result for a file, which must have one."""
        return self._verdicts[_name(file.name)]

    def __str__(self) -> str:
        """The number of files by their last verdict."""
        counts = sorted(Counter(self._verdicts.values()).items())
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts)
        return f"{self.path}: {len(self._verdicts)} files" + (f", {verdicts}" if verdicts else "")

    def _count(self, row: Row) -> None:
        name = _name(row["path"])
        self._digests.setdefault(name, set()).add(row["sha256"])
        self._contents.add(row["sha256"])
        self._verdicts[name] = row["verdict"]

    def _failed(self, error: OSError) -> DeepfakeError:
        return DeepfakeError(
            f"{self.path} cannot be read or written ({error.strerror}): check its folder, its"
            " permissions and the space on the disk"
        )


def as_row(result: Result) -> Row:
    """The columns of a result, except `DETECTOR`."""
    return {**dict(zip(FILE_COLUMNS, file_row(result), strict=True)), "sha256": result.sha256}


def _name(path: str) -> str:
    """A path as it is in tables."""
    return printable(utf8(path))


class _Table(Protocol):
    earlier: list[Row]  # of earlier processes

    def add(self, row: Row, result: Result) -> None: ...

    def close(self) -> None: ...


def _open_table(path: Path, with_frames: bool) -> _Table:
    return _Parts(path) if path.suffix == PARQUET else _Lines(path, with_frames)


class _Lines:
    """A text file with a line for each result, written at once."""

    def __init__(self, path: Path, with_frames: bool) -> None:
        self._with_frames = with_frames
        self._is_csv = path.suffix == CSV
        self._path = path
        data = path.read_bytes() if path.exists() else b""
        end = (
            data.rfind(b"\n") + 1
        )  # a line that was cut off when the process was killed is dropped
        header = f"{csv_line(COLUMNS)}\n".encode() if self._is_csv else b""
        start = header or b'{"path": '
        if data and data[: len(start)] != start[: len(data)]:
            raise _foreign(path)
        self.earlier = list(self._read(data[:end]))
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("r+b" if data else "wb", buffering=0)
        self._file.truncate(end)
        self._file.seek(end)
        if not end:
            self._file.write(header)

    def _read(self, data: bytes) -> Iterator[Row]:
        try:
            text = data.decode()
            if self._is_csv:
                yield from csv.DictReader(io.StringIO(text, newline=""), strict=True)
            else:
                for line in text.splitlines():
                    row = json.loads(line)
                    yield {name: row[name] for name in ("path", "verdict", "sha256", DETECTOR)}
        except (ValueError, KeyError, TypeError, csv.Error) as error:
            raise _foreign(self._path) from error

    def add(self, row: Row, result: Result) -> None:
        if self._is_csv:
            text = csv_line([row[name] for name in COLUMNS])
        else:
            digests = {"sha256": row["sha256"], DETECTOR: row[DETECTOR]}
            text = json.dumps({**as_record(result, self._with_frames), **digests})
        self._file.write(f"{text}\n".encode())

    def close(self) -> None:
        self._file.close()


class _Parts:
    """A folder of Parquet files, each of which is complete or absent."""

    def __init__(self, folder: Path) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise DeepfakeError(
                "Parquet needs the package pyarrow: install it, or use .csv or .jsonl"
            ) from error
        types = {
            **dict.fromkeys(TEXTS, pyarrow.string()),
            **dict.fromkeys(INTEGERS, pyarrow.int64()),
            **dict.fromkeys(BOOLEANS, pyarrow.bool_()),
        }
        self._schema = pyarrow.schema(
            [(name, types.get(name, pyarrow.float64())) for name in COLUMNS]
        )
        self._arrow, self._folder = pyarrow, folder
        self._rows: list[Row] = []
        folder.mkdir(parents=True, exist_ok=True)
        parts = sorted(folder.glob(PART_NAME.replace("{:06d}", "*")))
        self._next = 1 + max((int(_number(part)) for part in parts), default=-1)
        self.earlier = [row for part in parts for row in self._read(part)]

    def _read(self, part: Path) -> Sequence[Row]:
        try:
            table = self._arrow.parquet.read_table(part)
            if table.schema != self._schema:
                raise _foreign(part)
            rows: list[Row] = table.select(["path", "verdict", "sha256", DETECTOR]).to_pylist()
        except self._arrow.ArrowInvalid as error:
            raise _foreign(part) from error
        return rows

    def add(self, row: Row, _: Result) -> None:
        self._rows.append(row)
        if len(self._rows) >= PART_RESULTS:
            self.close()

    def close(self) -> None:
        if not self._rows:
            return
        buffer = io.BytesIO()
        table = self._arrow.Table.from_pylist(self._rows, self._schema)
        self._arrow.parquet.write_table(table, buffer)
        write_bytes(self._folder / PART_NAME.format(self._next), buffer.getvalue())
        self._next += 1
        self._rows = []


def _number(part: Path) -> str:
    found = re.search(r"\d+$", part.stem)
    if not found:
        raise _foreign(part)
    return found[0]


def _foreign(path: Path) -> DeepfakeError:
    return DeepfakeError(
        f"{path} has something else than results of this version: name another file with --output"
    )
