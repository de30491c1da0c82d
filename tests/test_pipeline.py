"""The whole pipeline with DVC, on a few tiny real clips in a copy of the repository."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from trees import IDENTITY, NO_WEIGHTS, tree

from deepfake.core import archive
from deepfake.core.tables import read_csv
from deepfake.predict.detector import Detector

pytestmark = pytest.mark.slow

PEOPLE = [f"orl{number:02d}" for number in range(1, 9)]  # four closed pairs
CODE = [
    *("deepfake", "stages", "models/face_detector"),
    *("dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", "docs/model-card-notes.md"),
]
DATASET = {"root": "data/raw", "layout": "auto", "include": "*"}
SMALL: dict[str, Any] = {
    "dataset": {"mine": DATASET},
    "frames": {"per_video": 2},
    "crops": {"size": 48, "detect_size": 320},
    "split": {"train": 0.5, "val": 0.25, "test": 0.25},
    "train": {"init": "random", "image_size": 32, "epochs": 2, "batch_size": 8},
    "evaluate": {"max_groups": 20},
    "robustness": {"levels": [5], "crops_per_track": 2},
}


def environment() -> dict[str, str]:
    """Environment with the programs of this virtual environment first on the PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": ""}


def call(folder: Path, *command: str, fails: bool = False) -> str:
    """Run a command in the project and return its output; check whether it `fails`."""
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert (result.returncode != 0) == fails, result.stdout
    return result.stdout


def stages_run(output: str) -> list[str]:
    """Names of the stages that `dvc repro` ran, by its output."""
    return re.findall(r"Running stage '([\w@]+)'", output)


def change(folder: Path, sections: dict[str, Any]) -> None:
    """Change values in params.yaml; the section `dataset` is replaced."""
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text())
    for name, values in sections.items():
        params[name] = values if name == "dataset" else {**params[name], **values}
    path.write_text(yaml.safe_dump(params))


def commit(folder: Path, message: str) -> None:
    call(folder, "git", "add", "--all")
    call(folder, "git", *IDENTITY, "commit", "--quiet", "--message", message)


