"""The models that the page offers."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from deepfake.model.card import CARD, WEIGHTS
from deepfake.predict.source import default_folder
from deepfake.serving.models import card_text, model_date, offered_models

DAY = "2026-01-02"


def git(folder: Path, *command: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    environment = {**os.environ, "GIT_COMMITTER_DATE": f"{DAY}T12:00:00Z"}
    subprocess.run(
        ["git", *identity, *command], cwd=folder, check=True, capture_output=True, env=environment
    )


@pytest.fixture
def checkout(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with a model that was trained on other videos than the demo's."""
    models = tmp_path / "models"
    models.mkdir()
    card = json.loads((repository / "models/starter" / CARD).read_text())
    (models / CARD).write_text(json.dumps(card))
    (models / WEIGHTS).write_bytes(b"weights")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "model")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_model_of_the_page_is_first(checkout: Path) -> None:
    assert [one.title for one in offered_models(None)] == ["trained here", "starter"]
    starter = str(offered_models(None)[1].place)
    assert [one.title for one in offered_models(starter)] == ["starter", "trained here"]
    assert offered_models("elsewhere")[0].title == "elsewhere"
    git(checkout, "tag", "-am", "first", "model@v1.0.0")
    git(checkout, "tag", "-am", "second", "model@v1.1.0")
    released = [one.title for one in offered_models(None)][2:]
    assert released == ["model@v1.1.0", "model@v1.0.0"]
    assert len(offered_models("model@v1.0.0")) == 4


def test_a_model_of_the_demo_is_offered_only_by_name(checkout: Path) -> None:
    card = json.loads((checkout / "models" / CARD).read_text())
    card["origin"]["datasets"] = ["demo"]
    (checkout / "models" / CARD).write_text(json.dumps(card))
    assert default_folder().name == "starter"
    assert [one.title for one in offered_models(None)] == ["starter"]
    assert [one.title for one in offered_models("models")] == ["models", "starter"]


def test_outside_of_a_repository_there_is_the_starter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert [one.title for one in offered_models(None)] == ["starter"]


def test_dates_and_cards(checkout: Path) -> None:
    git(checkout, "tag", "-am", "first", "model@v1.0.0")
    assert model_date("models") == model_date("model@v1.0.0") == model_date("HEAD") == DAY
    (checkout / "new").mkdir()
    (checkout / "new" / WEIGHTS).write_bytes(b"")
    assert len(model_date("new")) == len(DAY), "of the file"
    assert model_date("https://host/models") == model_date("none") == ""
    assert card_text("models") is None
    (checkout / "models/README.md").write_text("# Card")
    assert card_text("models") == b"# Card"
