from deepfake.predict.detector import Detector as Detector
from deepfake.predict.result import Face as Face
from deepfake.predict.result import Result as Result
