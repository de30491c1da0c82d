"""Overlays: what an experiment changes of params.yaml, and what the two come to.

An overlay is a file `experiments/NAME.yaml`. Its mappings are merged into params.yaml and anything
else replaces what is there; its section `dataset`, too, since merged, the demo would be part of every
experiment. One section, `experiment`, is not for the pipeline: it says how the tables
of the data sets are prepared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field

from deepfake.base.errors import DeepfakeError, ParamsError
from deepfake.params.loading import checked, read_yaml
from deepfake.params.schema import Params, Section

OVERLAYS = Path("experiments")


class ExperimentError(DeepfakeError):
    """An experiment is unknown, lacks its data, or would publish what it must not."""


class Preparation(BaseModel):
    """The `experiment` section of an overlay: what is done to the tables of its data sets.

    A data set named here is listed by its importer, and what is left of the list becomes a
    labels.csv, which the pipeline then reads with the layout csv.

    Attributes:
        keep: by data set and column of the list, the values whose videos take part.
        random_split: data sets of which every video gets an `official_split` at random, by the
            shares and the seed of the split section, blind to people and originals.
        model_of: an experiment that was run; its model is `starter` in this one.
    """

    model_config = Section.model_config

    keep: dict[str, dict[str, list[str]]] = Field(default_factory=dict)
    random_split: list[str] = Field(default_factory=list)
    model_of: str | None = None

    @property
    def datasets(self) -> set[str]:
        """The data sets that get a table."""
        return {*self.keep, *self.random_split}


class ExperimentParams(Params):
    """params.yaml with an overlay, whose section `experiment` the pipeline does not get to see."""

    experiment: Preparation | None = None


@dataclass(frozen=True)
class Experiment:
    """What params.yaml, an overlay and settings come to.

    Attributes:
        content: as it is written to a params.yaml.
        params: the same, typed.
        preparation: of its tables.
    """

    content: dict[str, Any]
    params: Params
    preparation: Preparation


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `overlay` says: mappings are merged, anything else is replaced.

    Example:
        >>> merge({"train": {"epochs": 6, "seed": 0}}, {"train": {"epochs": 12}})
        {'train': {'epochs': 12, 'seed': 0}}
    """
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merge(old, value)
        merged[key] = value
    return merged


def parse_setting(text: str) -> dict[str, Any]:
    """An overlay of one value.

    Raises:
        ParamsError: it is not like KEY=VALUE, or the value is not YAML.

    Example:
        >>> parse_setting("train.epochs=12")
        {'train': {'epochs': 12}}
    """
    keys, equals, value = text.partition("=")
    if not equals or not all(keys.split(".")):
        raise ParamsError(f"--set {text}: write it like train.epochs=12")
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
    """The params of an experiment, checked.

    Args:
        base: content of params.yaml.
        overlay: content of an overlay.
        settings: like "train.epochs=12"; they have the last word.

    Raises:
        ParamsError: naming each key that is unknown, of another type or out of range.
    """
    merged = merge({**base, "dataset": {}} if "dataset" in overlay else base, overlay)
    for setting in settings:
        merged = merge(merged, parse_setting(setting))
    params = checked(ExperimentParams, merged, "the experiment")
    preparation = params.experiment or Preparation()
    unknown = sorted(preparation.datasets - params.dataset.keys())
    if unknown:
        raise ParamsError(f"experiment: no data set is called {', '.join(unknown)}")
    merged.pop("experiment", None)
    return Experiment(merged, params, preparation)


def read_experiment(repository: Path, name: str, settings: Sequence[str] = ()) -> Experiment:
    """The checkout's params.yaml with the overlay called `name` and settings.

    Raises:
        ExperimentError: there is no such overlay.
        ParamsError: as `combine`; or a file is missing, not YAML or no mapping.
    """
    known = sorted(file.stem for file in (repository / OVERLAYS).glob("*.yaml"))
    if name not in known:
        there = ", ".join(known) or "none, as this is not the repository's top"
        raise ExperimentError(f"no experiment is called {name}; in {OVERLAYS}/ there are: {there}")
    base, overlay = repository / "params.yaml", repository / OVERLAYS / f"{name}.yaml"
    return combine(_mapping(base), _mapping(overlay), settings)


def _mapping(path: Path) -> dict[str, Any]:
    """Content of a YAML file; an empty one changes nothing."""
    content = read_yaml(path) or {}
    if not isinstance(content, dict):
        raise ParamsError(f"{path} is no mapping: write it like params.yaml")
    return content
