"""A project to share, made once, and an environment in which storage gives up early."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from shared_project import make_project


@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """DVC's files outside of repositories go to a temporary folder; S3 is not retried for minutes."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path_factory.mktemp("site")))
    patch.setenv("DVC_NO_ANALYTICS", "1")
    patch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        patch.delenv(name, raising=False)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # or it is asked for credentials
    yield
    patch.undo()


@pytest.fixture(scope="session")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that has run, without a remote."""
    return make_project(tmp_path_factory.mktemp("shared") / "project", repository / "Makefile")
