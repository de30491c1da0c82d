"""The dlib models of face_recognition, each loaded when it is first needed.

Importing face_recognition would load four models, and face_recognition_models all of pkg_resources.
Either takes longer than a video.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# For `base.code.code_version`, which cannot find them by imports: dlib-bin does not declare its
# module, and the model files are opened by path.
DLIB_PACKAGES = ("dlib-bin", "face-recognition-models")


@cache
def five_point_model() -> Any:
    """Predictor of the five landmarks of eyes and nose: `model(pixels, dlib.rectangle)`."""
    import dlib

    return dlib.shape_predictor(_file("shape_predictor_5_face_landmarks.dat"))


@cache
def landmark_model() -> Any:
    """Predictor of the 68 landmarks of iBUG 300-W: `model(pixels, dlib.rectangle)`."""
    import dlib

    return dlib.shape_predictor(_file("shape_predictor_68_face_landmarks.dat"))


@cache
def embedding_model() -> Any:
    """The face embedding network: `model.compute_face_descriptor(pixels, landmarks, jitters)`."""
    import dlib

    return dlib.face_recognition_model_v1(_file("dlib_face_recognition_resnet_model_v1.dat"))


def _file(name: str) -> str:
    """Path of a file in the package face_recognition_models."""
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise ImportError("the package face_recognition_models is not installed: run `make setup`")
    return str(Path(spec.origin).with_name("models") / name)
