"""params.yaml as frozen, typed objects.

No field has a default, except the slices of a data set, of which most have none: params.yaml is the
only place where a value is set, and DVC tracks it there.
This file computes nothing that could change a result, so no stage depends on it.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from deepfake.base.cores import usable_cores

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Quality = Annotated[int, Field(ge=1, le=100)]
Chroma = Literal["yuv444", "yuv422", "yuv420"]


class Section(BaseModel):
    """A section of params.yaml. Unknown keys and types other than those declared are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _check_no_interpolation(text: str) -> str:
    if "${" in text:
        raise ValueError("must not contain ${, which DVC replaces by the value of a parameter")
    return text


# Without a dot, which separates keys in `dvc exp run -S` and `dvc params`.
DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
LiteralText = Annotated[str, AfterValidator(_check_no_interpolation)]


def _check_is_folder(root: str) -> str:
    if "://" in root:
        raise ValueError(
            f"must be a folder: run `deepfake list-files NAME {root}`, then set it to"
            " data/listings/NAME (docs/your-data.md)"
        )
    return root


Root = Annotated[LiteralText, AfterValidator(_check_is_folder)]


class DatasetParams(Section):
    """Where the videos of one data set are, how their labels are stored, and what else is known."""

    root: Root
    layout: str
    include: LiteralText
    slices: list[Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]] = []


class ExecutionParams(Section):
    """Processes and their limits. They never change a result, so no stage tracks this section."""

    engine: Literal["local", "ray"]
    address: str | None
    workers: Annotated[int, Field(ge=0)]
    video_seconds: Annotated[float, Field(gt=0)]
    video_gigabytes: Annotated[float, Field(gt=0)]
    download_gigabytes: Annotated[float, Field(ge=0)]

    @property
    def worker_count(self) -> int:
        """Number of processes: `workers`, or one per usable core if that is 0."""
        return self.workers or usable_cores()


class FramesParams(Section):
    """Which frames of a video are kept."""

    per_video: Positive
    min_frames: Positive
    jpeg_quality: Quality
    jpeg_chroma: Chroma
    max_failed_fraction: Fraction


class CropsParams(Section):
    """How faces are found and cut out."""

    detector: Literal["yunet", "hog"]
    detect_size: Positive
    min_score: Fraction
    min_face: Fraction
    min_face_pixels: Annotated[int, Field(ge=0)]
    min_track_fraction: Fraction
    margin: Annotated[float, Field(ge=1)]
    size: Positive
    jpeg_quality: Quality
    jpeg_chroma: Chroma
    max_no_face_fraction: Fraction


class IdentitiesParams(Section):
    """How people and content that occur more than once are recognised."""

    faces: bool
    datasets: list[DatasetName]
    faces_per_track: Positive
    threshold: Annotated[float, Field(gt=0)]
    near_duplicates: bool


class SplitParams(Section):
    """How groups of videos are divided into train, val and test."""

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
    def _check_shares(self) -> "SplitParams":
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError("train, val and test must add up to 1")
        return self

    @model_validator(mode="after")
    def _check_fold(self) -> "SplitParams":
        if self.fold >= self.folds:
            raise ValueError(f"fold must be 0 to {self.folds - 1}, since folds is {self.folds}")
        return self


class DomainParams(Section):
    """Data sets that are trained on together, and their share of the pairs."""

    datasets: Annotated[list[DatasetName], Field(min_length=1)]
    share: Annotated[float, Field(gt=0, le=1)]
    self_blended: Fraction


