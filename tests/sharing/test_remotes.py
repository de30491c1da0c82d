"""Each kind of storage: push, fresh clone, pull, a server that is killed, and credentials."""

import shutil
from pathlib import Path

import pytest
from commands import run, start
from shared_project import (
    FRAME_BYTES,
    FRAMES,
    MODEL_BYTES,
    STAGES,
    add_remote,
    clone,
    copy_project,
)
from storage_servers import (
    BUCKET,
    FLAGS,
    PASSWORD,
    USER,
    Server,
    objects_in,
    serve_storage,
    write_config,
)

pytestmark = pytest.mark.slow
PULL, PUSH = (f"python -m deepfake.sharing.{name}" for name in ("pull", "push"))
ALL_BYTES = FRAMES * FRAME_BYTES + MODEL_BYTES


def check_clone(folder: Path) -> None:
    """With everything pulled, nothing runs, and metrics are compared without any pull."""
    assert "Running stage" not in run(folder, "dvc repro")
    assert "roc_auc" in run(folder, "dvc metrics diff HEAD~2")
    assert len(objects_in(folder / "data/frames")) == FRAMES


@pytest.mark.parametrize("kind", FLAGS)
def test_push_and_pull_survive_a_killed_server(kind: str, project: Path, tmp_path: Path) -> None:
    mine = copy_project(project, tmp_path / "mine")
    with serve_storage(kind, tmp_path / "served") as server:
        add_remote(mine, server)
        fill(mine, server)
        other = clone(mine, tmp_path / "other", server)

        server.relay.reset()
        run(other, "dvc pull train evaluate")
        # Over HTTP, whether an object exists is asked by a GET, of which a part arrives.
        limit = MODEL_BYTES * (2 if kind == "http" else 1) + FRAME_BYTES / 2
        assert MODEL_BYTES < server.relay.down < limit
        assert not (other / "data/frames").exists()

        with server.killed_after(ALL_BYTES // 4):
            run(other, PULL, code=None)
        assert not (other / "data/frames").exists()
        server.start()
        assert "not in the remote" not in run(other, PULL)
        check_clone(other)
        again = run(other, PULL)
        assert "Everything is up to date" in again


def fill(mine: Path, server: Server) -> None:
    """Push through a server that is killed, or, where nothing can be pushed, into its folder."""
    if server.kind == "http":
        refused = run(mine, "dvc push", code=None)
        assert "ERROR" in refused
        run(mine, f"dvc remote add --local served {server.folder / BUCKET / 'runs'}")
        run(mine, "dvc push --remote served --quiet")
        server.kill()  # it remembers what it did not find
        server.start()
        return
    with server.killed_after(ALL_BYTES // 2):
        run(mine, PUSH, code=None)
    assert len(objects_in(server.objects)) < len(objects_in(mine / ".dvc/cache/files"))
    server.start()
    run(mine, PUSH)
    assert "Everything is up to date" in run(mine, "dvc push")
    sizes = [path.stat().st_size for path in objects_in(server.objects)]
    assert sizes[: FRAMES + 1] == [MODEL_BYTES, *[FRAME_BYTES] * FRAMES]


def test_a_folder_and_a_command_that_is_killed(project: Path, tmp_path: Path) -> None:
    mine, storage = copy_project(project, tmp_path / "mine"), tmp_path / "storage"
    add_remote(mine, storage)
    for folder, line in ((mine, "dvc push"), (tmp_path / "other", "dvc pull")):
        if folder != mine:
            clone(mine, folder)
        place = storage if folder == mine else folder / ".dvc/cache"
        command = start(folder, line)
        while not objects_in(place) and command.is_running():
            pass
        command.kill()
        command.wait()
        run(folder, line)
    check_clone(tmp_path / "other")
    assert "Everything is up to date" in run(mine, "dvc push")


def test_the_run_cache_restores_a_run_that_no_commit_names(project: Path, tmp_path: Path) -> None:
    mine, storage = copy_project(project, tmp_path / "mine"), tmp_path / "storage"
    add_remote(mine, storage)
    run(mine, PUSH)
    other = clone(mine, tmp_path / "other")
    (other / "dvc.lock").unlink()
    (other / "metrics/evaluate.json").unlink()
    run(other, "dvc pull --run-cache --allow-missing")
    text = run(other, "dvc repro --pull")
    assert text.count("is cached - skipping run") == len(STAGES), text
    assert "Running stage" not in text
    assert "0.9" in (other / "metrics/evaluate.json").read_text()


@pytest.mark.parametrize("kind", ["s3", "sftp", "webdav", "http"])
def test_credentials(kind: str, project: Path, tmp_path: Path) -> None:
    """Missing and wrong ones, in `make pull` and in doctor, each with what to set."""
    mine = copy_project(project, tmp_path / "mine")
    flags = ("--user", USER, "--pass", PASSWORD) if kind == "http" else ()
    with serve_storage(kind, tmp_path / "served", *flags) as server:
        add_remote(mine, server)
        shutil.rmtree(mine / ".dvc/cache")
        local = mine / ".dvc/config.local"
        local.unlink()
        missing = run(mine, PULL, code=1)
        assert "credentials are missing" in missing
        write_config(local, server.credentials("wrong"))
        wrong = run(mine, PULL, code=1)
        assert "credentials are wrong" in wrong
        for text in (missing, wrong):
            assert text.count("error:") == 1
            assert "dvc remote modify --local storage KEY VALUE" in text
        assert "credentials are wrong" in run(mine, "python -m deepfake.cli doctor", code=None)
        server.kill()
        assert "is not reachable" in run(mine, PULL, code=1)


def test_without_a_remote(project: Path, tmp_path: Path) -> None:
    mine = copy_project(project, tmp_path / "mine")
    assert "dvc remote add --default storage ADDRESS" in run(mine, PULL, code=1)
    run(mine, "dvc remote add one /nowhere")
    assert "dvc remote default --local NAME` (one)" in run(mine, PULL, code=1)
    run(mine, "dvc remote default one")
    text = run(mine, f"{PULL} train")
    assert "not in the remote" not in text, "what the cache has needs no remote"
    shutil.rmtree(mine / ".dvc/cache")
    (mine / "models/model.safetensors").unlink()
    assert "models/model.safetensors" in run(mine, f"{PULL} train", code=1)


def test_a_public_remote_has_a_part(project: Path, tmp_path: Path) -> None:
    mine = copy_project(project, tmp_path / "mine")
    add_remote(mine, tmp_path / "storage")
    run(mine, "dvc push train evaluate")
    text = run(clone(mine, tmp_path / "other"), PULL)
    _, _, absent = text.partition("not in the remote, so not pulled:")
    names = ["data/crops.csv", "data/export.csv", "data/frames", "data/plots.csv"]
    assert sorted(absent.split()) == names
