"""The commands of docs/sharing.md, word for word, in the order of the page."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from shared_project import FRAMES, STAGES, copy_project
from storage_servers import BUCKET, PASSWORD, USER, serve_storage

pytestmark = pytest.mark.slow
OBJECTS = (
    FRAMES + 8
)  # two lists of files, the model, two tables of predictions, three of other stages
PUSHED = f"{OBJECTS + len(STAGES)} files pushed"  # with an entry of the run cache for each stage


def blocks_of(page: Path) -> dict[str, str]:
    """The commands under each heading."""
    sections = re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {
        part.splitlines()[0]: re.findall(r"^```sh\n(.*?)^```", part, re.DOTALL | re.MULTILINE)
        for part in sections
    }
    return {title: "".join(blocks) for title, blocks in found.items() if blocks}


def shell(folder: Path, commands: str, code: int = 0, **variables: object) -> str:
    """Run commands as a reader does, and return what they print."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    author = {
        f"GIT_{role}_{key}": "a@b" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
    }
    given = {name: str(value) for name, value in variables.items()}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env={**os.environ, "PATH": path, **author, **given},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_command_of_the_page(repository: Path, project: Path, tmp_path: Path) -> None:
    blocks = blocks_of(repository / "docs" / "sharing.md")
    recipes = {
        "S3 and compatible storage": "s3",
        "SSH and SFTP": "sftp",
        "WebDAV": "webdav",
    }
    names = {
        "ACCESS_KEY_ID": USER,
        "USER_NAME": USER,
        "SECRET_ACCESS_KEY": PASSWORD,
        "PASSWORD": PASSWORD,
    }
    for title, kind in recipes.items():
        mine = copy_project(project, tmp_path / kind)
        with serve_storage(kind, tmp_path / f"served-{kind}") as server:
            place = {"STORAGE": server.address, "ENDPOINT": server.endpoint, **names}
            assert PUSHED in shell(mine, blocks.pop(title), **place)

    mine = copy_project(project, tmp_path / "folder")
    (mine / "note").write_text("a commit after the run\n")
    text = shell(mine, blocks.pop("Shared folder"), STORAGE=tmp_path / "drive")
    assert PUSHED in text
    shell(mine, "git add .dvc/config && git commit --quiet --message storage")
    text = shell(mine, blocks.pop("In another clone"), REPOSITORY=mine)
    assert "Running stage" not in text
    text = shell(mine, blocks.pop("Reuse a colleague's run"))
    assert "Running stage" not in text
    text = shell(
        mine, blocks.pop("Damaged objects"), code=1
    )  # other checks fail in a small repository
    assert f"DVC objects    all intact: {OBJECTS + 1} in cache, {OBJECTS} in storage" in text
    text = shell(mine, blocks.pop("Pull"))
    assert "Everything is up to date" in text

    mine = copy_project(project, tmp_path / "public")
    with serve_storage("http", tmp_path / "served-http") as server:
        served = server.folder / BUCKET / "runs"
        place = {"PUBLIC": server.address, "STORAGE": tmp_path / "private", "SERVED": served}
        shell(mine, blocks.pop("Public results, private data"), **place)
        shell(
            tmp_path,
            f"git clone --quiet {mine} reader && cp -r {mine}/.venv reader && cd reader && make pull",
        )
    reader = tmp_path / "reader"
    assert (reader / "models/model.safetensors").is_file()
    assert (reader / "data/predictions/test.csv").is_file()
    assert not (reader / "data/frames").exists()
    assert blocks == {}, "commands that no test runs"
