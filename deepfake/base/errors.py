"""One exception per kind of failure. Each message says what is wrong and what to do."""

from collections.abc import Iterable

MALFORMED = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
)  # what reading JSON of another shape raises


class DeepfakeError(Exception):
    """Base of all errors that are reported to the user without a traceback."""


class ParamsError(DeepfakeError):
    """params.yaml has an unknown, missing or mistyped key, or a value out of range."""


class ManifestError(DeepfakeError):
    """No valid manifest can be made of a data set."""


class ArchiveError(DeepfakeError):
    """A per-video archive is missing, damaged or not written by this project."""


class CacheError(DeepfakeError):
    """The scratch cache cannot be read or written."""


class TooManyFailuresError(DeepfakeError):
    """A larger fraction of the videos failed than params.yaml allows."""


class LeakError(DeepfakeError):
    """A person, source video or near-duplicate is in two splits."""


class SplitError(DeepfakeError):
    """The data cannot be split as params.yaml demands."""


class ModelError(DeepfakeError):
    """Weights are missing, damaged or of another architecture."""


class DvcRemoteError(DeepfakeError):
    """A DVC remote is not configured, cannot be reached, or lacks what is asked of it."""


class TrainingError(DeepfakeError):
    """Training cannot start or continue with this data."""


def format_list(title: str, lines: list[str], max_lines: int = 20) -> str:
    """A title, then at most `max_lines` of the lines, indented, and how many more there are.

    >>> print(format_list("2 videos failed:", ["a.mp4", "b.mp4"], max_lines=1))
    2 videos failed:
      a.mp4
      ... and 1 more
    """
    shown = [f"  {line}" for line in lines[:max_lines]]
    if len(lines) > max_lines:
        shown.append(f"  ... and {len(lines) - max_lines} more")
    return "\n".join([title, *shown])


def repeated_rows(numbers: Iterable[int], names: Iterable[str]) -> list[str]:
    """One line for each name that several rows of a table have, in order of the names.

    >>> repeated_rows([2, 3, 4, 5], ["a.mp4", "b.mp4", "a.mp4", "a.mp4"])
    ['rows 2, 4 and 5 are of a.mp4']
    """
    rows: dict[str, list[str]] = {}
    for number, name in zip(numbers, names, strict=True):
        rows.setdefault(name, []).append(str(number))
    return [
        f"rows {', '.join(found[:-1])} and {found[-1]} are of {name}"
        for name, found in sorted(rows.items())
        if len(found) > 1
    ]
