"""`deepfake doctor --verify`: truncated and changed objects are named, deleted and replaced."""

import re
import shutil
from pathlib import Path

import pytest
from commands import run
from shared_project import FRAME_BYTES, add_remote, clone, copy_project
from storage_servers import BUCKET, FLAGS, Server, damage, objects_in, serve_storage

from deepfake.cli.doctor_dvc import check_objects

pytestmark = pytest.mark.slow


def doctor(folder: Path) -> list[str]:
    """The lines about objects."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return [str(check) for check in check_objects("DVC objects")]


@pytest.mark.parametrize("kind", [*FLAGS, "folder"])
def test_damaged_objects_of_a_remote(kind: str, project: Path, tmp_path: Path) -> None:
    mine = copy_project(project, tmp_path / "mine")
    if kind == "folder":
        storage = tmp_path / "storage"
        add_remote(mine, storage)
        run(mine, "dvc push")
        check(mine, storage / "files/md5", tmp_path)
        return
    with serve_storage(kind, tmp_path / "served") as server:
        add_remote(mine, server)
        run(mine, f"dvc remote add --local served {server.folder / BUCKET / 'runs'}")
        run(mine, "dvc push --remote served")
        run(mine, "dvc remote remove --local served")
        server.kill()  # it remembers what it listed
        check(mine, server.objects, tmp_path, server)


def check(mine: Path, storage: Path, tmp_path: Path, server: Server | None = None) -> None:
    """Damage three objects of the storage; pulling stops at them, and doctor puts them right."""
    model, frame = objects_in(storage)[:2]
    list_of_frames = next(path for path in storage.rglob("*.dir") if path.stat().st_size > 500)
    names = {damage(model), damage(frame, size=1000), damage(list_of_frames, size=100)}
    if server is not None:
        server.start()
    other = clone(mine, tmp_path / "other", server)
    text = run(other, "python -m deepfake.sharing.pull train", code=1)
    assert f"models/model.safetensors: 1 objects, such as {model.parent.name}{model.name}" in text
    assert not (other / "models/model.safetensors").exists()

    lines = doctor(mine)
    assert {re.findall(r"[0-9a-f]{32}(?:\.dir)?", line)[0] for line in lines} == names
    assert [" in storage, was damaged" in line for line in lines] == [True] * 3
    assert {line.split()[3].rstrip(",").rpartition("/")[0] for line in lines} == {
        "models",
        "data",
        "data/frames",
    }
    if server is not None and server.kind == "http":
        assert all(line.startswith("FAILED") and "read-only" in line for line in lines)
        return
    assert all(line.startswith("warning") and "an intact copy" in line for line in lines)
    assert all(line.startswith("ok") for line in doctor(mine))
    run(other, "python -m deepfake.sharing.pull")
    assert len(objects_in(other / "data/frames")) == 12


def test_damaged_objects_of_the_cache(project: Path, tmp_path: Path) -> None:
    mine = copy_project(project, tmp_path / "mine")
    add_remote(mine, tmp_path / "storage")
    run(mine, "dvc push train")
    model, frame = objects_in(mine / ".dvc/cache/files")[:2]
    for path in (model, frame):
        damage(path)
    assert "up to date" in run(mine, "dvc status"), "DVC does not see it"
    restored, lost = sorted(doctor(mine), reverse=True)
    assert restored.startswith("warning  DVC objects    models/model.safetensors, ")
    assert "fetched" in restored or "an intact copy" in restored
    assert lost.startswith("FAILED   DVC objects    data/frames/")
    assert lost.endswith("run `dvc pull`, or `dvc repro`, which makes it again")
    assert doctor(mine)[0].startswith("ok ")


def test_a_truncated_upload_is_pushed_again(project: Path, tmp_path: Path) -> None:
    mine, storage = copy_project(project, tmp_path / "mine"), tmp_path / "storage"
    add_remote(mine, storage)
    run(mine, "dvc push")
    _, frame = objects_in(storage)[:2]
    damage(frame, size=0)
    assert "Everything is up to date" in run(mine, "dvc push"), "DVC does not see it"
    run(mine, "python -m deepfake.sharing.push")
    assert frame.stat().st_size == FRAME_BYTES


def test_nothing_to_verify(project: Path, tmp_path: Path) -> None:
    empty = clone(project, tmp_path / "empty")
    assert doctor(empty) == ["ok       DVC objects    all intact: 0 in cache"]
    shutil.rmtree(empty / ".dvc/cache", ignore_errors=True)
    run(empty, f"dvc remote add --default storage {tmp_path / 'nowhere'}")
    assert doctor(empty) == ["ok       DVC objects    all intact: 0 in cache"]
