"""How arguments expand to files, the kind of files, and downloads."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ClipMaker
from trees import tree
from web_server import Served

from deepfake.base.download import DownloadError, fetch, is_url
from deepfake.datasets.scanning import scan
from deepfake.predict.inputs import Expanded, InputFile, expand, sniff


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a few files and folders."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.mp4", "a[1].mp4", "sub/c.JPG", "sub/deep/d.gif", "sub/.hidden/e.mp4", "n.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["b.mp4"], ["b.mp4"]),
        (["n.txt"], ["n.txt"]),  # a named file is kept whatever its suffix
        (["sub"], ["sub/c.JPG", "sub/deep/d.gif"]),
        (["*.mp4"], ["a[1].mp4", "b.mp4"]),
        (["a[1].mp4"], ["a[1].mp4"]),  # a file of this name takes precedence over the pattern
        (["**/*.gif", "b.mp4", "b.mp4"], ["sub/deep/d.gif", "b.mp4"]),
        (["su?"], ["sub/c.JPG", "sub/deep/d.gif"]),
        (["https://host/x?y=*", "s3://bucket/z"], ["https://host/x?y=*", "s3://bucket/z"]),
        (["-"], ["b.mp4", "sub/c.JPG", "sub/deep/d.gif"]),
        (["nowhere.mp4", "b.mp4"], ["nowhere.mp4", "b.mp4"]),  # its result says that it is missing
        (["a" * 300, "b.mp4"], ["a" * 300, "b.mp4"]),
        (["a\0b", "b.mp4"], ["a\0b", "b.mp4"]),  # as of `find -print0`
    ],
)
def test_names_expand_to_files(names: list[str], files: list[str]) -> None:
    expanded = expand(names, ["b.mp4\n", "\n", "sub\r\n"])
    assert (expanded.files, expanded.errors) == ([InputFile(file) for file in files], [])


@pytest.mark.usefixtures("folder")
def test_folders_and_patterns_without_a_file_are_errors_and_the_others_are_kept() -> None:
    assert expand(["empty", "x*.mp4", "b.mp4"]) == Expanded(
        files=[InputFile("b.mp4")],
        errors=[
            "empty: no image or video in this folder",
            "x*.mp4: nothing matches this pattern",
        ],
        notes=[],
    )


@pytest.mark.usefixtures("folder")
def test_files_that_are_skipped_in_folders_are_noted() -> None:
    tree(Path(), "sub/Thumbs.db", "sub/a.txt", "sub/b.txt", "more/c.png", "more/desktop.ini")
    expanded = expand(["sub", "m*", "n.txt"])
    names = ["sub/c.JPG", "sub/deep/d.gif", "more/c.png", "n.txt"]
    assert expanded.files == [InputFile(name) for name in names]
    assert expanded.notes == [
        "sub: 4 files skipped: 2 .txt (a.txt), 1 .db (Thumbs.db), 1 hidden (.hidden)",
        "more: 1 file skipped: 1 .ini (desktop.ini)",
    ]


@pytest.mark.usefixtures("folder")
def test_a_folder_of_the_frames_of_a_video_is_one_file() -> None:
    tree(Path(), "more/clip.mp4/0.png", "more/clip.mp4/1.png")
    for name in ("more", "more/clip.mp4", "more/*.mp4"):
        assert expand([name]).files == [InputFile("more/clip.mp4")]


@pytest.mark.usefixtures("folder")
def test_a_pattern_reads_linked_folders_once() -> None:
    Path("sub/loop").symlink_to("..")
    expanded = expand(["sub/**/*.gif", "**/*.JPG"])
    assert expanded.files == [InputFile("sub/deep/d.gif"), InputFile("sub/c.JPG")]


@pytest.mark.usefixtures("folder")
def test_a_folder_without_permission_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", forbidden)
    expanded = expand(["sub", "b.mp4"])
    assert (expanded.files, expanded.errors) == (
        [InputFile("b.mp4")],
        ["sub: Permission denied"],
    )


def test_predict_and_scan_find_the_same_files(tmp_path: Path) -> None:
    """By the same suffixes, in linked folders too, and without hidden ones."""
    suffixes = (".wmv", ".3gp", ".mts", ".m2ts", ".heic", ".avif", ".jfif", ".tar", ".txt", ".MP4")
    root = tree(
        tmp_path / "root",
        *(
            f"{label}/{label}{suffix[1:]}{suffix}"
            for suffix in suffixes
            for label in ("real", "fake")
        ),
        *("real/frames.mp4/0.png", "real/download.mp4/clip.mp4", "real/.hidden/a.mp4"),
        *("real/._a.mp4", "fake/Thumbs.db", "fake/README"),
    )
    tree(tmp_path, "elsewhere/linked.mp4")
    (root / "fake/link").symlink_to(tmp_path / "elsewhere")
    (root / "fake/loop").symlink_to(root / "fake")
    (root / "fake/broken.mp4").symlink_to("nowhere")
    found = [Path(file.name).relative_to(root).as_posix() for file in expand([str(root)]).files]
    assert found == sorted(scan(root, "d", "folders", "*").rows["path"], key=Path)
    assert {"fake/link/linked.mp4", "real/frames.mp4", "real/download.mp4/clip.mp4"} <= {*found}
    assert len(found) == 2 * (len(suffixes) - 1) + 4


@pytest.mark.usefixtures("folder")
def test_names_in_no_valid_encoding_are_kept() -> None:
    name = os.fsdecode(b"\xff.mp4")
    Path(name).touch()
    assert expand(["-"], [f"{name}\n"]).files == [InputFile(name)]


@pytest.mark.usefixtures("folder")
def test_a_broken_link_is_kept() -> None:
    Path("link.mp4").symlink_to("gone.mp4")
    assert expand(["link.mp4"]).files == [InputFile("link.mp4")]


def image_bytes(suffix: str) -> bytes:
    return bytes(cv2.imencode(suffix, np.zeros((8, 8, 3), np.uint8))[1])


def tar_bytes() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        member = tarfile.TarInfo("0.jpg")
        tar.addfile(member, io.BytesIO())
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (image_bytes(".jpg"), "image"),
        (image_bytes(".png"), "image"),
        (image_bytes(".bmp"), "image"),
        (image_bytes(".webp"), "image"),
        (image_bytes(".tiff"), "image"),
        (tar_bytes(), "frames"),
        (gzip.compress(tar_bytes(), mtime=0), "frames"),
        (b"GIF89a", "video"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        (b"", "video"),
        (b"text", "video"),
    ],
)
def test_content_decides_the_kind(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "misleading.mp4"
    path.write_bytes(data)
    assert sniff(path) == kind


def test_the_kind_of_pipes_folders_and_missing_files(tmp_path: Path, make_clip: ClipMaker) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert sniff(tmp_path / "pipe") == "video"
    assert sniff(tmp_path / "nowhere") == "video"
    assert sniff(tmp_path) == "frames"
    assert sniff(make_clip(tmp_path / "clip.mp4", 3).rename(tmp_path / "clip.jpg")) == "video"


def test_download(tmp_path: Path, served: Served) -> None:
    (served.folder / "clip").write_bytes(b"x" * 5_000_000)
    fetch(served.url("clip?id=3"), tmp_path / "got", 5_000_000)
    assert (tmp_path / "got").read_bytes() == b"x" * 5_000_000


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("big", "more than 1 MB, which is the limit"),
        ("gone", "cannot be downloaded: FileNotFoundError"),
    ],
)
def test_a_failed_download_is_an_error(
    tmp_path: Path, served: Served, name: str, message: str
) -> None:
    (served.folder / "big").write_bytes(b"x" * 1_000_001)
    with pytest.raises(DownloadError, match=message):
        fetch(served.url(name), tmp_path / "got", 1_000_000)


@pytest.mark.parametrize("url", ["nonsense://x/y", "http://127.0.0.1:1/x"])
def test_an_address_without_a_server_is_an_error(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="cannot be downloaded"):
        fetch(url, tmp_path / "got", 1_000_000)


def test_is_url() -> None:
    assert is_url("s3://bucket/a.mp4")
    assert not is_url("C:/a.mp4")
    assert not is_url("a/b.mp4")
