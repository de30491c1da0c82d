"""Write files atomically, with the same bytes for the same content; digests of files."""

import hashlib
import json
import math
import os
import tempfile
from pathlib import Path
from typing import Any

from deepfake.core.folders import walk

TEMPORARY_PREFIX = ".writing-"  # of the names of files that are being written
EMPTY_DIGEST = hashlib.sha256().hexdigest()  # of a file without content
METRIC_DIGITS = 4  # otherwise `dvc metrics diff` prints differences of 1e-10


def write_bytes(path: Path, data: bytes, durable: bool = True) -> None:
    """Write `data` to `path` through a temporary file in the same folder, then rename.

    Args:
        path: missing folders are created.
        data: content of the file.
        durable: wait until the disk has it. If False, a power cut may leave a part of the file; a
            killed process never does.

    Raises:
        OSError: the file cannot be written, for example because the disk is full. The error names
            `path`, and a file that was there before is unchanged.
    """
    try:
        if not path.parent.is_dir():  # a hundred times faster than mkdir
            path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(path, data, durable)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_and_rename(path: Path, data: bytes, durable: bool) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY_PREFIX)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON, one key per line, in the order given."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def write_metrics(path: Path, metrics: dict[str, Any]) -> None:
    """Write nested numbers for `dvc metrics`, rounded, without values that are not finite.

    Raises:
        TypeError: a value is neither a number nor a dict (DVC would show strings as metrics).
    """
    write_json(path, _rounded(metrics))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        rounded = {str(key): _rounded(item) for key, item in value.items()}
        return {key: item for key, item in rounded.items() if item is not None}
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"not a metric: {value!r}")
    if isinstance(value, int):
        return value
    return round(float(value), METRIC_DIGITS) if math.isfinite(value) else None


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def content_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files below a folder.

    Links are followed, and hidden folders left out, as `folders.walk` does.
    """
    if not path.is_dir():
        return sha256_of(path)
    files = sorted(file for _, found in walk(path) for file in found if file.is_file())
    lines = [f"{sha256_of(file)} {file.relative_to(path).as_posix()}" for file in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
