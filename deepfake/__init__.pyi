from deepfake.predictor import Detector as Detector
from deepfake.results import Face as Face
from deepfake.results import Result as Result
