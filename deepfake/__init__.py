"""A deepfake detector you can trust, reproduce and review.

>>> from deepfake import Detector
>>> Detector.load().predict("clip.mp4").verdict  # doctest: +SKIP
'FAKE'

Three names are for other programs: `Detector`, `Result` and `Face`. They are loaded when they are
first asked for, since torch takes seconds; `__init__.pyi` gives their types.
"""

from importlib import import_module
from typing import Any

__all__ = ["Detector", "Face", "Result"]

_HOMES = {
    "Detector": "deepfake.predict.detector",
    "Face": "deepfake.predict.result",
    "Result": "deepfake.predict.result",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
