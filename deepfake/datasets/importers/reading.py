"""What several importers need to read their data set's own tables and tell what is wrong."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from deepfake.base.errors import ManifestError, listed


def read_json(path: Path, kind: type) -> Any:
    """The content of a JSON file, which must be a `kind` (dict or list).

    Raises:
        ManifestError: it is no JSON, or something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestError(
            f"{path} is not JSON ({error}): take it from the data set again"
        ) from error
    if not isinstance(content, kind):
        raise ManifestError(
            f"{path} holds a {type(content).__name__}, not a {kind.__name__}: take it from the"
            " data set again"
        )
    return content


def notes_on(names: Iterable[str], what: str) -> list[str]:
    """One note on all of the names with the first of them; none if there are none."""
    found = sorted(names)
    return [listed(f"{len(found)} {what}:", found, 3)] if found else []
