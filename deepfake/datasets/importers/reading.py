"""What importers share: reading a data set's JSON files, and notes on lists of files."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deepfake.base.errors import ManifestError, format_list


def read_json(path: Path, expected: type) -> Any:
    """The content of a JSON file, which must be of the type `expected` (dict or list).

    Raises:
        ManifestError: the file is not JSON, or its content is of another type.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestError(
            f"{path} is not JSON ({error}): restore it from the data set"
        ) from error
    if not isinstance(content, expected):
        raise ManifestError(
            f"{path} holds a {type(content).__name__}, not a {expected.__name__}: restore it from"
            " the data set"
        )
    return content


def notes_on(names: Iterable[str], what: str) -> list[str]:
    """A list of one note, which counts the names and shows the first three; [] without names."""
    in_order = sorted(names)
    return [format_list(f"{len(in_order)} {what}:", in_order, 3)] if in_order else []
