"""The repository to review."""

import shutil
from pathlib import Path

import pytest
from review_repository import play_pull_requests


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with a main branch and pull requests."""
    return play_pull_requests(tmp_path_factory.mktemp("review"))


@pytest.fixture
def here(played: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository, on main, as the current folder."""
    folder = tmp_path / "project"
    shutil.copytree(played, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder
