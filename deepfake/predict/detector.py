"""A verdict on any file, by the same path that the pipeline's own videos take."""

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import asdict
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

import numpy as np

from deepfake.base.cores import thread_count, usable_cores
from deepfake.base.errors import ModelError
from deepfake.core.labels import Floats
from deepfake.faces.crops import crop_settings
from deepfake.jobs.step import Failure
from deepfake.model.card import ModelCard
from deepfake.model.onnx_model import BATCH_SIZE, OnnxModel
from deepfake.model.operating_points import (
    BALANCED,
    CAUTIOUS,
    MEASURED,
    Measured,
    OperatingPoint,
)
from deepfake.params.schema import CropsParams, FramesParams
from deepfake.predict.batches import OrderedGroups
from deepfake.predict.inputs import InputFile
from deepfake.predict.loading import load_network
from deepfake.predict.preprocess import Preprocessed, Preprocessor, failed
from deepfake.predict.result import ModelVersion, Result
from deepfake.predict.verdict import Classified, make_results
from deepfake.video.frames import frame_settings

if TYPE_CHECKING:
    import torch

    from deepfake.model.network import MirroredResNet

# Crops; larger batches are hardly faster there, smaller ones fill all cores, and a video that has so
# many is not kept waiting for the next file.
FULL_ON_CPU = 4


