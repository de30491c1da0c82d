"""Overlays: what an experiment changes in params.yaml.

An overlay is a file `experiments/NAME.yaml`. Its mappings are merged into params.yaml, and its
other values replace those of params.yaml. Its section `dataset` replaces the whole section, since
otherwise the demo would be part of every experiment. Its section `experiment` is not for the
pipeline: it says how the tables of the data sets are prepared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, model_validator

from deepfake.base.errors import DeepfakeError, ParamsError
from deepfake.params.loading import check_params, read_yaml
from deepfake.params.schema import Params, Section

OVERLAYS = Path("experiments")  # folder of the overlays, in the repository


class ExperimentError(DeepfakeError):
    """An experiment is unknown, cannot run, or would publish a file that must not be published."""


class Preparation(BaseModel):
    """The `experiment` section of an overlay: how the tables of its data sets are prepared.

    The importer lists each data set that is named here. The rows that are kept become a labels.csv,
    which the pipeline then reads with the layout csv.

    Attributes:
        keep: values of the videos that are kept, by data set and column.
        random_split: data sets in which each video gets a random `official_split`, with the shares
            and the seed of the section `split`, regardless of people and originals.
        model_of: a finished experiment, whose model is the `starter` of this one.
    """

    model_config = Section.model_config

    keep: dict[str, dict[str, list[str]]] = Field(default_factory=dict)
    random_split: list[str] = Field(default_factory=list)
    official_split: dict[str, str] = Field(default_factory=dict)
    model_of: str | None = None

    @property
    def datasets(self) -> set[str]:
        """Names of the data sets whose tables are prepared."""
        return {*self.keep, *self.random_split, *self.official_split}

    @model_validator(mode="after")
    def _check_one_split(self) -> "Preparation":
        both = sorted({*self.random_split} & {*self.official_split})
        if both:
            raise ValueError(f"random_split and official_split must not both name {both[0]}")
        return self


class ExperimentParams(Params):
    """params.yaml merged with an overlay; the pipeline does not see the section `experiment`."""

    experiment: Preparation | None = None


@dataclass(frozen=True)
class Experiment:
    """params.yaml merged with an overlay and settings.

    Attributes:
        content: as it is written to a params.yaml, without the section `experiment`.
        params: the same values, typed.
        preparation: how the tables of the data sets are prepared.
    """

    content: dict[str, Any]
    params: Params
    preparation: Preparation


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `base` with the values of `overlay`: mappings are merged, other values replaced.

    Example:
        >>> merge({"train": {"epochs": 6, "seed": 0}}, {"train": {"epochs": 12}})
        {'train': {'epochs': 12, 'seed': 0}}
    """
    merged = dict(base)
    for key, value in overlay.items():
        base_value = merged.get(key)
        if isinstance(base_value, Mapping) and isinstance(value, Mapping):
            value = merge(base_value, value)
        merged[key] = value
    return merged


def parse_setting(text: str) -> dict[str, Any]:
    """Turn the value of the option `--set` into an overlay.

    Raises:
        ParamsError: `text` is not KEY=VALUE, or the value is not YAML.

    Example:
        >>> parse_setting("train.epochs=12")
        {'train': {'epochs': 12}}
    """
    keys, equals, value = text.partition("=")
    if not equals or not all(keys.split(".")):
        raise ParamsError(f"--set {text}: must be KEY=VALUE, for example train.epochs=12")
    try:
        overlay = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ParamsError(f"--set {text}: {value!r} is not valid YAML") from error
    for key in reversed(keys.split(".")):
        overlay = {key: overlay}
    return dict(overlay)


def combine(
    base: Mapping[str, Any], overlay: Mapping[str, Any], settings: Sequence[str] = ()
) -> Experiment:
    """Merge params.yaml, an overlay and settings, and check the result.

    Args:
        base: content of params.yaml.
        overlay: content of an overlay.
        settings: texts such as "train.epochs=12"; they override the overlay, and later ones
            override earlier ones.

    Raises:
        ParamsError: the result has mistakes; names each key that is unknown, of another type or out
            of range.
    """
    merged = merge({**base, "dataset": {}} if "dataset" in overlay else base, overlay)
    for setting in settings:
        merged = merge(merged, parse_setting(setting))
    params = check_params(ExperimentParams, merged, "the experiment")
    preparation = params.experiment or Preparation()
    unknown = sorted(preparation.datasets - params.dataset.keys())
    if unknown:
        raise ParamsError(f"the section experiment names unknown data sets: {', '.join(unknown)}")
    merged.pop("experiment", None)
    return Experiment(merged, params, preparation)


def read_experiment(repository: Path, name: str | None, settings: Sequence[str] = ()) -> Experiment:
    """Read params.yaml and the overlay `name` of a checkout, and merge them with settings.

    Without a name, there is no overlay.

    Raises:
        ExperimentError: there is no such overlay.
        ParamsError: as `combine`, or a file is missing, not YAML or not a mapping.
    """
    if name is None:
        return combine(_read_mapping(repository / "params.yaml"), {}, settings)
    known = sorted(file.stem for file in (repository / OVERLAYS).glob("*.yaml"))
    if name not in known:
        choices = ", ".join(known) or "none; run this from the top folder of the repository"
        raise ExperimentError(f"unknown experiment {name!r}; {OVERLAYS}/ has: {choices}")
    base, overlay = repository / "params.yaml", repository / OVERLAYS / f"{name}.yaml"
    return combine(_read_mapping(base), _read_mapping(overlay), settings)


def _read_mapping(path: Path) -> dict[str, Any]:
    """Content of a YAML file; an empty file is an empty mapping."""
    content = read_yaml(path) or {}
    if not isinstance(content, dict):
        raise ParamsError(f"{path} is not a mapping: write sections and keys as in params.yaml")
    return content
