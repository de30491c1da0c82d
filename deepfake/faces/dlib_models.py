"""The models of face_recognition, each loaded when it is first needed.

Importing the package would load four of them, and its package of files all of pkg_resources: both take
longer than a video.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Of `base.code.code_version`: dlib-bin does not say which module it holds, and the files of the
# models are opened by path.
PACKAGES = ("dlib-bin", "face-recognition-models")


@cache
def five_point_model() -> Any:
    """The five-point landmarks: `model(pixels, dlib.rectangle)`."""
    import dlib

    return dlib.shape_predictor(_file("shape_predictor_5_face_landmarks.dat"))


@cache
def landmark_model() -> Any:
    """The 68 points of jaw, brows, nose, eyes and mouth: `model(pixels, dlib.rectangle)`."""
    import dlib

    return dlib.shape_predictor(_file("shape_predictor_68_face_landmarks.dat"))


@cache
def embedding_model() -> Any:
    """The network that tells faces apart."""
    import dlib

    return dlib.face_recognition_model_v1(_file("dlib_face_recognition_resnet_model_v1.dat"))


def _file(name: str) -> str:
    """Path of a file in the package face_recognition_models."""
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise ImportError("face_recognition_models is not installed")
    return str(Path(spec.origin).with_name("models") / name)
