"""Tests of params/schema.py and params/loading.py: each mistake is reported with its key."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import execution
from dvc.utils.serialize import modify_yaml
from pydantic import BaseModel

from deepfake.base.errors import ParamsError
from deepfake.params import loading, schema

MISSING = object()


def load(folder: Path, content: Any) -> schema.Params:
    path = folder / "params.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return loading.load_params(path)


DATASET = {"root": "data/raw", "layout": "auto", "include": "*"}


def sections() -> list[type[BaseModel]]:
    return [schema.Params, *schema.Section.__subclasses__()]


def test_params_of_the_repository_load(repository: Path, content: dict[str, Any]) -> None:
    loaded = loading.load_params(repository / "params.yaml")
    assert loaded.model_dump(exclude_unset=True) == content


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_no_field_has_a_default(section: type[BaseModel]) -> None:
    """A default would be a value that DVC does not track. Most data sets have no slices."""
    assert section.model_fields
    optional = {"slices"} if section is schema.DatasetParams else set()
    assert {n for n, field in section.model_fields.items() if not field.is_required()} == optional


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("train.epochs", "8", "valid integer"),
        ("train.epochs", True, "valid integer"),
        ("train.epochs", 8.5, "valid integer"),
        ("train.epochs", None, "valid integer"),
        ("train.epochs", -1, "greater than or equal to 0"),
        ("train.epochs", MISSING, "required"),
        ("train.epohcs", 8, "not permitted"),
        ("train.learning_rate", "3e-4", "valid number"),  # YAML reads 3e-4 as text
        ("train.learning_rate", 0.0, "greater than 0"),
        ("train.learning_rate", float("nan"), "greater than 0"),
        ("train.label_smoothing", 0.5, "less than 0.5"),
        ("train.augmentation", "heavy", "'none', 'light' or 'strong'"),
        ("dataset", {}, "at least 1 item"),
        ("execution.workers", -1, "greater than or equal to 0"),
        ("frames.jpeg_quality", 101, "less than or equal to 100"),
        ("frames.max_failed_fraction", 1.1, "less than or equal to 1"),
        ("crops.detector", "mtcnn", "'yunet' or 'hog'"),
        ("crops.margin", 0.9, "greater than or equal to 1"),
        ("score.calibration", "isotonic", "'temperature' or 'platt'"),
        ("score.video_score", "median", "'mean_logit' or 'mean_probability'"),
        ("evaluate.max_groups", -1, "greater than or equal to 0"),
        ("split", MISSING, "required"),
        ("splits", {}, "not permitted"),
        ("split", None, "valid dictionary"),
    ],
)
def test_a_mistake_is_reported_with_its_key(
    tmp_path: Path, content: dict[str, Any], key: str, value: object, complaint: str
) -> None:
    *sections_above, name = key.split(".")
    values = content
    for section in sections_above:
        values = values[section]
    if value is MISSING:
        del values[name]
    else:
        values[name] = value
    with pytest.raises(ParamsError) as caught:
        load(tmp_path, content)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith(f"{tmp_path / 'params.yaml'} has mistakes (docs/upgrading.md ")
    assert len(lines) == 1
    assert lines[0].startswith(f"  {key}: ")
    assert complaint in lines[0]


def test_all_mistakes_are_reported_at_once(tmp_path: Path, content: dict[str, Any]) -> None:
    content["train"]["epochs"] = "8"
    del content["score"]
    with pytest.raises(ParamsError, match=r"(?s)train\.epochs: .*\n  score: "):
        load(tmp_path, content)


def test_shares_must_add_up_to_one(tmp_path: Path, content: dict[str, Any]) -> None:
    content["split"]["test"] = 0.3
    with pytest.raises(ParamsError, match=r"split: .*train, val and test must add up to 1"):
        load(tmp_path, content)


def test_crops_must_not_be_smaller_than_the_input_of_the_network(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    content["crops"]["size"] = 111
    with pytest.raises(
        ParamsError, match=r"crops\.size must not be smaller than train\.image_size"
    ):
        load(tmp_path, content)


def test_unknown_data_sets_of_identities_are_reported(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    content["identities"]["datasets"] = ["demo", "x"]
    with pytest.raises(ParamsError, match=r"identities\.datasets names unknown data sets: x"):
        load(tmp_path, content)


@pytest.mark.parametrize(
    ("domains", "self_blended", "complaint"),
    [
        ({"a": (["demo"], 0.5)}, 0.0, r"train: .*domains: the values of share must add up to 1"),
        ({"a": (["demo"], 0.5), "b": (["demo"], 0.5)}, 0.0, "data set demo must be in one domain"),
        ({"a": (["demo"], 1.0)}, 0.2, "self_blended must be 0 with domains"),
        ({"a": (["demo", "x"], 1.0)}, 0.0, r"train\.domains\.a\.datasets names unknown .*: x"),
        ({"a": ([], 1.0)}, 0.0, r"train\.domains\.a\.datasets: .*at least 1 item"),
        ({"a.b": (["demo"], 1.0)}, 0.0, "should match pattern"),
    ],
)
def test_a_mistake_in_the_domains_is_reported(
    tmp_path: Path,
    content: dict[str, Any],
    domains: dict[str, tuple[list[str], float]],
    self_blended: float,
    complaint: str,
) -> None:
    content["train"]["self_blended"] = self_blended
    content["train"]["domains"] = {
        name: {"datasets": datasets, "share": share, "self_blended": 0.0}
        for name, (datasets, share) in domains.items()
    }
    with pytest.raises(ParamsError, match=complaint):
        load(tmp_path, content)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "params: Input should be a valid dictionary"),
        ("- 1", "params: Input should be a valid dictionary"),
        ("train: [", "is not valid YAML"),
        ("train:\n\tepochs: 8", "is not valid YAML"),
    ],
)
def test_a_file_without_params_is_reported(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml") as caught:
        load(tmp_path, text)
    assert complaint in str(caught.value)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml is missing: run this from"):
        loading.load_params(tmp_path / "params.yaml")


def test_values_cannot_be_changed(repository: Path) -> None:
    loaded = loading.load_params(repository / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        loaded.train.epochs = 9  # type: ignore[misc]


@pytest.mark.parametrize(("workers", "expected"), [(3, 3), (0, 5)])
def test_worker_count(monkeypatch: pytest.MonkeyPatch, workers: int, expected: int) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(5)), raising=False)
    assert execution(workers).worker_count == expected


@pytest.mark.parametrize(
    ("section", "change", "complaint"),
    [
        ("dataset", {"a/b": DATASET}, "match pattern"),
        ("dataset", {"a.b": DATASET}, "match pattern"),
        ("dataset", {"": DATASET}, "match pattern"),
        ("dataset", {1: DATASET}, r"dataset\.1\.\[key\]: Input should be a valid string"),
        ("dataset", {"a": {**DATASET, "root": "a${b}"}}, r"a\.root: .*must not contain \$\{"),
        ("split", {"test_datasets": ["other"]}, "names unknown data sets: other"),
        ("split", {"policy": "cross_dataset"}, "needs some, not all, of the data sets"),
        ("split", {"fold": 5}, "fold must be 0 to 4"),
    ],
)
def test_a_contradiction_is_reported(
    tmp_path: Path, content: dict[str, Any], section: str, change: Any, complaint: str
) -> None:
    content[section] = {**content[section], **change} if isinstance(change, dict) else change
    with pytest.raises(ParamsError, match=complaint):
        load(tmp_path, content)


def test_only_the_starter_needs_no_training(tmp_path: Path, content: dict[str, Any]) -> None:
    content["train"] |= {"epochs": 0, "init": "starter"}
    assert load(tmp_path, content).train.epochs == 0
    content["train"] |= {"init": "imagenet"}
    with pytest.raises(ParamsError, match=r"train: .* epochs must not be 0 unless init is starter"):
        load(tmp_path, content)


def test_a_list_of_data_sets_is_reported_with_the_mapping_that_it_must_be(
    tmp_path: Path, content: dict[str, Any]
) -> None:
    old = [{"name": "a", **DATASET}, {"name": "b", **DATASET, "root": "x y"}]
    with pytest.raises(ParamsError) as caught:
        load(tmp_path, {**content, "dataset": old})
    shown = str(caught.value).partition("like this:\n")[2]
    assert yaml.safe_load(shown) == {"dataset": {"a": DATASET, "b": {**DATASET, "root": "x y"}}}
    assert load(tmp_path, {**content, **yaml.safe_load(shown)}).dataset["b"].root == "x y"


@pytest.mark.parametrize("root", ["we$ird", "a `b`", 'say "x"', "it's", "$(x)", "sp ace", "$HOME"])
def test_a_root_may_have_characters_that_a_shell_would_interpret(
    tmp_path: Path, content: dict[str, Any], root: str
) -> None:
    loaded = load(tmp_path, {**content, "dataset": {"a": {**DATASET, "root": root}}})
    assert loaded.dataset["a"].root == root


def values(content: Any) -> list[Any]:
    """All values in nested mappings and lists, keys included."""
    if isinstance(content, dict):
        return [one for pair in content.items() for part in pair for one in values(part)]
    return (
        [one for part in content for one in values(part)]
        if isinstance(content, list)
        else [content]
    )


def test_no_value_changes_when_its_quotes_go(repository: Path) -> None:
    """`dvc exp run -S` writes params.yaml without quotes; DVC and we read it by different rules."""
    text = (repository / "params.yaml").read_text()
    for value in values(yaml.safe_load(text)):
        if isinstance(value, str) and value != "*":  # which is written with quotes
            assert yaml.safe_load(value) == value


def test_params_survive_the_writer_of_dvc(
    repository: Path, tmp_path: Path, content: dict[str, Any]
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text((repository / "params.yaml").read_text())
    with modify_yaml(str(path)) as written:
        written["train"]["epochs"] = 12
    content["train"]["epochs"] = 12
    assert loading.load_params(path).model_dump(exclude_unset=True) == content
