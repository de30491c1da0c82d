"""A deepfake detector you can trust, reproduce and review.

>>> from deepfake import Detector
>>> Detector.load().predict("clip.mp4").verdict  # doctest: +SKIP
'FAKE'

The public names are `Detector`, `Result` and `Face`; `__init__.pyi` gives their types. Each is
imported at its first use, because importing torch takes seconds.
"""

import os
import sys
from importlib import import_module
from typing import Any

if sys.platform == "win32":  # it has neither fcntl nor resource
    sys.exit(
        "error: deepfake runs on Linux and macOS. On Windows, install it in WSL 2:"
        " https://learn.microsoft.com/windows/wsl/install"
    )

# Threads of OpenMP that wait for the others sleep. Spinning, they take the cores from whatever else
# runs: with another busy process on two cores, training took several times as long. OpenMP reads this
# when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# ONNX Runtime would give this machine an identifier, and send what it runs to its makers.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = ["Detector", "Face", "Result"]

_MODULES = {
    "Detector": "deepfake.predict.detector",
    "Face": "deepfake.predict.result",
    "Result": "deepfake.predict.result",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
