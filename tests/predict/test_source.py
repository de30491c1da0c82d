"""Sources of a model: a folder, a URL, a revision of a repository."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from trees import IDENTITY
from web_server import Served

from deepfake.base.errors import ModelError
from deepfake.model.card import CARD
from deepfake.model.operating_points import MEASURED
from deepfake.predict.source import default_folder, model_folder, onnx_file

FILES = ("model.safetensors", "model.json")
ONNX = "model.onnx"


def write_model(folder: Path, content: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*FILES, ONNX):
        (folder / name).write_text(f"{name} {content}")


def content(model: str) -> list[str]:
    with model_folder(model) as folder:
        return [(folder / name).read_text().split()[1] for name in FILES]


def test_a_folder_is_used_directly(tmp_path: Path) -> None:
    write_model(tmp_path / "models", "mine")
    with model_folder(str(tmp_path / "models")) as folder:
        assert folder == tmp_path / "models"


@pytest.mark.parametrize(
    ("datasets", "is_default"),
    [(["mine"], True), (["demo", "mine"], True), ([], True), (["demo"], False)],
)
def test_the_starter_is_the_default_until_a_model_is_trained_on_more_than_the_demo(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    repository: Path,
    datasets: list[str],
    is_default: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    starter = repository / "models/starter"
    assert default_folder() == starter
    card = json.loads((starter / CARD).read_text())
    card["origin"]["datasets"] = datasets
    Path("models").mkdir()
    Path("models", CARD).write_text(json.dumps(card))
    assert default_folder() == (Path("models") if is_default else starter)


def test_a_url_is_downloaded_and_deleted_afterwards(served: Served) -> None:
    write_model(served.folder / "published", "remote")
    assert content(served.url("published/")) == ["remote", "remote"]
    with model_folder(served.url("published")) as folder:
        assert folder.is_dir()
    assert not folder.exists()


def test_the_rates_of_a_model_come_with_it_if_it_has_some(served: Served) -> None:
    for name in ("with", "without"):
        write_model(served.folder / name, "remote")
    (served.folder / "with" / MEASURED).write_text("{}")
    for name, has_rates in (("with", True), ("without", False)):
        with model_folder(served.url(name)) as folder:
            assert (folder / MEASURED).is_file() == has_rates
        with onnx_file(served.url(name)) as path:
            assert path.with_name(MEASURED).is_file() == has_rates


def test_a_url_without_a_model_is_an_error(served: Served) -> None:
    with pytest.raises(ModelError, match=r"nothing/model\.safetensors: cannot be downloaded"):
        content(served.url("nothing"))


def test_an_onnx_file_is_found_by_its_name_folder_or_url(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(served.folder / "published", "remote")
    monkeypatch.chdir(served.folder / "published")
    folder = served.folder / "published"
    places = [
        f"{folder}/{ONNX}",
        ONNX,
        str(folder),
        served.url("published"),
        served.url(f"published/{ONNX}"),
    ]
    for place in places:
        with onnx_file(place) as path:
            assert (path.name, path.read_text()) == (ONNX, f"{ONNX} remote")
    assert not path.exists(), "a download is deleted"
    with pytest.raises(ModelError, match="no model in nowhere"), onnx_file(f"nowhere/{ONNX}"):
        pass


@pytest.mark.parametrize("name", ["nowhere", "-h", "--all", ""])
def test_neither_folder_nor_revision_is_an_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="run `dvc repro` or `dvc pull`, or pass a folder"):
        content(name or "''")


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with different models at tag v1 and branch main, both in DVC's cache."""
    folder = tmp_path_factory.mktemp("versions")

    def call(*command: str) -> None:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path}, check=True)

    call("git", "init", "--quiet", "--initial-branch", "main")
    call("dvc", "init", "--quiet")
    call("git", *IDENTITY, "commit", "--quiet", "--message", "empty")
    call("git", "tag", "empty")
    for version in ("v1", "v2"):
        write_model(folder / "models", version)
        rates = (MEASURED,) if version == "v2" else ()
        for name in rates:
            (folder / "models" / name).write_text(version)
        call("dvc", "add", "--quiet", *(f"models/{name}" for name in (*FILES, ONNX, *rates)))
        call("git", "add", "--all")
        call("git", *IDENTITY, "commit", "--quiet", "--message", version)
        call("git", "tag", version)
    shutil.rmtree(folder / "models")
    return folder


@pytest.mark.slow
def test_the_rates_of_a_revision(versions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of v2 are in DVC's cache; v1 was made before there were any."""
    monkeypatch.chdir(versions)
    for revision, has_rates in (("v1", False), ("v2", True)):
        with model_folder(revision) as folder:
            assert (folder / MEASURED).is_file() == has_rates


@pytest.mark.slow
@pytest.mark.parametrize(("revision", "expected"), [("v1", "v1"), ("main", "v2"), ("main~1", "v1")])
def test_the_model_of_a_revision(
    versions: Path, revision: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(versions)
    assert content(revision) == [expected, expected]
    with onnx_file(revision) as path:
        assert path.read_text() == f"{ONNX} {expected}"


def test_a_folder_takes_precedence_over_a_revision(
    versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(versions)
    write_model(versions / "v1", "folder")
    assert content("v1") == ["folder", "folder"]
    shutil.rmtree(versions / "v1")


def test_a_revision_without_a_model_is_an_error(
    versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(versions)
    with pytest.raises(
        ModelError, match=r"model\.safetensors of revision empty could not be fetched"
    ):
        content("empty")


def test_a_model_in_no_cache_is_an_error(
    versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = Path(shutil.copytree(versions, tmp_path / "clone"))
    shutil.rmtree(clone / ".dvc/cache")
    monkeypatch.chdir(clone)
    with pytest.raises(ModelError, match="check that it was pushed with `dvc push`"):
        content("v2")
