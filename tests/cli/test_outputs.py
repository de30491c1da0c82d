"""Every command and option that writes: inputs keep their bytes, and outputs are replaced atomically.

An output is replaced atomically if another name of the old file keeps the old bytes.
"""

import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args, get_type_hints

import pandas as pd
import pytest
import torch
import yaml
from finished_run import write_run
from safetensors.torch import load_file
from trees import files_in, tree
from typer.testing import CliRunner

from deepfake.cli.app import app
from deepfake.core.tables import write_csv
from deepfake.datasets.manifest import SCHEMA
from deepfake.experiments import run as experiments
from deepfake.experiments.publish import RESULTS
from deepfake.jobs.cache import Cache
from deepfake.model.card import CARD, STARTER, WEIGHTS

pytestmark = pytest.mark.slow

# What each command writes, as far as users name the place. `app` and `serve` keep uploads in
# temporary folders (tests/serving/test_uploads.py), and `audit` writes nothing.
WRITES = {
    "predict": {"report", "annotate", "output"},  # tests/predict/test_stored_results.py
    "evaluate": {"json_file", "plots"},
    "experiment": {"name"},  # experiments/results/NAME
    "seeds": {"name"},  # experiments/results/NAME_seeds.json (tests/experiments/test_seeds.py)
    "ship": {"run"},  # models/starter
    "import-model": {"folder"},
    "review": {"output"},  # tests/review/test_review.py
    "cache": {"prune"},  # deletes in .scratch
    "api-key": {"file"},  # tests/serving/test_access.py
    "feedback": {"folder"},  # tests/serving/test_feedback.py
    "list-files": {"name"},  # data/listings/NAME (tests/datasets/test_remote.py)
    **{name: set[str]() for name in ("app", "serve", "audit", "doctor", "gate")},
    **{name: set[str]() for name in ("release", "sweep")},  # a git tag; .scratch/sweep.png
}
READS_PATHS = {
    "audit": {"splits"},
    "evaluate": {"scores", "split", "against"},
    "import-model": {"weights"},
    "predict": {"watch"},
    "serve": {"api_keys"},
}
TOP = Path(__file__).resolve().parents[2]
PRINTING = (["--json"], ["--csv"], ["--frames"], ["--csv", "--frames"], [])
FINISHED = {  # what a run of the pipeline leaves
    "dvc.yaml": "stages: {a: {metrics: [{metrics/m.json: {cache: false}}]}}\n",
    "metrics/m.json": '{"new": 1}\n',
    "models/model.json": "{}\n",
    "models/operating_points.json": "{}\n",
}


def call(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@contextmanager
def unchanged(inputs: Path) -> Iterator[None]:
    """Check that no file below a folder changes and none disappears."""
    before = {name: (inputs / name).read_bytes() for name in files_in(inputs)}
    yield
    assert {name: (inputs / name).read_bytes() for name in before} == before


@contextmanager
def replaced(outputs: Sequence[Path], aside: Path) -> Iterator[None]:
    """Check that files, which exist already, get other content without an edit in place."""
    aside.mkdir()
    for number, path in enumerate(outputs):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"old")
        (aside / str(number)).hardlink_to(path)
    yield
    assert all(path.read_bytes() != b"old" for path in outputs)
    assert all(path.read_bytes() == b"old" for path in aside.iterdir())
    folders = {path.parent for path in outputs}
    assert not [path for folder in folders for path in folder.glob(".writing-*")]


@pytest.fixture
def clips(demo_root: Path, tmp_path: Path) -> Path:
    """A folder of evidence: a video, and a web page called as the report on it."""
    folder = tree(tmp_path / "clips", files={"a.mp4.html": "evidence"})
    shutil.copy(demo_root / "real/orl01_1.mp4", folder / "a.mp4")
    return folder


def test_every_command_is_known_here() -> None:
    functions = {
        str(one.name or one.callback.__name__): one.callback
        for one in app.registered_commands
        if one.callback
    }
    assert {*functions} == {*WRITES}
    for name, function in functions.items():
        hints = get_type_hints(function)
        paths = {key for key, hint in hints.items() if Path in (hint, *get_args(hint))}
        assert paths <= WRITES[name] | READS_PATHS.get(name, set())


@pytest.mark.parametrize("options", PRINTING, ids=" ".join)
def test_printing_changes_nothing(random_model: Path, clips: Path, options: list[str]) -> None:
    before = files_in(clips.parent)
    with unchanged(clips):
        assert call("predict", clips, "--model", random_model, *options)[0] == 0
    assert files_in(clips.parent) == before


def test_a_report_beside_the_inputs(random_model: Path, clips: Path, tmp_path: Path) -> None:
    """An input that is called as a report is kept, and the report gets another name."""
    arguments = [clips / "a.mp4", clips / "a.mp4.html", "--report", clips]
    outputs = [clips / "a.mp4-2.html", clips / "a.mp4.html.html"]
    with unchanged(clips), replaced(outputs, tmp_path / "aside"):
        assert call("predict", *arguments, "--model", random_model)[0] == 3


@pytest.mark.parametrize("place", ["a.mp4", "link.mp4", "../clips/a.mp4"])
def test_an_annotated_video_in_place_of_the_input(
    random_model: Path, clips: Path, place: str
) -> None:
    (clips / "link.mp4").symlink_to("a.mp4")
    with unchanged(clips):
        arguments = [clips / "a.mp4", "--annotate", clips / place]
        code, output = call("predict", *arguments, "--model", random_model)
        assert (code, "is the video itself" in output) == (1, True)


