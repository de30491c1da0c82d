"""Models of face_recognition, loaded one by one: importing the package loads four of them."""

import warnings
from functools import cache
from typing import Any


@cache
def landmark_model() -> Any:
    """The five-point landmarks: `model(pixels, dlib.rectangle)`."""
    import dlib

    return dlib.shape_predictor(_models().pose_predictor_five_point_model_location())


@cache
def embedding_model() -> Any:
    """The network that tells faces apart."""
    import dlib

    return dlib.face_recognition_model_v1(_models().face_recognition_model_location())


def _models() -> Any:
    with warnings.catch_warnings():  # it uses pkg_resources, which setuptools announces to drop
        warnings.simplefilter("ignore")
        import face_recognition_models
    return face_recognition_models