@pytest.fixture(scope="module")
def finished(repository: Path, demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project, committed after its first `dvc repro`."""
    folder = tmp_path_factory.mktemp("finished") / "project"
    folder.mkdir()
    for name in CODE:
        (folder / name).parent.mkdir(exist_ok=True)
        copy = shutil.copytree if (repository / name).is_dir() else shutil.copy
        copy(repository / name, folder / name)
    tree(folder, files=NO_WEIGHTS)
    change(folder, SMALL)
    labels = read_csv(demo_root / "labels.csv")
    chosen = labels[labels["target"].isin(PEOPLE)]
    for path in chosen["path"]:
        (folder / "data/raw" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(demo_root / path, folder / "data/raw" / path)
    chosen.to_csv(folder / "data/raw/labels.csv", index=False)
    call(folder, "git", "init", "--quiet")
    call(folder, "dvc", "init", "--quiet")
    call(folder, "dvc", "add", "--quiet", "data/raw")
    output = call(folder, "dvc", "repro")
    assert stages_run(output) == [
        "scan@mine",
        "manifest",
        "frames",
        "crops",
        "landmarks",
        "identities",
        "split",
        "shortcuts",
        "train",
        "evaluate",
        "robustness",
        "export",
        "card",
        "package",
        "plots",
    ]
    commit(folder, "first run")
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


def test_every_out_is_written_and_no_other_file(finished: Path) -> None:
    stages = yaml.safe_load((finished / "dvc.lock").read_text())["stages"]
    outs = [out for stage in stages.values() for out in stage["outs"]]
    assert all((finished / out["path"]).exists() for out in outs)
    assert call(finished, "git", "status", "--porcelain") == ""
    assert "up to date" in call(finished, "dvc", "status")


def test_the_cache_has_needed_results_only(finished: Path) -> None:
    output = call(finished, "deepfake", "cache")
    assert output.splitlines()[-1].endswith(" 0 (0.0 MB) not needed")
    assert "landmark_archive" not in output, "no stage uses landmarks"


def test_second_run_does_nothing(finished: Path) -> None:
    before = (finished / "dvc.lock").read_bytes()
    assert stages_run(call(finished, "dvc", "repro")) == []
    assert (finished / "dvc.lock").read_bytes() == before


def test_a_second_run_from_nothing_is_byte_identical(project: Path) -> None:
    before = (project / "dvc.lock").read_bytes()
    shutil.rmtree(project / ".scratch")
    output = call(project, "dvc", "repro", "--force", "--no-run-cache")
    assert "train" in stages_run(output)
    assert (project / "dvc.lock").read_bytes() == before


def test_a_training_parameter_reruns_training_and_later_stages(project: Path) -> None:
    change(project, {"train": {"learning_rate": 0.01}})
    assert stages_run(call(project, "dvc", "repro")) == [
        "train",
        "evaluate",
        "robustness",
        "export",
        "card",
        "package",
        "plots",
    ]
    table = call(project, "dvc", "metrics", "diff")
    assert "metrics/evaluate.json" in table
    assert "test.calibration_error" in table


def test_changes_that_training_does_not_use_do_not_rerun_it(project: Path) -> None:
    """The same videos at another root, another starter, and code of other packages."""
    (project / "data/raw").rename(project / "data/mo$ved `x`")
    change(project, {"dataset": {"mine": {**DATASET, "root": "data/mo$ved `x`"}}})
    (project / "models/starter").mkdir()
    (project / "models/starter/model.json").write_text("{}")
    outside = (
        "jobs",
        "datasets",
        "video",
        "faces",
        "plots",
        "predict",
        "serving",
        "base",
    )
    for package in (*outside, "experiments"):
        with (project / f"deepfake/{package}/__init__.py").open("a") as code:
            code.write("# an edit\n")
    ran = stages_run(call(project, "dvc", "repro"))
    assert ran[:2] == ["scan@mine", "manifest"]
    assert not {"train", "evaluate", "robustness", "export"} & {*ran}


def test_self_blending_runs_landmarks_and_train(project: Path) -> None:
    change(project, {"train": {"self_blended": 0.5}})
    assert stages_run(call(project, "dvc", "repro", "train")) == ["landmarks", "train"]
    assert "landmark_archive" in call(project, "deepfake", "cache")


def test_experiments_of_dvc_change_values(project: Path) -> None:
    """Also with --temp and --queue; the workspace keeps its metrics."""
    one, other = "train.epochs=1", "dataset.mine.include='*orl01*'"
    output = call(project, "dvc", "exp", "run", "--set-param", one)
    assert "train" in stages_run(output)
    assert yaml.safe_load((project / "params.yaml").read_text())["train"]["epochs"] == 1
    call(project, "dvc", "exp", "run", "--temp", "--set-param", "train.epochs=3", "train")
    call(project, "dvc", "exp", "run", "--queue", "--set-param", "evaluate.max_groups=10")
    call(project, "dvc", "exp", "run", "--run-all")
    assert (project / "metrics/evaluate.json").is_file()
    output = call(project, "dvc", "exp", "run", "--set-param", other, "manifest")
    assert stages_run(output)[0] == "scan@mine"
    paths = read_csv(project / "data/manifest.csv")["path"]
    assert all("orl01" in path for path in paths)


def test_the_number_of_workers_reruns_nothing(project: Path) -> None:
    change(project, {"execution": {"workers": 1}})
    assert stages_run(call(project, "dvc", "repro")) == []


def test_one_added_video_costs_one_video(project: Path, demo_root: Path) -> None:
    cache = project / ".scratch/videos"
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    shutil.copy(demo_root / "real/orl09_1.mp4", project / "data/raw/real/orl09_1.mp4")
    with (project / "data/raw/labels.csv").open("a") as labels:
        labels.write("real/orl09_1.mp4,0,real,orl09,,\n")
    output = call(project, "dvc", "repro", "split")
    assert stages_run(output) == ["scan@mine", "manifest", "frames", "crops", "identities", "split"]
    after = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + 4, "its frames, crops, faces and hashes"
    assert "mine/real/orl09_1" in set(read_csv(project / "data/crops.csv")["video_id"])


def test_a_broken_video_is_reported_and_too_many_are_an_error(project: Path) -> None:
    labels = project / "data/raw/labels.csv"
    (project / "data/raw/broken.mp4").write_text("this is no video")
    labels.write_text(labels.read_text() + "broken.mp4,REAL,real,someone,,\n")
    output = call(project, "dvc", "repro", "crops")
    assert "mine/broken: unreadable, not a video" in output
    failed = read_csv(project / "data/failures.csv")
    assert failed[["video_id", "status"]].values.tolist() == [["mine/broken", "unreadable"]]
    for stage, quantity in (("frames", "unreadable"), ("crops", "no_frames")):
        counts = read_csv(project / f"plots/{stage}.tsv").set_index("quantity")["value"]
        assert counts[quantity] == 1
    change(project, {"frames": {"max_failed_fraction": 0.0}})
    output = call(project, "dvc", "repro", "crops", fails=True)
    assert "mine/broken" in output
    assert "frames.max_failed_fraction" in output
    assert "Traceback" not in output.split("ERROR: failed to reproduce")[0]


FRAMES_AND_CROPS = (
    *("data/frames", "data/frames.csv", "data/failures.csv", "plots/frames.tsv"),
    *("data/crops", "data/crops.csv", "data/coverage.csv", "plots/crops.tsv"),
)


def frames_and_crops(project: Path) -> dict[str, bytes]:
    """Content of all files that the stages frames and crops have written."""
    paths = [
        path for name in FRAMES_AND_CROPS for path in [project / name, *(project / name).rglob("*")]
    ]
    return {str(p.relative_to(project)): p.read_bytes() for p in paths if p.is_file()}


def forget_frames_and_crops(project: Path, keep_cache: bool = False) -> None:
    """Let DVC run the two stages again, from nothing or with the scratch cache."""
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    for name in ("frames", "crops"):
        lock["stages"].pop(name, None)
    (project / "dvc.lock").write_text(yaml.safe_dump(lock))
    scratch = [] if keep_cache else [".scratch/videos"]
    for folder in (*scratch, ".dvc/cache/runs", "data/frames", "data/crops"):
        shutil.rmtree(project / folder, ignore_errors=True)


def test_runs_killed_at_random_moments_give_the_same_bytes(project: Path) -> None:
    """Twenty times `kill -9`; each run resumes from what the last one left."""
    undisturbed = frames_and_crops(project)
    moments = random.Random(0)
    forget_frames_and_crops(project)
    hits = {"frames": 0, "crops": 0}
    for attempt in range(20):
        log = project / "repro.log"
        with log.open("w") as output:
            running = subprocess.Popen(
                ["dvc", "repro", "crops"],
                cwd=project,
                env=environment(),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                running.wait(moments.uniform(1.5, (3, 7)[attempt % 2]))
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()
        if running.returncode == 255:
            # DVC was killed while it wrote one of its own files, which it does not do atomically.
            assert re.search(r"dvc\.lock' validation failed|rwlock'", log.read_text())
            call(project, "git", "checkout", "--quiet", "dvc.lock")  # as documented
            (project / ".dvc/tmp/rwlock").unlink(missing_ok=True)
            continue
        assert running.returncode in (0, -signal.SIGKILL), log.read_text()
        stages = stages_run(log.read_text())
        if running.returncode == 0:
            assert frames_and_crops(project) == undisturbed
            forget_frames_and_crops(project)
        elif stages:
            hits[stages[-1]] += 1
    assert sum(hits.values()) >= 10, "runs must be killed in the two stages"
    call(project, "git", "checkout", "--quiet", "dvc.lock")
    (project / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    forget_frames_and_crops(project, keep_cache=True)
    call(project, "dvc", "repro", "crops")
    assert frames_and_crops(project) == undisturbed


def test_a_wrong_root_is_reported(project: Path) -> None:
    (project / "empty").mkdir()
    change(project, {"dataset": {"mine": {**DATASET, "root": "empty"}}})
    output = call(project, "dvc", "repro", fails=True)
    assert "error: empty matches no known layout" in output


def test_training_on_one_data_set_and_testing_on_another(project: Path) -> None:
    labels = read_csv(project / "data/raw/labels.csv")
    for name, people in (("raw", PEOPLE[:4]), ("other", PEOPLE[4:])):
        part = labels[labels["target"].isin(people)]
        for path in part["path"] if name == "other" else []:
            (project / "data/other" / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(project / "data/raw" / path, project / "data/other" / path)
        part.to_csv(project / f"data/{name}/labels.csv", index=False)
    other = {"root": "data/other", "layout": "csv", "include": "*"}
    change(project, {"dataset": {"mine": DATASET, "other": other}})
    change(
        project,
        {
            "split": {"policy": "cross_dataset", "test_datasets": ["other"]},
            "identities": {"faces": False, "near_duplicates": False},
        },
    )
    output = call(project, "dvc", "repro", "evaluate")
    assert stages_run(output)[:3] == ["scan@mine", "scan@other", "manifest"]
    datasets = {
        name: set(read_csv(project / f"data/splits/{name}.csv")["dataset"])
        for name in ("train", "val", "test")
    }
    assert datasets == {"train": {"mine"}, "val": {"mine"}, "test": {"other"}}
    assert read_csv(project / "data/identities.csv").empty
    metrics = json.loads((project / "metrics/evaluate.json").read_text())
    assert metrics["test"]["videos"] == len(read_csv(project / "data/splits/test.csv"))
    change(project, {"dataset": {"other": other, "mine": DATASET}})
    assert stages_run(call(project, "dvc", "repro", "evaluate")) == [], "the order does not matter"

    split = {"policy": "grouped", "test_datasets": []}
    change(project, {"dataset": {"mine": DATASET}, "split": split})
    output = call(project, "dvc", "repro", "manifest")
    assert "data/scanned/other.csv belongs to no data set in params.yaml" in output
    assert set(read_csv(project / "data/manifest.csv")["dataset"]) == {"mine"}
    assert (project / "data/scanned/other.csv").is_file(), "the manifest stage must not delete it"


def test_push_clone_pull_and_nothing_to_do(
    finished: Path, repository: Path, tmp_path: Path
) -> None:
    """Also beside the demo's pipeline, which was never run here."""
    source = Path(shutil.copytree(finished, tmp_path / "source", symlinks=True))
    demo = [*(repository / "data/demo").glob("*.*"), repository / "data/demo/.gitignore"]
    tree(source, "data/demo/")
    for file in demo:
        if file.is_file() and file.name != "contact_sheet.png":
            shutil.copy(file, source / "data/demo" / file.name)
    call(source, "dvc", "remote", "add", "--default", "storage", str(tmp_path / "storage"))
    commit(source, "name the storage")
    call(source, "dvc", "push", "--quiet")
    call(tmp_path, "git", "clone", "--quiet", "source", "clone")
    clone = tmp_path / "clone"
    assert not (clone / "models/model.safetensors").exists()
    call(clone, "dvc", "pull", "--quiet")
    call(clone, "dvc", "checkout", "--quiet")
    assert "in sync" in call(clone, "dvc", "status", "--cloud")
    assert stages_run(call(clone, "dvc", "repro")) == []
    assert call(clone, "git", "status", "--porcelain") == ""
    published = "models/model.safetensors"
    assert (clone / published).read_bytes() == (finished / published).read_bytes()


def test_killed_training_resumes_with_the_same_result(project: Path) -> None:
    change(project, {"train": {"epochs": 4}})
    command = [sys.executable, "-m", "stages.train"]
    call(project, *command)
    undisturbed = (project / "models/model.safetensors").read_bytes()
    history = (project / "plots/train/history.tsv").read_bytes()
    running = subprocess.Popen(command, cwd=project, start_new_session=True)
    states = project / ".scratch/train"
    deadline = time.monotonic() + 120
    while not list(states.glob("*/state.pt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    (project / "models/model.safetensors").unlink()
    other = states / "of another run/state.pt"
    other.parent.mkdir()
    other.write_text("state")
    assert "resuming after epoch" in call(project, *command)
    assert (project / "models/model.safetensors").read_bytes() == undisturbed
    assert (project / "plots/train/history.tsv").read_bytes() == history
    assert [path.parent for path in states.glob("*/state.pt")] == [other.parent], "only its own"


def test_predicting_a_file_gives_the_crops_and_score_of_the_pipeline(finished: Path) -> None:
    detector = Detector.load(finished / "models")
    videos = read_csv(finished / "data/predictions/test.csv")
    assert len(videos) >= 4
    for row in videos.itertuples():
        file = finished / "data/raw" / row.path
        crops = detector.crop_file(file)
        stored = archive.read(archive.path_of(finished / "data/crops", row.video_id))
        assert crops.images == stored.images
        verdict = detector.predict(file)
        assert verdict.verdict == row.verdict
        assert verdict.score == pytest.approx(row.score, abs=1e-4)


def test_splits_share_no_person(finished: Path) -> None:
    splits = [read_csv(finished / f"data/splits/{name}.csv") for name in ("train", "val", "test")]
    people = [set(table["target"]) | (set(table["source"]) - {""}) for table in splits]
    assert set.union(*people) == set(PEOPLE)
    assert sum(map(len, people)) == len(PEOPLE)
    assert len(pd.concat(splits)) == len(read_csv(finished / "data/manifest.csv"))
