"""Experiments: overlays, links to data, what is copied; and a run that is killed and goes on."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from trees import tree

from deepfake import experiment as experiments
from deepfake import model
from deepfake.calibration import Calibration
from deepfake.datasets import csv_file
from deepfake.errors import ManifestError, ModelError, ParamsError
from deepfake.experiment import ExperimentError, combine, merge
from deepfake.params import Params
from deepfake.tables import read_csv

TOP = Path(__file__).resolve().parents[1]
NAMES = sorted(path.stem for path in (TOP / "experiments").glob("*.yaml"))
PEOPLE = [f"orl{number:02d}" for number in range(1, 9)]  # four closed pairs
SMALL: dict[str, Any] = {
    "dataset": [{"name": "mine", "root": "data/raw/mine", "layout": "csv", "include": "*"}],
    "frames": {"per_video": 2},
    "crops": {"size": 48, "detect_size": 320},
    "identities": {"faces": False, "near_duplicates": False},
    "split": {"train": 0.5, "val": 0.25, "test": 0.25},
    "train": {"init": "random", "image_size": 32, "epochs": 1, "batch_size": 8},
    "evaluate": {"bootstrap": 20},
}

TESTED: dict[str, Any] = {  # the model of "small", as it is, on all videos
    "experiment": {"model_of": "small"},
    "split": {"train": 0.0, "val": 0.0, "test": 1.0},
    "train": {"init": "starter", "epochs": 0},
}


@pytest.fixture(scope="module")
def base() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((TOP / "params.yaml").read_text())
    return content


def git(folder: Path, *command: str) -> None:
    subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("old", "new", "merged"),
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
def test_mappings_are_merged_and_anything_else_replaced(
    old: dict[str, Any], new: dict[str, Any], merged: dict[str, Any]
) -> None:
    before = repr((old, new))
    assert merge(old, new) == merged
    assert repr((old, new)) == before


@pytest.mark.parametrize(
    ("text", "overlay"),
    [
        ("train.epochs=12", {"train": {"epochs": 12}}),
        ("split.test_datasets=[a, b]", {"split": {"test_datasets": ["a", "b"]}}),
        ('frames.jpeg_chroma="4:2:0"', {"frames": {"jpeg_chroma": "4:2:0"}}),
        ("train.init=a=b", {"train": {"init": "a=b"}}),
    ],
)
def test_a_setting_is_an_overlay_of_one_value(text: str, overlay: dict[str, Any]) -> None:
    assert experiments.parse_setting(text) == overlay


@pytest.mark.parametrize("text", ["", "train.epochs", "=3", "train..epochs=3", "train.init=[1"])
def test_a_setting_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(f"--set {text}")):
        experiments.parse_setting(text)


@pytest.mark.parametrize(
    ("overlay", "named"),
    [
        ({"train": {"epoch": 3}}, "train.epoch"),
        ({"trains": {"epochs": 3}}, "trains"),
        ({"train": {"epochs": "3"}}, "train.epochs"),
        ({"train": 3}, "train"),
        ({"crops": {"size": 32}}, "crops.size must not be smaller"),
        ({"experiment": {"kep": {}}}, "experiment.kep"),
        ({"experiment": {"random_split": ["other"]}}, "no data set is called other"),
        ({"experiment": {"keep": {"other": {"method": ["real"]}}}}, "no data set is called other"),
    ],
)
def test_a_mistake_in_an_overlay_is_named(
    base: dict[str, Any], overlay: dict[str, Any], named: str
) -> None:
    with pytest.raises(ParamsError, match=re.escape(named)):
        combine(base, overlay)


def test_settings_have_the_last_word(base: dict[str, Any]) -> None:
    found = combine(base, {"train": {"epochs": 3}}, ["train.epochs=4", "train.epochs=5"])
    assert found.params.train.epochs == 5
    assert found.content["train"] == {**base["train"], "epochs": 5}
    assert "experiment" not in found.content


@pytest.mark.parametrize("name", ["nothing", "../params", ""])
def test_an_unknown_experiment_lists_those_there_are(name: str) -> None:
    with pytest.raises(ExperimentError, match="dfdc_faces, dfdc_faces_random, ffpp_c23"):
        experiments.read_experiment(TOP, name)


@pytest.mark.parametrize("name", NAMES)
def test_the_comments_of_an_overlay_agree_with_its_values(name: str) -> None:
    text = (TOP / f"experiments/{name}.yaml").read_text()
    head = text[: text.index("\n\n")]
    found = experiments.read_experiment(TOP, name)
    datasets = [dataset.name for dataset in found.params.dataset]
    assert [dataset.root for dataset in found.params.dataset] == [f"data/raw/{n}" for n in datasets]
    assert f"deepfake experiment {name} --data" in head
    assert re.findall(r"--data (\w+)=", head) == datasets
    for split, share in re.findall(r"\b(train|val|test) (\.\d+)", head):
        assert getattr(found.params.split, split) == float(share)
    for frames in re.findall(r"(\d+) frames per\s+#?\s*video", head):
        assert found.params.frames.per_video == int(frames)
    for other in re.findall(r"\b(\w+)\.yaml", head):
        assert (TOP / f"experiments/{other}.yaml").is_file()
    for page in re.findall(r"docs/[\w/]+\.md", head):
        assert (TOP / page).is_file()


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_every_experiment_with_its_command_and_numbers(name: str) -> None:
    page = (TOP / "docs/experiments.md").read_text()
    text = (TOP / f"experiments/{name}.yaml").read_text()
    head = text[: text.index("\n\n")]
    command = re.search(r"deepfake experiment \w+ (?:--data [^\n\\]+|\\\n#\s+)+", head)
    assert command
    assert re.sub(r"\s*\\\n#\s+", " ", command[0]).strip() in re.sub(r"\s*\\\n\s+", " ", page)
    assert set(re.findall(r"(?<!\d)\.\d{3}\b", head)) <= set(re.findall(r"(?<!\d)\.\d{3}\b", page))


def test_the_random_split_differs_from_the_other_in_nothing_else() -> None:
    apart = experiments.read_experiment(TOP, "dfdc_faces")
    random = experiments.read_experiment(TOP, "dfdc_faces_random")
    differing = {key for key in apart.content if apart.content[key] != random.content[key]}
    assert differing == {"split"}
    for key in ("train", "val", "test", "seed"):
        assert apart.content["split"][key] == random.content["split"][key]


def test_what_the_pipeline_needs_is_copied() -> None:
    stages = yaml.safe_load((TOP / "dvc.yaml").read_text())["stages"]
    bodies = [stage.get("do", stage) for stage in stages.values()]
    made = {
        next(iter(out)) if isinstance(out, dict) else out
        for body in bodies
        for kind in ("outs", "metrics", "plots")
        for out in body.get(kind, [])
    }
    deps = {dep for body in bodies for dep in body["deps"] if not dep.startswith(("data/", "${"))}
    tops = {
        dep for dep in deps - made if not any(Path(dep).is_relative_to(c) for c in experiments.CODE)
    }
    assert tops == set(), "add it to CODE"


def test_no_picture_of_faces_is_for_git() -> None:
    stages = yaml.safe_load((TOP / "dvc.yaml").read_text())["stages"]
    names = list(experiments._for_git(stages))
    assert "metrics/evaluate.json" in names
    assert "plots/evaluation.png" in names
    assert [name for name in names if "faces" in name] == []


def experiment(base: dict[str, Any], *names: str, **section: Any) -> experiments.Experiment:
    """An experiment on data sets of those names."""
    datasets = [{"name": n, "root": "x", "layout": "auto", "include": "*"} for n in names]
    return combine(base, {"dataset": datasets, "experiment": section})


def test_folders_of_data_are_remembered(base: dict[str, Any], tmp_path: Path) -> None:
    two = experiment(base, "a", "b")
    tree(tmp_path, "here/", "there/", "folder/")
    here, there, folder = tmp_path / "here", tmp_path / "there", tmp_path / "folder"
    with pytest.raises(ExperimentError, match="add --data b=/path/to"):
        experiments.find_roots(folder, two, {"a": here})
    given = {"a": here, "b": there}
    assert experiments.find_roots(folder, two, given) == given
    assert experiments.find_roots(folder, two, {}) == given
    assert experiments.find_roots(folder, two, {"b": here}) == {"a": here, "b": here}
    here.rmdir()
    with pytest.raises(ExperimentError, match=r"here is not a folder: .* --data a="):
        experiments.find_roots(folder, two, {})


def test_data_for_no_data_set_is_an_error(base: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"--data x=\.\.\.: .* no such data set, but a, b"):
        experiments.find_roots(tmp_path, experiment(base, "a", "b"), {"x": tmp_path})


def test_a_data_set_whose_link_would_be_elsewhere_is_an_error(
    base: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ExperimentError, match=r"must not be called \.\."):
        experiments.find_roots(tmp_path, experiment(base, ".."), {"..": tmp_path})


@pytest.mark.parametrize("text", ["", "a", "a=", "=b"])
def test_data_that_is_not_a_name_and_a_path_is_an_error(text: str) -> None:
    with pytest.raises(ExperimentError, match="write NAME=/path"):
        experiments.parse_data([text])
    with pytest.raises(ExperimentError, match="each name once"):
        experiments.parse_data(["a=b", "a=c"])
    assert experiments.parse_data(["a=b=c"]) == {"a": Path("b=c")}


def test_a_random_split_has_the_shares_asked_for_and_depends_on_the_seed() -> None:
    shares = {"train": 0.6, "val": 0.15, "test": 0.25}
    chosen = experiments.random_split(1000, shares, 0)
    assert {name: chosen.count(name) for name in shares} == {"train": 600, "val": 150, "test": 250}
    assert chosen == experiments.random_split(1000, shares, 0)
    assert chosen != experiments.random_split(1000, shares, 1)
    assert experiments.random_split(0, shares, 0) == []


FFPP = (
    *(f"original_sequences/youtube/c23/videos/{n}.mp4" for n in ("000", "003", "005", "006")),
    "original_sequences/youtube/c40/videos/000.mp4",
    "original_sequences/actors/c23/videos/01__talking.mp4",
    *(
        f"manipulated_sequences/{method}/c23/videos/000_003.mp4"
        for method in ("FaceSwap", "FaceShifter")
    ),
    "manipulated_sequences/FaceSwap/c23/videos/005_006.mp4",
)
LISTS = {
    "train.json": '[["000", "003"]]',
    "val.json": "[]",
    "test.json": '[["005", "006"]]',
    "conversion_dict.json": '{"000": "a 0", "003": "b 0", "005": "c 0", "006": "d 0"}',
}


def test_the_zero_shot_overlays_take_train_of_one_and_the_listed_test_of_the_other(
    tmp_path: Path,
) -> None:
    found = experiments.read_experiment(TOP, "celebdf")
    celebdf = ("Celeb-real/id0_0000.mp4", "Celeb-real/id1_0000.mp4")
    listed = {"List_of_testing_videos.txt": "1 Celeb-real/id1_0000.mp4\n"}
    roots = {
        "ffpp": tree(tmp_path / "ffpp", *FFPP, files=LISTS),
        "celebdf": tree(tmp_path / "celebdf", *celebdf, files=listed),
    }
    content = experiments.link_data(tmp_path / "work", found, roots)
    assert [entry["layout"] for entry in content["dataset"]] == ["csv", "csv"]
    ffpp = csv_file.listing(tmp_path / "work/data/raw/ffpp").rows
    original = "original_sequences/youtube/c23/videos/000.mp4"
    fake = "manipulated_sequences/FaceSwap/c23/videos/000_003.mp4"
    assert ffpp["path"].tolist() == [fake, original, original.replace("000", "003")]
    assert ffpp.loc[0].tolist() == [
        *(fake, 1, "FaceSwap", "c23", "ffpp:000", "ffpp:003", original, "train")
    ]
    assert (tmp_path / "work/data/raw/ffpp" / fake).read_text() == fake
    test = csv_file.listing(tmp_path / "work/data/raw/celebdf").rows
    assert test[["path", "official_split"]].values.tolist() == [["Celeb-real/id1_0000.mp4", "test"]]


def test_a_data_set_without_its_lists_is_an_error(tmp_path: Path) -> None:
    root = tree(tmp_path / "ffpp", *FFPP)
    found = experiments.read_experiment(TOP, "ffpp_c23")
    with pytest.raises(ExperimentError, match=r"keeps nothing of .*ffpp: is it complete"):
        experiments.prepared_table(found, "ffpp", "faceforensics", root)
    with pytest.raises(ManifestError, match="is like none that is known"):
        experiments.prepared_table(found, "ffpp", "auto", tree(tmp_path / "empty", "x/"))


def test_an_unknown_column_is_an_error(base: dict[str, Any], tmp_path: Path) -> None:
    found = experiment(base, "mine", keep={"mine": {"colour": ["red"]}})
    with pytest.raises(ExperimentError, match=r"keep\.mine: no column is called colour"):
        experiments.prepared_table(
            found, "mine", "auto", tree(tmp_path, "real/a.mp4", "fake/b.mp4")
        )


def test_links_are_replaced_and_the_data_stays(base: dict[str, Any], tmp_path: Path) -> None:
    table = {"labels.csv": "path,label\nreal/a.mp4,0\nframes/b,1\n"}
    root = tree(tmp_path / "root", "real/a.mp4", "frames/b/0.png", files=table)
    work = tmp_path / "work"
    place = work / "data/raw/mine"
    plain, random = experiment(base, "mine"), experiment(base, "mine", random_split=["mine"])
    before = sorted(root.rglob("*"))
    for one in (plain, random, random, plain, plain):
        content = experiments.link_data(work, one, {"mine": root})
        assert content["dataset"][0]["root"] == "data/raw/mine"
        assert place.is_symlink() == (one is plain)
        assert (place / "real/a.mp4").read_text() == "real/a.mp4"
        links = [path for path in place.rglob("*") if path.is_symlink()]
        assert not any(link.is_dir() for link in links), "DVC would not look through"
        assert set(csv_file.listing(place).rows["path"]) == {"real/a.mp4", "frames/b"}
        assert sorted(root.rglob("*")) == before
    assert (root / "labels.csv").read_text() == table["labels.csv"]


def test_the_code_is_that_of_the_checkout(tmp_path: Path) -> None:
    work = tmp_path / "work"
    top = tree(tmp_path / "top", "deepfake/a.py", "deepfake/b.py", "stages/c.py", "tests/d.py")
    tree(top, "dvc.yaml", "data/e", "params.yaml", files={".gitignore": "*.log\n"})
    with pytest.raises(ExperimentError, match="git cannot list the code"):
        experiments.copy_code(top, work)
    git(top, "init", "--quiet")
    git(top, "add", "deepfake/a.py", "stages")
    tree(top, "deepfake/noise.log")
    tree(work, "data/frames/x.tar", "dvc.lock", "deepfake/old.py", "models/model.json")
    experiments.copy_code(top, work)
    kept = {"data/frames/x.tar", "dvc.lock", "models/model.json"}
    code = {"deepfake/a.py", "deepfake/b.py", "stages/c.py", "dvc.yaml"}
    assert files(work) == kept | code
    unchanged = (work / "stages/c.py").stat().st_mtime_ns
    (top / "deepfake/a.py").unlink()
    (top / "deepfake/b.py").write_text("edited")
    experiments.copy_code(top, work)
    assert files(work) == kept | code - {"deepfake/a.py"}
    assert (work / "deepfake/b.py").read_text() == "edited"
    assert (work / "stages/c.py").stat().st_mtime_ns == unchanged


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("content", "stays"),
    [("schema: '2.0'\nstages: {}\n", True), ("", False), ("schema: '2", False), ("sch", False)],
)
def test_a_lock_file_that_was_cut_short_is_made_anew(
    tmp_path: Path, content: str, stays: bool
) -> None:
    folder = tree(tmp_path / "one", files={"dvc.lock": content, ".dvc/tmp/rwlock": content})
    experiments.set_up_dvc(folder)
    experiments.set_up_dvc(folder)
    assert (folder / "dvc.lock").is_file() == stays
    assert not (folder / ".dvc/tmp/rwlock").exists()
    assert (folder / ".scratch/videos").resolve() == tmp_path / "videos"


FINISHED = {
    "dvc.yaml": """stages:
  a: {outs: [secret.csv], metrics: [{metrics/m.json: {cache: false}}]}
  b: {plots: [plots/faces.png, {plots/p.tsv: {cache: false, x: a}}, {plots/q.png: {x: a}}]}
