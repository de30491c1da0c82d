"""Tests of params/overlay.py, and of the overlays of the repository."""

import re
from pathlib import Path
from typing import Any

import pytest
from trees import tree

from deepfake.base.errors import ParamsError
from deepfake.params.overlay import ExperimentError, combine, merge, parse_setting, read_experiment

TOP = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (TOP / "experiments").glob("*.yaml"))


@pytest.mark.parametrize(
    ("base", "overlay", "merged"),
    [
        ({}, {}, {}),
        ({"a": 1}, {}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 5}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": {"x": 1}}, {"a": {"b": 1, "x": 1}}),
    ],
)
def test_mappings_are_merged_and_other_values_replaced(
    base: dict[str, Any], overlay: dict[str, Any], merged: dict[str, Any]
) -> None:
    before = repr((base, overlay))
    assert merge(base, overlay) == merged
    assert repr((base, overlay)) == before


@pytest.mark.parametrize(
    ("text", "overlay"),
    [
        ("train.epochs=12", {"train": {"epochs": 12}}),
        ("split.test_datasets=[a, b]", {"split": {"test_datasets": ["a", "b"]}}),
        ('frames.jpeg_chroma="yuv420"', {"frames": {"jpeg_chroma": "yuv420"}}),
        ("train.init=a=b", {"train": {"init": "a=b"}}),
    ],
)
def test_a_setting_is_an_overlay_of_one_value(text: str, overlay: dict[str, Any]) -> None:
    assert parse_setting(text) == overlay


@pytest.mark.parametrize("text", ["", "train.epochs", "=3", "train..epochs=3", "train.init=[1"])
def test_a_malformed_setting_is_reported(text: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(f"--set {text}")):
        parse_setting(text)


@pytest.mark.parametrize(
    ("overlay", "named"),
    [
        ({"train": {"epoch": 3}}, "train.epoch"),
        ({"trains": {"epochs": 3}}, "trains"),
        ({"train": {"epochs": "3"}}, "train.epochs"),
        ({"train": 3}, "train"),
        ({"crops": {"size": 32}}, "crops.size must not be smaller"),
        ({"experiment": {"kep": {}}}, "experiment.kep"),
        ({"experiment": {"random_split": ["other"]}}, "names unknown data sets: other"),
        ({"experiment": {"official_split": {"other": "train"}}}, "unknown data sets: other"),
        (
            {"experiment": {"random_split": ["demo"], "official_split": {"demo": "train"}}},
            "random_split and official_split must not both name demo",
        ),
        (
            {"experiment": {"keep": {"other": {"method": ["real"]}}}},
            "the section experiment names unknown data sets: other",
        ),
    ],
)
def test_a_mistake_in_an_overlay_is_reported(
    content: dict[str, Any], overlay: dict[str, Any], named: str
) -> None:
    with pytest.raises(ParamsError, match=re.escape(named)):
        combine(content, overlay)


def test_settings_override_the_overlay(content: dict[str, Any]) -> None:
    experiment = combine(content, {"train": {"epochs": 3}}, ["train.epochs=4", "train.epochs=5"])
    assert experiment.params.train.epochs == 5
    assert experiment.content["train"] == {**content["train"], "epochs": 5}
    assert "experiment" not in experiment.content


@pytest.mark.parametrize("name", ["nothing", "../params", ""])
def test_an_unknown_experiment_is_reported_with_the_known_ones(name: str) -> None:
    with pytest.raises(ExperimentError, match="dfdc_faces, dfdc_faces_random, ffpp_c23"):
        read_experiment(TOP, name)


@pytest.mark.parametrize("text", ["- train", "train", "train: ["])
def test_an_overlay_that_is_not_a_mapping_is_reported(tmp_path: Path, text: str) -> None:
    tree(tmp_path, files={"params.yaml": "{}", "experiments/mine.yaml": text})
    with pytest.raises(
        ParamsError, match=r"experiments/mine\.yaml is (not a mapping|not valid YAML)"
    ):
        read_experiment(tmp_path, "mine")


@pytest.mark.parametrize("name", NAMES)
def test_comments_of_an_overlay_agree_with_its_values(name: str) -> None:
    text = (TOP / f"experiments/{name}.yaml").read_text()
    head = text[: text.index("\n\n")]
    params = read_experiment(TOP, name).params
    datasets = list(params.dataset)
    roots = [dataset.root for dataset in params.dataset.values()]
    assert roots == [f"data/raw/{name}" for name in datasets]
    assert f"deepfake experiment {name} --data" in head
    assert re.findall(r"--data (\w+)=", head) == datasets
    for split, share in re.findall(r"\b(train|val|test) (\.\d+)", head):
        assert getattr(params.split, split) == float(share)
    for frames in re.findall(r"(\d+) frames per\s+#?\s*video", head):
        assert params.frames.per_video == int(frames)
    for other in re.findall(r"\b(\w+)\.yaml", head):
        assert (TOP / f"experiments/{other}.yaml").is_file()
    for page in re.findall(r"docs/[\w/]+\.md", head):
        assert (TOP / page).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_docs_have_the_command_and_numbers_of_every_experiment(name: str) -> None:
    page = (TOP / "docs/experiments.md").read_text()
    text = (TOP / f"experiments/{name}.yaml").read_text()
    head = text[: text.index("\n\n")]
    command = re.search(r"deepfake experiment \w+ (?:--data [^\n\\]+|\\\n#\s+)+", head)
    assert command
    assert re.sub(r"\s*\\\n#\s+", " ", command[0]).strip() in re.sub(r"\s*\\\n\s+", " ", page)
    assert set(re.findall(r"(?<!\d)\.\d{3}\b", head)) <= set(re.findall(r"(?<!\d)\.\d{3}\b", page))


def test_dfdc_faces_random_differs_from_dfdc_faces_in_the_split_only() -> None:
    apart = read_experiment(TOP, "dfdc_faces")
    random = read_experiment(TOP, "dfdc_faces_random")
    differing = {key for key in apart.content if apart.content[key] != random.content[key]}
    assert differing == {"split"}
    for key in ("train", "val", "test", "seed"):
        assert apart.content["split"][key] == random.content["split"][key]


def test_the_starter_tests_on_the_faces_of_dfdc_faces() -> None:
    """All other data is trained on by lists of the repository, in domains of its own."""
    found = read_experiment(TOP, "starter")
    lists = found.preparation.official_split
    assert lists.keys() == found.params.dataset.keys()
    assert lists.pop("dfdc_faces_more") == "train"
    for name, path in lists.items():
        first = (TOP / path).read_text().splitlines()[1]
        assert first.startswith(f"{name}/")
    domains = found.params.train.domains
    assert [name for one in domains.values() for name in one.datasets] == list(found.params.dataset)
    apart = read_experiment(TOP, "dfdc_faces")
    for section in ("crops", "frames"):
        assert found.content[section] == apart.content[section]
    assert found.params.identities.datasets == ["dfdc_faces", "dfdc_faces_more"]
    assert found.params.identities.threshold == apart.params.identities.threshold
