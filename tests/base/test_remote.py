"""Files at addresses: complete lists, downloads of one version, lost connections and clear errors."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session
from storage_servers import PASSWORD, START_SECONDS, USER, Server, serve_storage
from trees import tree

from deepfake.base import remote
from deepfake.base.remote import RemoteError, RemoteFolder

pytestmark = pytest.mark.slow

UNCACHED = ("--dir-cache-time", "0s")  # these tests change the files behind the server

NAMES = ("real/a.mp4", "fake/b c #1?.mp4", "labels.csv")
KINDS = ("s3", "sftp", "http")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """A server of each kind."""
    folder = tmp_path_factory.mktemp("servers")
    with (
        serve_storage("s3", folder / "s3", *UNCACHED) as s3,
        serve_storage("sftp", folder / "sftp", *UNCACHED) as sftp,
        serve_storage("http", folder / "http", *UNCACHED) as http,
    ):
        yield {"s3": s3, "sftp": sftp, "http": http}


@pytest.fixture(autouse=True)
def credentials(servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch) -> None:
    """Right credentials, and new attempts without pauses worth mentioning."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PASSWORD)
    monkeypatch.setenv("AWS_ENDPOINT_URL", servers["s3"].endpoint)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(remote, "PAUSES", (0.05, 0.05))
    monkeypatch.setattr(remote, "SSH_OPTIONS", {**remote.SSH_OPTIONS, "password": PASSWORD})


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    """A server with `NAMES` at its address."""
    chosen = servers[request.param]
    tree(chosen.folder / "bucket/runs", *NAMES)
    return chosen


def test_all_files_are_listed_with_their_sizes_and_versions(server: Server) -> None:
    folder = RemoteFolder(server.address)
    files = folder.files()
    assert [(file.path, file.size) for file in files] == [
        (name, len(name)) for name in sorted(NAMES)
    ]
    assert files == RemoteFolder(f"{server.address}/").files()
    kind = "etag:" if server.kind == "s3" else "time:"
    assert all(file.version.startswith(kind) for file in files)
    (only,) = RemoteFolder(f"{server.address}/real").files()
    assert only.path == "a.mp4"


def test_a_file_is_downloaded_in_the_version_that_was_listed(
    server: Server, tmp_path: Path
) -> None:
    folder = RemoteFolder(server.address)
    for file in folder.files():
        folder.download(file, tmp_path / "copy")
        assert (tmp_path / "copy").read_text() == file.path
    (file,) = [file for file in folder.files() if file.path == "real/a.mp4"]
    place = server.folder / "bucket/runs/real/a.mp4"
    place.write_text("another content")
    with pytest.raises(RemoteError, match=r"a.mp4 changed after it was listed: list the files aga"):
        folder.download(file, tmp_path / "copy")
    place.unlink()
    with pytest.raises(RemoteError, match=r"a.mp4: not found .*list the files again with `deepf"):
        folder.download(file, tmp_path / "copy")


def test_a_lost_connection_is_tried_again_and_never_gives_a_part_of_the_list(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RemoteFolder(server.address)
    file = folder.files()[0]
    server.kill()
    for read in (folder.files, lambda: folder.download(file, tmp_path / "copy")):
        with pytest.raises(RemoteError) as caught:
            read()
        (line,) = str(caught.value).splitlines()
        assert line.startswith(server.address)
        assert line.endswith("run the same command again when the server can be reached")
        assert capsys.readouterr().err.count(", next attempt in 0.05 s\n") == 2
    server.start()
    folder.download(file, tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == file.path
    assert len(folder.files()) == len(NAMES)


@pytest.mark.parametrize("broken", ["wrong", None])
def test_credentials_that_are_wrong_or_missing_give_one_clear_line(
    servers: dict[str, Server],
    monkeypatch: pytest.MonkeyPatch,
    broken: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    if broken:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", broken)
        monkeypatch.setattr(remote, "SSH_OPTIONS", {"password": broken})
    else:
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setattr(remote, "SSH_OPTIONS", {"agent_path": None, "client_keys": None})
    for kind in ("s3", "sftp"):
        with pytest.raises(RemoteError) as caught:
            RemoteFolder(servers[kind].address).files()
        (line,) = str(caught.value).splitlines()
        assert line.startswith(f"{servers[kind].address}: access denied (")
        assert line.endswith(remote.CREDENTIALS)
    assert capsys.readouterr().err == ""  # nothing was tried again


def test_addresses_that_cannot_be_used() -> None:
    with pytest.raises(RemoteError, match=r"^sftp://\.\.\.: an address must not contain a passw"):
        RemoteFolder("sftp://me:secret@host/videos")
    with pytest.raises(RemoteError, match=r"^nosuch://a: ValueError .*: use an address that fss"):
        RemoteFolder("nosuch://a").files()


@pytest.fixture
def versioned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A client of an S3 server whose bucket `videos` keeps all versions."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    log = tmp_path / "server.log"
    with log.open("wb") as file:
        command = [sys.executable, "-c", program]
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = get_session().create_client("s3")
        client.create_bucket(Bucket="videos")
        enabled = {"Status": "Enabled"}
        client.put_bucket_versioning(Bucket="videos", VersioningConfiguration=enabled)
        yield client
    finally:
        process.kill()
        process.wait()


def test_a_bucket_with_versions_gives_the_listed_one_also_after_a_change(
    versioned: Any, tmp_path: Path
) -> None:
    for content in (b"old", b"listed"):
        versioned.put_object(Bucket="videos", Key="raw/a.mp4", Body=content)
    versioned.put_object(Bucket="videos", Key="raw/gone.mp4", Body=b"gone")
    versioned.delete_object(Bucket="videos", Key="raw/gone.mp4")
    versioned.put_object(Bucket="videos", Key="raw/folder/", Body=b"")
    folder = RemoteFolder("s3://videos/raw")
    (file,) = folder.files()
    assert (file.path, file.size) == ("a.mp4", len(b"listed"))
    assert file.version.startswith("id:")
    versioned.put_object(Bucket="videos", Key="raw/a.mp4", Body=b"new")
    assert folder.files() != [file]
    versioned.delete_object(Bucket="videos", Key="raw/a.mp4")
    assert folder.files() == []
    folder.download(file, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"listed"
    versioned.delete_object(Bucket="videos", Key="raw/a.mp4", VersionId=file.version[3:])
    with pytest.raises(RemoteError, match=r"raw/a.mp4: not found .*list the files again"):
        folder.download(file, tmp_path / "copy")
