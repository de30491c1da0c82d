"""The result of one check of `deepfake doctor`."""

from dataclasses import dataclass
from enum import Enum

from deepfake.base.text import printable

MAX_NAMES = 4


class State(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"  # something is unusual or slow, but works
    FAILED = "FAILED"


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Attributes:
        name: what was checked.
        state: how it ended.
        detail: what was found.
        remedy: what to do; "" if nothing is to be done.
    """

    name: str
    state: State
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f": {self.remedy}" if self.remedy else ""
        return printable(f"{self.state.value:<8} {self.name:<14} {self.detail}{remedy}")


def some(names: list[str]) -> str:
    """The first names, and how many more there are.

    >>> some(["a", "b", "c", "d", "e"])
    'a, b, c, d, 1 more'
    """
    more = f", {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