def test_an_annotated_video(random_model: Path, clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with unchanged(clips), replaced([out], tmp_path / "aside"):
        assert call("predict", clips / "a.mp4", "--annotate", out, "--model", random_model)[0] == 0


def test_an_annotated_video_in_place_of_the_model(
    random_model: Path, clips: Path, tmp_path: Path
) -> None:
    model = Path(shutil.copytree(random_model, tmp_path / "models"))
    with unchanged(model):
        arguments = ["--annotate", model / WEIGHTS, "--model", model]
        code, output = call("predict", clips / "a.mp4", *arguments)
        assert (code, "--annotate writes an MP4" in output) == (2, True)


def test_an_audit(tmp_path: Path) -> None:
    table = "path,label\nreal/{0}.mp4,0\nfake/{0}.mp4,1\n"
    files = {f"{name}.csv": table.format(name) for name in ("train", "val", "test")}
    folder = tree(tmp_path / "splits", files=files)
    for options in ([], ["--json"]):
        with unchanged(folder):
            assert call("audit", folder, *options)[0] == 0
    assert files_in(folder) == {*files}


def test_an_evaluation(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    table = "path,score,label\na,0.2,0\nb,0.7,1\n"
    folder = tree(tmp_path / "scores", files={"s.csv": table, "roc.tsv": table.replace(",", "\t")})
    places = ["--json", folder / "out.json", "--plots", folder]
    outputs = [folder / name for name in ("out.json", "evaluation.png", "pr.tsv", "confusion.tsv")]
    with unchanged(folder):
        code, output = call("evaluate", folder / "roc.tsv", *places)
        assert (code, "is the folder of" in output) == (1, True)
        code, output = call("evaluate", folder / "s.csv", "--json", folder / "../scores/s.csv")
        assert (code, "is an input" in output) == (1, True)
    (folder / "roc.tsv").unlink()
    with unchanged(folder), replaced(outputs, tmp_path / "aside"):
        code, output = call("evaluate", folder / "s.csv", *places)
        assert code == 0, output


@pytest.fixture
def checkout(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a checkout with an experiment, and data for it in another folder."""
    dataset = {"mine": {"root": "data/raw/mine", "layout": "csv", "include": "*"}}
    overlay = yaml.safe_dump({"dataset": dataset})
    folder = tree(tmp_path / "checkout", files={"experiments/mine.yaml": overlay})
    shutil.copy(repository / "params.yaml", folder)
    labels = "path,label\na.mp4,0\nb.mp4,1\n"
    tree(tmp_path / "data", "a.mp4", "b.mp4", files={"labels.csv": labels})
    monkeypatch.chdir(folder)
    return folder


def finish(folder: Path, *_: object) -> int:
    """Replaces the pipeline."""
    tree(folder, files=FINISHED)
    return 0


def test_an_experiment(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiments, "make_worktree", lambda _, folder: tree(folder, "data/"))
    monkeypatch.setattr(experiments, "set_up_dvc", lambda *_: None)
    monkeypatch.setattr(experiments, "repro", finish)
    models = ("models/model.json", "models/operating_points.json")
    names = ("metrics/m.json", *models, "params.yaml")
    outputs = [checkout / RESULTS / "mine" / name for name in names]
    data = f"mine={tmp_path / 'data'}"
    with unchanged(tmp_path / "data"), unchanged(checkout), replaced(outputs, tmp_path / "aside"):
        assert call("experiment", "mine", "--data", data) == (
            0,
            "4 files of results are in experiments/results/mine\n",
        )


def test_a_shipped_model(checkout: Path, random_model: Path, tmp_path: Path) -> None:
    run = checkout / experiments.WORK / "mine/models"
    write_run(run.parent, random_model / CARD)
    shutil.copytree(random_model, run, dirs_exist_ok=True)
    notes = (TOP / experiments.STARTER_NOTES).read_text()
    tree(checkout, files={experiments.STARTER_NOTES.as_posix(): notes})
    outputs = [checkout / STARTER / name for name in (WEIGHTS, CARD)]
    with unchanged(run), replaced(outputs, tmp_path / "aside"):
        code, output = call("ship", "mine")
        assert code == 0, output


def test_an_imported_model(checkout: Path, random_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(random_model, tmp_path / "weights"))
    (folder / "best.pth").write_bytes(torch_file(folder / WEIGHTS))
    options = ["--classes", "real,fake", "--size", 64, "--margin", 1.3]
    plain = [*options, "--normalisation", "imagenet"]
    outputs = [tmp_path / "other" / name for name in (WEIGHTS, CARD)]
    with unchanged(folder), unchanged(checkout), replaced(outputs, tmp_path / "aside"):
        code, output = call("import-model", folder / "best.pth", tmp_path / "other", *plain)
        assert code == 0, output
    with unchanged(folder):
        code, output = call("import-model", folder / WEIGHTS, folder, *plain)
        assert (code, "name another folder" in output) == (1, True)
        wrong = (
            [*options],
            [*options, "--mean", "0,0,0"],
            [*plain, "--mean", "0,0,0", "--std", "1,1,1"],
            [*options, "--mean", "0,0", "--std", "1,1,1"],
            [*options, "--mean", "0,0,0", "--std", "1,0,1"],
        )
        for arguments in wrong:
            code, output = call("import-model", folder / "best.pth", tmp_path / "new", *arguments)
            assert code == 2, output
    assert not (tmp_path / "new").exists()


def torch_file(weights: Path) -> bytes:
    """The weights of a model as torch.save writes them."""
    buffer = io.BytesIO()
    torch.save(load_file(weights), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("options", [[], ["--prune"]])
def test_the_cache(checkout: Path, options: list[str]) -> None:
    write_csv(Path("data/manifest.csv"), pd.DataFrame(columns=[*SCHEMA.columns]))
    with unchanged(checkout):
        entry = Cache().store("0" * 64, "frame_archive", b"x")
        assert call("cache", *options)[0] == 0
        assert entry.path.exists() == (not options)
