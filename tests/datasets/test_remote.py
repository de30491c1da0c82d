"""The listing of a remote data set, and every importer on one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from layouts import TREES
from storage_servers import PASSWORD, USER, Server, serve_storage
from trees import files_in, tree
from typer.testing import CliRunner

from deepfake.base import remote_listing
from deepfake.base.errors import ManifestError
from deepfake.base.remote import RemoteFile
from deepfake.base.remote_listing import RemoteListing, RemoteListingError, read_listing
from deepfake.cli.app import app
from deepfake.datasets import remote, scanning

pytestmark = pytest.mark.slow

UNCACHED = ("--dir-cache-time", "0s")  # these tests change the files behind the server

LABELS = "path,label\nreal/a.mp4,REAL\nfake/b.mp4,FAKE\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_storage("s3", tmp_path_factory.mktemp("servers") / "s3", *UNCACHED) as started:
        yield started


@pytest.fixture
def bucket(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The local folder of s3://bucket/NAME; an empty folder is current."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PASSWORD)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    monkeypatch.chdir(tmp_path)
    return server.folder / "bucket" / tmp_path.name


@pytest.mark.parametrize("layout", scanning.LAYOUTS)
def test_every_importer_reads_a_remote_data_set_as_a_local_one(bucket: Path, layout: str) -> None:
    names, files = TREES[layout]
    tree(bucket, *names, files=files)
    listing = Path("data/listings/mine")
    remote.update_listing(listing, f"s3://bucket/{bucket.name}")
    here, there = (scanning.scan(root, "mine", "auto", "*") for root in (bucket, listing))
    assert there.rows.drop(columns=["sha256", "version"]).equals(here.rows.drop(columns="sha256"))
    assert (there.rows["sha256"] == "").all()
    assert there.rows["version"].str.match(r"^(etag:\w+ \d+|files:\w{64})$").all()
    assert there.notes == [f"files: s3://bucket/{bucket.name}", *here.notes]


def test_a_listing_changes_with_its_files(bucket: Path) -> None:
    tree(bucket, "real/a.mp4", "fake/b.mp4", "fake/c.mp4", files={"labels.csv": LABELS})
    runner, folder = CliRunner(), Path("data/listings/mine")
    first = runner.invoke(app, ["list-files", "mine", f"s3://bucket/{bucket.name}"])
    assert "4 files, 0.00 GB in s3://bucket/" in first.stdout
    assert "; 4 new, 0 changed, 0 removed\n" in first.stdout
    assert files_in(folder) == {"source.json", "objects.csv", "files/labels.csv"}
    before = {name: (folder / name).read_bytes() for name in files_in(folder)}
    versions = scanning.scan(folder, "mine", "csv", "*").rows.set_index("path")["version"]

    unchanged = runner.invoke(app, ["list-files", "mine"])
    assert "; 0 new, 0 changed, 0 removed\n" in unchanged.stdout
    assert {name: (folder / name).read_bytes() for name in files_in(folder)} == before

    (bucket / "real/a.mp4").write_text("changed")
    (bucket / "fake/c.mp4").unlink()
    tree(bucket, files={"labels.csv": LABELS.replace("FAKE", "1"), "note.txt": "new"})
    changed = runner.invoke(app, ["list-files", "mine"])
    assert "; 1 new, 2 changed, 1 removed\n" in changed.stdout
    assert (folder / "files/labels.csv").read_text() == LABELS.replace("FAKE", "1")
    after = scanning.scan(folder, "mine", "csv", "*").rows.set_index("path")["version"]
    assert (after != versions).to_dict() == {"real/a.mp4": True, "fake/b.mp4": False}


def test_a_failed_command_leaves_the_listing_as_it_was(
    bucket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(bucket, "real/a.mp4", "fake/b.mp4")
    runner, folder = CliRunner(), Path("data/listings/mine")
    assert runner.invoke(app, ["list-files", "mine"]).exit_code == 1  # no address yet
    assert not folder.exists()
    empty = runner.invoke(app, ["list-files", "mine", "s3://bucket/nothing"])
    assert (empty.exit_code, empty.stderr) == (
        1,
        "error: s3://bucket/nothing has no files: check the address\n",
    )
    runner.invoke(app, ["list-files", "mine", f"s3://bucket/{bucket.name}"])
    before = (folder / "objects.csv").read_bytes()
    (bucket / "real/a.mp4").write_text("changed")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    failed = runner.invoke(app, ["list-files", "mine"])
    assert failed.exit_code == 1
    assert re.fullmatch(r"error: s3://bucket/\S+: access denied .*\n", failed.stderr)
    assert (folder / "objects.csv").read_bytes() == before


def test_errors_and_notes_name_the_address(bucket: Path) -> None:
    tree(bucket, "real/a.mp4", files={"labels.csv": LABELS, "fake/b.mp4": ""})
    folder = Path("data/listings/mine")
    remote.update_listing(folder, f"s3://bucket/{bucket.name}")
    assert "fake/b.mp4: is empty" in scanning.scan(folder, "mine", "csv", "*").notes
    (bucket / "fake/b.mp4").unlink()
    remote.update_listing(folder)
    with pytest.raises(ManifestError) as caught:
        scanning.scan(folder, "mine", "csv", "*")
    assert str(caught.value).startswith(
        f"s3://bucket/{bucket.name} has 1 paths that cannot be used"
    )
    (folder / "files/labels.csv").unlink()
    with pytest.raises(
        ManifestError, match=r"labels.csv is missing: run `deepfake list-files mine"
    ):
        scanning.scan(folder, "mine", "csv", "*")
    (folder / remote_listing.OBJECTS).write_text("path,size\na.mp4,one\n")
    with pytest.raises(RemoteListingError, match="is not the listing of a remote data set"):
        scanning.scan(folder, "mine", "csv", "*")


def test_paths_that_no_local_disk_could_hold_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = ("../a.mp4", "/b.mp4", "c//d.mp4", "e/./f.mp4", "g", f"{'h' * 300}.mp4")
    files = [RemoteFile(path, 1, "etag:0") for path in sorted([*bad, "g/i.mp4", "real/j.mp4"])]
    monkeypatch.setattr(remote.RemoteFolder, "files", lambda _: files)
    changes = remote.update_listing(tmp_path, "s3://bucket")
    assert {*changes.left_out} == {*bad}
    assert [file.path for file in changes.listing.files] == ["g/i.mp4", "real/j.mp4"]
    with remote.as_folder(tmp_path, read_listing(tmp_path)) as folder:
        assert files_in(folder) == {"g/i.mp4", "real/j.mp4"}


def test_the_version_of_a_folder_of_frames_changes_with_each_file() -> None:
    def version(*versions: str) -> str:
        files = [RemoteFile(f"a.mp4/{i}.png", 1, tag) for i, tag in enumerate(versions)]
        return RemoteListing("s3://b", files).version_of("a.mp4")

    found = [version("etag:0"), version("etag:0", "etag:1"), version("etag:0", "etag:2")]
    assert len({*found}) == 3
    assert found[0] == version("etag:0")


def test_an_address_is_no_root() -> None:
    from deepfake.params.schema import DatasetParams

    with pytest.raises(
        ValueError, match=r"run `deepfake list-files NAME s3://b/p`, then set it to"
    ):
        DatasetParams(root="s3://b/p", layout="auto", include="*")
