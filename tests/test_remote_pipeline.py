"""The stages of the repository on videos in a bucket, run by DVC."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ClipMaker
from storage_servers import PASSWORD, USER, serve_storage
from trees import dvc, git

from deepfake.core.files import sha256_of
from deepfake.core.tables import read_csv

pytestmark = pytest.mark.slow


def test_dvc_reads_a_bucket_through_its_listing(
    repository: Path,
    tmp_path: Path,
    make_clip: ClipMaker,
    content: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One run needs the server; the next needs none, and also gets back what was deleted."""
    project = tmp_path / "project"
    for name in ("deepfake", "stages"):
        shutil.copytree(
            repository / name, project / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(repository / name, project)
    dataset = {"mine": {"root": "data/listings/mine", "layout": "folders", "include": "*"}}
    (project / "params.yaml").write_text(yaml.safe_dump({**content, "dataset": dataset}))
    git(project, "init", "--quiet")
    dvc(project, "init", "--quiet")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PASSWORD)
    with serve_storage("s3", tmp_path / "s3") as server:
        clips = [
            make_clip(server.folder / "bucket" / name, count)
            for count, name in enumerate(("real.mp4", "fake.mp4"), 5)
        ]
        for clip in clips:
            target = clip.parent / clip.stem / "a.mp4"
            target.parent.mkdir()
            clip.rename(target)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        listing = [sys.executable, "-m", "deepfake", "list-files", "mine", "s3://bucket"]
        subprocess.run(listing, cwd=project, check=True, capture_output=True)
        dvc(project, "repro", "frames")
        originals = {name: server.folder / "bucket" / name / "a.mp4" for name in ("fake", "real")}
        digests = read_csv(project / "data/digests.csv").set_index("video_id")["sha256"]
        assert digests.to_dict() == {
            f"mine/{name}/a": sha256_of(file) for name, file in originals.items()
        }
    lock = (project / "dvc.lock").read_bytes()
    shutil.rmtree(project / "data/frames")
    shutil.rmtree(project / ".scratch")
    (project / "data/manifest.csv").unlink()
    dvc(project, "repro", "frames")  # from the cache of DVC
    assert (project / "dvc.lock").read_bytes() == lock
    assert len([*(project / "data/frames").rglob("*.tar")]) == 2
    assert not (project / ".scratch").exists()