""",
    "params.yaml": "dataset: [{root: data/raw/mine}]\n",
    "metrics/m.json": "{}\n",
    "plots/p.tsv": "a\tb\n",
    "models/model.json": "{}\n",
    **dict.fromkeys(["plots/faces.png", "plots/q.png", "secret.csv", "metrics/old.json"], "x"),
}


def test_only_what_is_for_git_is_copied(tmp_path: Path) -> None:
    folder = tree(tmp_path / "work", files=FINISHED)
    results = tree(tmp_path / "results", "plots/stale.tsv")
    copied = experiments.publish(folder, results, [tmp_path, Path("/")])
    assert files(results) == {"metrics/m.json", "plots/p.tsv", "models/model.json", "params.yaml"}
    assert files(results) == {path.as_posix() for path in copied}


def test_a_path_of_this_machine_is_not_copied(tmp_path: Path) -> None:
    folder = tree(tmp_path / "work", files=FINISHED)
    results = tree(tmp_path / "results", "plots/stale.tsv")
    (folder / "plots/p.tsv").write_text("at\t/srv/data/a.mp4\n")
    with pytest.raises(ExperimentError, match=r"plots/p\.tsv names /srv/data"):
        experiments.publish(folder, results, [Path("/srv/data")])
    assert files(results) == {"plots/stale.tsv"}
    experiments.publish(folder, results, [Path("/data"), Path("/srv/dat"), Path("/srv/data/b")])


@pytest.mark.parametrize(("name", "size"), [("plots/p.tsv", 3_000_000), ("metrics/m.tar", 1)])
def test_what_is_large_or_neither_text_nor_picture_is_not_copied(
    tmp_path: Path, name: str, size: int
) -> None:
    folder = tree(tmp_path / "work", files={**FINISHED, name: "x" * size})
    stages = (folder / "dvc.yaml").read_text().replace("metrics/m.json", "metrics/m.tar")
    (folder / "dvc.yaml").write_text(stages if name.endswith(".tar") else FINISHED["dvc.yaml"])
    with pytest.raises(ExperimentError, match="no small text or picture"):
        experiments.publish(folder, tmp_path / "results", [])


@pytest.mark.parametrize("name", ["cache", "videos", "../other", ".hidden", ""])
def test_a_run_must_have_a_name_for_a_folder(name: str) -> None:
    with pytest.raises(ExperimentError, match="must not be called"):
        experiments.check_name(name)


def test_an_experiment_must_not_be_called_like_the_shared_folders(tmp_path: Path) -> None:
    params = (TOP / "params.yaml").read_text()
    tree(tmp_path, files={"params.yaml": params, "experiments/cache.yaml": "{}"})
    with pytest.raises(ExperimentError, match="give it another name"):
        experiments.run_experiment(tmp_path, "cache", {})


def test_the_model_of_a_run_that_has_none(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="the experiment other has no model yet"):
        experiments.copy_model(tmp_path / "mine", "other")
    experiments.copy_model(tmp_path / "mine", None)
    assert list(tmp_path.iterdir()) == []


def test_a_shipped_model_is_half_as_large_and_says_the_same(tmp_path: Path, params: Params) -> None:
    with pytest.raises(ModelError, match="no model in"):
        experiments.ship_model(tmp_path, "mine")
    torch.manual_seed(0)
    network, folder = (
        model.build_model("random").eval(),
        tmp_path / experiments.WORK / "mine/models",
    )
    card = model.make_card(params, Calibration(1.5, 0.25), best_epoch=3)
    model.save_model(folder, network.state_dict(), card)
    starter = tmp_path / experiments.ship_model(tmp_path, "mine")
    sizes = [(place / "model.safetensors").stat().st_size for place in (starter, folder)]
    assert sizes[0] == pytest.approx(sizes[1] / 2, rel=0.01)
    shipped, its_card = model.load_model(starter)
    assert its_card == card
    crops = torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(shipped(crops), network(crops), atol=2e-3, rtol=0)


def test_a_second_run_of_the_same_experiment_is_refused(tmp_path: Path) -> None:
    with (
        experiments._alone(tmp_path),
        pytest.raises(ExperimentError, match="is running already"),
        experiments._alone(tmp_path),
    ):
        pass
    with experiments._alone(tmp_path):
        pass


@pytest.fixture(scope="module")
def checkout(demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with two small experiments, and data of eight people beside it."""
    folder = tmp_path_factory.mktemp("checkout") / "project"
    for name in ("deepfake", "stages"):
        shutil.copytree(TOP / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(TOP / name, folder / name)
    overlays = {
        "small": SMALL,
        "longer": merge(SMALL, {"train": {"learning_rate": 0.01}}),
        "tested": merge(SMALL, TESTED),
    }
    texts = {f"experiments/{name}.yaml": yaml.safe_dump(one) for name, one in overlays.items()}
    for name in ("pretrained", "starter"):
        texts[f"models/{name}/README.md"] = "no weights needed here\n"
    tree(folder, files=texts)
    git(folder, "init", "--quiet")
    labels = read_csv(demo_root / "labels.csv")
    chosen = labels[labels["target"].isin(PEOPLE)]
    for path in chosen["path"]:
        (folder.parent / "data" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(demo_root / path, folder.parent / "data" / path)
    chosen.to_csv(folder.parent / "data/labels.csv", index=False)
    return folder


RUN = """
import sys
from pathlib import Path
from deepfake.experiment import parse_data, run_experiment
name, stage, *data = sys.argv[1:]
sys.exit(run_experiment(Path(), name, parse_data(data), stage=stage or None))
"""


def start(checkout: Path, name: str, *data: str, stage: str = "") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", RUN, name, stage, *data],
        cwd=checkout,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def test_a_killed_run_goes_on_and_another_experiment_shares_what_it_found(checkout: Path) -> None:
    work, results = checkout / ".scratch/experiments", checkout / "experiments/results"
    running = start(checkout, "small", f"mine={checkout.parent / 'data'}")
    deadline = time.monotonic() + 120
    while not list((work / "videos").glob("*/*/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    remembered = {path: path.stat().st_mtime_ns for path in (work / "videos").glob("*/*/*")}
    assert remembered
    assert not results.exists()

    output, _ = start(checkout, "small").communicate()
    assert "files of results are in experiments/results/small" in output, output
    assert "Running stage 'scan@0'" not in output
    assert {path: path.stat().st_mtime_ns for path in remembered} == remembered
    assert {"metrics/evaluate.json", "models/model.json", "params.yaml"} <= files(results / "small")
    texts = [path.read_bytes() for path in (results / "small").rglob("*") if path.is_file()]
    assert not any(str(checkout.parent).encode() in text for text in texts)

    output, _ = start(checkout, "small").communicate()
    assert "Running stage" not in output, output
    data = f"mine={checkout.parent / 'data'}"
    output, _ = start(checkout, "longer", data, stage="split").communicate()
    assert "Running stage" not in output, output
    assert set(re.findall(r"Stage '([\w@]+)' is cached", output)) >= {"frames", "crops", "split"}
    assert not (results / "longer").exists()
    git(checkout, "add", "--all")
    listed = subprocess.run(["git", "ls-files"], cwd=checkout, capture_output=True, text=True)
    assert ".scratch" not in listed.stdout


def test_a_model_is_tested_on_other_data_without_training(checkout: Path) -> None:
    """After the test before, which has trained it. Every video is test, and none is val."""
    running = start(checkout, "tested", f"mine={checkout.parent / 'data'}")
    output, _ = running.communicate()
    assert running.returncode == 0, output
    small, tested = (checkout / ".scratch/experiments" / name for name in ("small", "tested"))
    for name in ("model.safetensors", "model.json"):
        assert (tested / "models" / name).read_bytes() == (small / "models" / name).read_bytes()
    metrics = json.loads((tested / "metrics/evaluate.json").read_text())
    assert list(metrics) == ["test"]
    labels = read_csv(checkout.parent / "data/labels.csv")
    assert metrics["test"]["coverage"]["videos"] == len(labels)
    assert json.loads((tested / "metrics/train.json").read_text()).keys() == {
        "temperature",
        "threshold",
    }


def test_a_stage_that_fails_keeps_dvc_s_exit_code_and_copies_nothing(checkout: Path) -> None:
    (checkout.parent / "empty").mkdir()
    running = start(checkout, "longer", f"mine={checkout.parent / 'empty'}")
    output, _ = running.communicate()
    assert "labels.csv is missing" in output
    assert running.returncode == 255
    assert "files of results" not in output
