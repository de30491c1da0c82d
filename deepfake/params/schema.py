"""params.yaml as frozen, typed objects.

No field has a default: params.yaml is the one place where a value is set, and DVC tracks it there.
So this file computes nothing that could change a result, and no stage depends on it.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Quality = Annotated[int, Field(ge=1, le=100)]
Chroma = Literal["4:4:4", "4:2:2", "4:2:0"]


class Section(BaseModel):
    """A part of params.yaml: unknown keys and other types than declared are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _no_interpolation(text: str) -> str:
    if "${" in text:
        raise ValueError("must not contain ${, which DVC reads as the name of a parameter")
    return text


# Without a dot, which `dvc exp run -S` and `dvc params` take for the end of a key.
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
Root = Annotated[str, AfterValidator(_no_interpolation)]


class DatasetParams(Section):
    """Where the videos of one data set are and how their labels are written down."""

    root: Root
    layout: str
    include: Root


class ExecutionParams(Section):
    """How work is spread and bounded; never changes a result, so no stage tracks it."""

    workers: Annotated[int, Field(ge=0)]
    video_seconds: Annotated[float, Field(gt=0)]
    video_gigabytes: Annotated[float, Field(gt=0)]

    @property
    def worker_count(self) -> int:
        """Processes to use: as asked, or one per usable core."""
        import os

        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        return self.workers or usable or os.cpu_count() or 1


class FramesParams(Section):
    """Which frames of a video are kept."""

    per_video: Positive
    min_frames: Positive
    jpeg_quality: Quality
    jpeg_chroma: Chroma
    max_failed_fraction: Fraction


class CropsParams(Section):
    """How faces are found and cut out."""

    detector: Literal["libfacedetection", "hog"]
    detect_size: Positive
    min_score: Fraction
    min_face: Fraction
    min_track_fraction: Fraction
    margin: Annotated[float, Field(ge=1)]
    size: Positive
    jpeg_quality: Quality
    jpeg_chroma: Chroma
    max_no_face_fraction: Fraction


class IdentitiesParams(Section):
    """How people and content are recognised again."""

    faces: bool
    faces_per_track: Positive
    threshold: Annotated[float, Field(gt=0)]
    near_duplicates: bool


class SplitParams(Section):
    """How groups are divided."""

    policy: Literal["grouped", "official", "cross_dataset", "kfold"]
    train: Fraction
    val: Fraction
    test: Fraction
    bridges: Literal["error", "drop"]
    official_leaks: Literal["merge", "drop", "keep"]
    test_datasets: list[str]
    folds: Annotated[int, Field(ge=3)]
    fold: Annotated[int, Field(ge=0)]
    seed: int

    @model_validator(mode="after")
    def _ratios_fill_one(self) -> "SplitParams":
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError("train, val and test must add up to 1")
        return self

    @model_validator(mode="after")
    def _fold_is_one_of_them(self) -> "SplitParams":
        if self.fold >= self.folds:
            raise ValueError(f"fold counts from 0 to {self.folds - 1}")
        return self


class TrainParams(Section):
    """How the network is trained."""

    init: str
    image_size: Positive
    region: Annotated[float, Field(gt=0, le=1)]
    augmentation: Literal["none", "light", "strong"]
    share: Annotated[float, Field(gt=0, le=1)]
    epochs: Annotated[int, Field(ge=0)]
    batch_size: Positive
    pairs: Fraction
    self_blended: Fraction
    balance_methods: bool
    learning_rate: Annotated[float, Field(gt=0)]
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_fraction: Fraction
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)]
    ema: Annotated[float, Field(ge=0, lt=1)]
    precision: Literal["auto", "float32", "bfloat16"]
    seed: int

    @model_validator(mode="after")
    def _only_a_whole_model_needs_no_training(self) -> "TrainParams":
        if self.epochs == 0 and self.init != "starter":
            raise ValueError("epochs may be 0 only where init is starter, which is used as it is")
        return self


class ScoreParams(Section):
    """How the scores of frames become the score of a video."""

    video_score: Literal["mean_logit", "mean_probability"]
    min_frames: Positive


class EvaluateParams(Section):
    """How certain the metrics are."""

    bootstrap: Annotated[int, Field(ge=0)]
    seed: int


class RobustnessParams(Section):
    """How hard, and on how much, the model is tried under degradations."""

    levels: Annotated[list[Annotated[int, Field(ge=1, le=5)]], Field(min_length=1)]
    max_videos: Annotated[int, Field(ge=2)]
    crops_per_track: Positive
    seed: Annotated[int, Field(ge=0)]


def _as_mapping(entries: list[Any]) -> str:
    """The list that `dataset` once was, written as the mapping that it must be."""
    lines = ["    dataset:"]
    for entry in entries:
        values = dict(entry) if isinstance(entry, dict) else {}
        lines.append(f"      {values.pop('name', 'NAME')}:")
        fields = values or {"root": "data/raw", "layout": "auto", "include": "*"}
        lines += [f"        {key}: {json.dumps(value)}" for key, value in fields.items()]
    return "\n".join(lines)


class Params(Section):
    """Everything in params.yaml, one field per section."""

    dataset: Annotated[dict[DatasetName, DatasetParams], Field(min_length=1)]
    execution: ExecutionParams
    frames: FramesParams
    crops: CropsParams
    identities: IdentitiesParams
    split: SplitParams
    train: TrainParams
    score: ScoreParams
    evaluate: EvaluateParams
    robustness: RobustnessParams

    @model_validator(mode="after")
    def _crops_are_large_enough(self) -> "Params":
        if self.crops.size < self.train.image_size:
            raise ValueError("crops.size must not be smaller than train.image_size")
        return self

    @field_validator("dataset", mode="before")
    @classmethod
    def _dataset_is_a_mapping(cls, value: Any) -> Any:
        if isinstance(value, list):
            raise ValueError(
                f"must be a mapping from names to data sets, like\n{_as_mapping(value)}"
            )
        return value

    @model_validator(mode="after")
    def _test_datasets_are_known(self) -> "Params":
        names = list(self.dataset)
        unknown = sorted({*self.split.test_datasets} - {*names})
        if unknown:
            raise ValueError(f"split.test_datasets: no data set is called {', '.join(unknown)}")
        if self.split.policy == "cross_dataset" and not 0 < len({*self.split.test_datasets}) < len(
            names
        ):
            raise ValueError(
                "split.policy cross_dataset needs some, not all, data sets in split.test_datasets"
            )
        return self