class TrainParams(Section):
    """How the network is trained."""

    init: str
    head: Literal["linear", "cosine"]
    image_size: Positive
    region: Annotated[float, Field(gt=0, le=1)]
    augmentation: Literal["none", "light", "strong"]
    colour: Fraction
    noise: Fraction
    resampling: Fraction
    recompression: Fraction
    share: Annotated[float, Field(gt=0, le=1)]
    epochs: Annotated[int, Field(ge=0)]
    batch_size: Positive
    pairs: Fraction
    self_blended: Fraction
    domains: dict[DatasetName, DomainParams]
    balance_methods: bool
    learning_rate: Annotated[float, Field(gt=0)]
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_fraction: Fraction
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)]
    ema: Annotated[float, Field(ge=0, lt=1)]
    precision: Literal["auto", "float32", "bfloat16"]
    processes: Positive
    seed: int

    @model_validator(mode="after")
    def _check_epochs(self) -> "TrainParams":
        if self.epochs == 0 and self.init != "starter":
            raise ValueError("epochs must not be 0 unless init is starter, which is used as it is")
        return self

    @model_validator(mode="after")
    def _check_domains(self) -> "TrainParams":
        if not self.domains:
            return self
        datasets = [name for domain in self.domains.values() for name in domain.datasets]
        twice = sorted({name for name in datasets if datasets.count(name) > 1})
        if twice:
            raise ValueError(f"domains: the data set {twice[0]} must be in one domain only")
        if abs(sum(domain.share for domain in self.domains.values()) - 1) > 1e-6:
            raise ValueError("domains: the values of share must add up to 1")
        if self.self_blended > 0:
            raise ValueError("self_blended must be 0 with domains, which have a value each")
        return self


class ScoreParams(Section):
    """How the scores of frames become the score of a video."""

    video_score: Literal["mean_logit", "mean_probability"]
    calibration: Literal["temperature", "platt"]
    min_frames: Positive
    mirror: bool


class EvaluateParams(Section):
    """Confidence intervals of the metrics, and which scores of videos git has."""

    max_groups: Annotated[int, Field(ge=0)]
    scores_in_git: Literal["names", "digests", "none"]
    seed: int


class RobustnessParams(Section):
    """Levels of the degradations, and how many videos and crops are scored at each."""

    levels: Annotated[list[Annotated[int, Field(ge=1, le=5)]], Field(min_length=1)]
    max_videos: Annotated[int, Field(ge=2)]
    crops_per_track: Positive
    seed: Annotated[int, Field(ge=0)]


class GateParams(Section):
    """What `deepfake gate` demands of the metrics of test videos. No stage tracks this section."""

    floors: dict[str, float]
    ceilings: dict[str, float]
    coverage_drop: Fraction


def _format_mapping(entries: list[Any]) -> str:
    """A list of data sets, as earlier versions had it, in YAML as the mapping that it must be."""
    lines = ["    dataset:"]
    for entry in entries:
        values = dict(entry) if isinstance(entry, dict) else {}
        lines.append(f"      {values.pop('name', 'NAME')}:")
        fields = values or {"root": "data/raw", "layout": "auto", "include": "*"}
        lines += [f"        {key}: {json.dumps(value)}" for key, value in fields.items()]
    return "\n".join(lines)


class Params(Section):
    """The whole of params.yaml, one field per section, and `numerics` (`base.numerics`)."""

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
    gate: GateParams
    numerics: Literal["machine", "anywhere"]

    @model_validator(mode="after")
    def _check_crop_size(self) -> "Params":
        if self.crops.size < self.train.image_size:
            raise ValueError("crops.size must not be smaller than train.image_size")
        return self

    @field_validator("dataset", mode="before")
    @classmethod
    def _check_dataset_is_mapping(cls, value: Any) -> Any:
        if isinstance(value, list):
            raise ValueError(
                f"must be a mapping from names to data sets, like this:\n{_format_mapping(value)}"
            )
        return value

    @model_validator(mode="after")
    def _check_domain_datasets(self) -> "Params":
        for name, domain in self.train.domains.items():
            unknown = sorted({*domain.datasets} - {*self.dataset})
            if unknown:
                raise ValueError(
                    f"train.domains.{name}.datasets names unknown data sets: {', '.join(unknown)}"
                )
        return self

    @model_validator(mode="after")
    def _check_identities_datasets(self) -> "Params":
        unknown = sorted({*self.identities.datasets} - {*self.dataset})
        if unknown:
            raise ValueError(f"identities.datasets names unknown data sets: {', '.join(unknown)}")
        return self

    @model_validator(mode="after")
    def _check_test_datasets(self) -> "Params":
        names = list(self.dataset)
        unknown = sorted({*self.split.test_datasets} - {*names})
        if unknown:
            raise ValueError(f"split.test_datasets names unknown data sets: {', '.join(unknown)}")
        if self.split.policy == "cross_dataset" and not 0 < len({*self.split.test_datasets}) < len(
            names
        ):
            raise ValueError(
                "split.policy cross_dataset needs some, not all, of the data sets in"
                " split.test_datasets"
            )
        return self
