"""One exception per kind of failure; each message names what is wrong and what to do."""


class DeepfakeError(Exception):
    """Anything this project reports to its user without a traceback."""


class ParamsError(DeepfakeError):
    """params.yaml has an unknown, missing or mistyped key."""


class ManifestError(DeepfakeError):
    """The data set cannot be turned into a valid manifest."""


class ArchiveError(DeepfakeError):
    """A per-video archive is damaged or is not one of ours."""


class CacheError(DeepfakeError):
    """The scratch cache cannot be read or written."""


class TooManyFailuresError(DeepfakeError):
    """More videos failed than `max_failed_fraction` allows."""


class LeakError(DeepfakeError):
    """A person, source or video stands in two splits."""


class SplitError(DeepfakeError):
    """The data cannot be divided as asked."""


class ModelError(DeepfakeError):
    """Weights are missing, damaged or of another architecture."""


class TrainingError(DeepfakeError):
    """Training cannot start or go on with this data."""


def listed(title: str, lines: list[str], most: int = 20) -> str:
    """A title, then at most `most` of the lines, indented, and how many more there are."""
    shown = [f"  {line}" for line in lines[:most]]
    if len(lines) > most:
        shown.append(f"  ... and {len(lines) - most} more")
    return "\n".join([title, *shown])
