"""A verdict on any file, by the same path that the pipeline's own videos take."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from deepfake.base.errors import ModelError
from deepfake.core import archive
from deepfake.core.labels import Floats
from deepfake.faces.crops import crop_settings
from deepfake.jobs.step import Failure
from deepfake.model.card import ModelCard
from deepfake.model.network import load_model, pick_device
from deepfake.model.onnx_model import OnnxModel, load_onnx
from deepfake.model.scores import predict_logits
from deepfake.model.source import default_folder, is_onnx, model_folder, onnx_file
from deepfake.params.schema import CropsParams, FramesParams
from deepfake.predict.inputs import Source
from deepfake.predict.preprocess import Preprocessor
from deepfake.predict.result import Result
from deepfake.predict.verdict import judge
from deepfake.video.frames import frame_settings
from deepfake.video.record import VideoMeta

RUNTIMES = ("torch", "onnx")


class Detector:
    """A published model with its preprocessing.

    Files are decoded in another process with limits of time and memory, since nobody has checked
    them: one that crashes, hangs or bursts the decoder is UNDECIDED.

    >>> with Detector.load() as detector:  # doctest: +SKIP
    ...     print(detector.predict("clip.mp4").verdict)
    FAKE
    """

    def __init__(
        self,
        network: nn.Module | OnnxModel,
        card: ModelCard,
        device: torch.device,
        preprocessor: Preprocessor | None = None,
    ) -> None:
        self._network = network if isinstance(network, OnnxModel) else network.to(device)
        self.card = card
        self.device = device
        self.preprocessor = preprocessor or Preprocessor()
        frames = FramesParams.model_validate(card.preprocessing["frames"])
        crops = CropsParams.model_validate(card.preprocessing["crops"])
        self.settings: dict[str, dict[str, Any]] = {
            "frames": frame_settings(frames),
            "crops": crop_settings(crops),
        }

    @classmethod
    def load(
        cls,
        model: Path | str | None = None,
        preprocessor: Preprocessor | None = None,
        runtime: str | None = None,
    ) -> "Detector":
        """The model in a folder, of a git revision, or at an address; or an ONNX file.

        Args:
            model: as for `model_source.model_folder`; None for that in models/, or the starter where
                none was trained yet.
            preprocessor: with limits of its own; without one, `intake.LIMITS` hold.
            runtime: "torch", or "onnx" for ONNX Runtime, which gives no heat maps; None is torch,
                but for an ONNX file.

        Raises:
            ModelError: there is no model, or not one of this version.
        """
        place = str(model or default_folder())
        runtime = runtime or ("onnx" if is_onnx(place) else "torch")
        if runtime not in RUNTIMES:
            raise ModelError(f"no runtime {runtime}: there is {' and '.join(RUNTIMES)}")
        if runtime == "onnx":
            with onnx_file(place) as path:
                exported = load_onnx(path)
            return cls(exported, exported.card, torch.device("cpu"), preprocessor)
        with model_folder(place) as folder:
            network, card = load_model(folder)
        return cls(network, card, pick_device(), preprocessor)

    def __enter__(self) -> "Detector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def network(self) -> nn.Module:
        """What heat maps are made with; raises ModelError where there is none in torch."""
        if isinstance(self._network, OnnxModel):
            raise ModelError(
                "heat maps, and so reports, need the model in torch: ONNX Runtime gives none"
            )
        return self._network

    def close(self) -> None:
        """End the process that decodes; otherwise it ends with this one."""
        self.preprocessor.close()

    def predict(
        self, path: Path | str, name: str | None = None, per_video: int | None = None
    ) -> Result:
        """The result for an image, a video, or the address of one.

        What cannot be read or shows no face is UNDECIDED, with its reason; that is no error.

        Args:
            path: the file, or an address such as https://host/clip.mp4.
            name: what the result calls it; by default as `path`.
            per_video: look at this many frames, not at as many as in training.
        """
        settings = self.settings
        if per_video is not None:
            settings = {**settings, "frames": {**settings["frames"], "per_video": per_video}}
        data = self.preprocessor.one(Source(str(path)), settings)
        return self._judged(str(path) if name is None else name, data)

    def predict_many(self, sources: Sequence[Source]) -> Iterator[Result]:
        """The results of many files, in order, by several processes and with a progress bar."""
        made = self.preprocessor.many(sources, self.settings)
        for source, data in zip(sources, made, strict=True):
            yield self._judged(source.name, data)

    def crop_file(self, path: Path) -> archive.Archive:
        """The crops of a file's faces and what was found out about it, as `preprocess` gives it.

        Raises:
            ValueError: the process for it failed.
        """
        data = self.preprocessor.one(Source(str(path)), self.settings)
        if isinstance(data, Failure):
            raise ValueError(f"{path}: {data.reason}")
        return archive.unpack(data)

    def _logits(self, images: Sequence[bytes]) -> Floats:
        if isinstance(self._network, OnnxModel):
            return self._network.logits(images)
        return predict_logits(self._network, images, self.card.image_size, self.device)

    def _judged(self, name: str, data: bytes | Failure) -> Result:
        if isinstance(data, Failure):
            video = VideoMeta(data.status, data.reason)
            return judge(name, self.card, video, [], {}, np.zeros(0))
        made = archive.unpack(data)
        images = [made.images[crop["image"]] for crop in made.meta["crops"]]
        logits = self._logits(images)
        video = VideoMeta(**{**made.meta["video"], "indices": tuple(made.meta["video"]["indices"])})
        return judge(
            name,
            self.card,
            video,
            made.meta["crops"],
            made.images,
            logits,
            made.meta["no_face"],
        )
