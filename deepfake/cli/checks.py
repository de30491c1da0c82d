"""The result of one check of `deepfake doctor`."""

from dataclasses import dataclass
from enum import Enum

from deepfake.base.text import printable

MAX_NAMES = 4  # in a line


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