class Detector:
    """A published model with its preprocessing.

    Files are untrusted, so they are decoded in another process with limits of time and memory. A
    file that crashes the decoder or exceeds the limits is UNDECIDED.

    >>> with Detector.load() as detector:  # doctest: +SKIP
    ...     print(detector.predict("clip.mp4").verdict)
    FAKE

    Attributes:
        card: the card of the model.
        device: where the network is.
        model: the name and version of the model, which every result has.
        preprocessor: decodes files and cuts out their crops.
        operating_point: the one that makes verdicts, unless a call names another.
        notes: what a user should know about the model, to be said once.
        settings: of `preprocess`: its arguments `frames` and `crops`.
    """

    def __init__(
        self,
        network: "MirroredResNet | OnnxModel",
        card: ModelCard,
        device: "torch.device | str",
        model: ModelVersion,
        preprocessor: Preprocessor | None = None,
        operating_point: str | None = None,
        measured: Mapping[str, Measured] | None = None,
    ) -> None:
        self._network = network if isinstance(network, OnnxModel) else network.to(device)
        self.card = card
        self.device = device
        self.model = model
        self.preprocessor = preprocessor or Preprocessor()
        self.notes: list[str] = []
        self._measured = self._checked(measured or {})
        self.operating_point = self.point(operating_point or self._default_point())
        frames = FramesParams.model_validate(card.preprocessing["frames"])
        crops = CropsParams.model_validate(card.preprocessing["crops"])
        # Each batch is computed by `thread_count` threads; so many batches at a time fill the cores.
        self._turns = BoundedSemaphore(
            max(1, usable_cores() // thread_count()) if self._is_on_cpu else 1
        )
        self.settings: dict[str, dict[str, Any]] = {
            "frames": {
                **frame_settings(frames),
                "min_frames": 1,
            },  # one frame is judged as an image
            "crops": crop_settings(crops),
        }

    @classmethod
    def load(
        cls,
        model: Path | str | None = None,
        preprocessor: Preprocessor | None = None,
        runtime: str | None = None,
        operating_point: str | None = None,
    ) -> "Detector":
        """Load the model of a folder, a release, a git revision or an address, or an ONNX file.

        Args:
            model: as for `source.pinned`; None for the model in models/, or the starter if none is
                trained yet.
            preprocessor: with its own limits; None for one with `preprocess.LIMITS`.
            runtime: "torch"; "onnx" for ONNX Runtime, which gives no heat maps; or "auto" for ONNX
                Runtime on a CPU if `model` is a folder, and else torch. None for torch, or for ONNX
                Runtime if `model` is an ONNX file.
            operating_point: one of `OPERATING_POINTS`; None for cautious, or for balanced and a note
                if the model has no cautious.

        Raises:
            ModelError: the model is missing or of another version.
            OperatingPointError: the model does not have the operating point.
        """
        loaded = load_network(model, runtime)
        detector = cls(
            loaded.network,
            loaded.card,
            loaded.device,
            loaded.version,
            preprocessor,
            operating_point,
            loaded.measured,
        )
        detector.notes[:0] = loaded.notes
        return detector

    def _checked(self, measured: Mapping[str, Measured]) -> Mapping[str, Measured]:
        """What was measured with the thresholds of this model; nothing if they are of another."""
        points = self.card.operating_points
        if all(points.get(name) == one.thresholds for name, one in measured.items()):
            return measured
        self.notes.append(
            f"{MEASURED} was measured with other thresholds than those of the model and is not"
            " used: run `dvc repro evaluate`"
        )
        return {}

    def _default_point(self) -> str:
        if self.card.operating_points[CAUTIOUS] is not None:
            return CAUTIOUS
        problem = self.card.point_problems[CAUTIOUS]
        self.notes.append(f"operating point {BALANCED}: the model has no {CAUTIOUS} ({problem})")
        return BALANCED

    def point(self, name: str) -> OperatingPoint:
        """An operating point of the model, by its name.

        Raises:
            OperatingPointError: the model does not have it.
        """
        return OperatingPoint(name, self.card.thresholds(name), self._measured.get(name))

    @property
    def sha256(self) -> str:
        """Digest of all that a result depends on beside the file: weights, card, operating point."""
        point = (self.operating_point.name, asdict(self.operating_point.thresholds))
        content = json.dumps([self.model.sha256, asdict(self.card), point], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def with_point(self, name: str) -> "Detector":
        """This detector at another operating point; raises OperatingPointError as `point` does."""
        other = copy(self)
        other.operating_point = self.point(name)
        return other

    def __enter__(self) -> "Detector":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _is_on_cpu(self) -> bool:
        return str(self.device) == "cpu"

    @property
    def network(self) -> "MirroredResNet":
        """The network for heat maps; raises ModelError with ONNX Runtime, which has no gradients."""
        if isinstance(self._network, OnnxModel):
            raise ModelError("heat maps and reports need runtime torch: ONNX has no gradients")
        return self._network

    def close(self) -> None:
        """End the process that decodes; otherwise it ends with this one."""
        self.preprocessor.close()

    def predict(
        self,
        path: Path | str,
        name: str | None = None,
        per_video: int | None = None,
        operating_point: str | None = None,
    ) -> Result:
        """The result for an image, a video, or the address of one.

        A file that cannot be read or shows no face is UNDECIDED, with its reason; that is no error.

        Args:
            path: the file, or an address such as https://host/clip.mp4.
            name: path in the result; None for `path`.
            per_video: number of frames to analyse; None for as many as in training.
            operating_point: None for that of the detector.

        Raises:
            OperatingPointError: the model does not have the operating point.
        """
        point = self.operating_point if operating_point is None else self.point(operating_point)
        settings = self.settings
        if per_video is not None:
            settings = {**settings, "frames": {**settings["frames"], "per_video": per_video}}
        data = self.preprocessor.one(InputFile(str(path)), settings)
        file = failed(data) if isinstance(data, Failure) else Preprocessed.unpack(data)
        return self._results([(str(path) if name is None else name, file)], point)[0]

    def predict_many(self, files: Sequence[InputFile]) -> Iterator[Result]:
        """The results for many files, in order, by several processes and with a progress bar.

        Crops of several files share a batch of the network. Load the detector in `one_thread`, so
        that processes and network have one thread per core, all together.
        """
        groups: OrderedGroups[tuple[str, Preprocessed], Result] = OrderedGroups(
            len(files),
            lambda named: len(named[1].crops) or 1,  # many files without a face fill a group too
            FULL_ON_CPU if self._is_on_cpu else BATCH_SIZE,
            lambda named: self._results(named, self.operating_point),
        )
        waiting: deque[Future[Result]] = deque()
        for future in self.preprocessor.many(
            files,
            self.settings,
            lambda position, file: groups.add(position, (files[position].name, file)),
        ):
            waiting.append(future)
            while waiting and waiting[0].done():
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)

    def crop_file(self, path: Path) -> Preprocessed:
        """The face crops of a file.

        Raises:
            ValueError: the process that decodes crashed or exceeded its limits.
        """
        data = self.preprocessor.one(InputFile(str(path)), self.settings)
        if isinstance(data, Failure):
            raise ValueError(f"{path}: {data.reason}")
        return Preprocessed.unpack(data)

    def _logits(self, images: Sequence[bytes]) -> Floats:
        if isinstance(self._network, OnnxModel):
            return self._network.logits(images)
        from deepfake.model.logits import predict_logits

        return predict_logits(self._network, images, self.card.image_size, self.device)

    def _results(
        self, named: Sequence[tuple[str, Preprocessed]], point: OperatingPoint
    ) -> list[Result]:
        """The results for files with their names, whose crops share batches of the network."""
        images = [file.images[crop["image"]] for _, file in named for crop in file.crops]
        with self._turns:
            logits = self._logits(images)
        ends = np.cumsum([len(file.crops) for _, file in named])[:-1]
        parts = zip(named, np.split(logits, ends), strict=True)
        classified = [Classified(name, file, part) for (name, file), part in parts]
        return make_results(classified, self.card, point, self.model)
