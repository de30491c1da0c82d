"""Videos of remote data sets on the local disk: downloaded once, bounded, never deleted in use."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deepfake.base.remote import RemoteError, RemoteFile, RemoteFolder
from deepfake.core.files import TEMPORARY_PREFIX
from deepfake.jobs.downloads import Downloads, RemoteVideo

SIZE = 100  # bytes of each video


class FakeFolder(RemoteFolder):
    """Writes each file's path instead of downloading it, filled up to its size."""

    def __init__(self) -> None:
        super().__init__("s3://bucket")
        self.downloaded: list[str] = []
        self.is_down = False

    def download(self, file: RemoteFile, target: Path) -> None:
        if self.is_down:
            raise RemoteError("lost")
        self.downloaded.append(file.path)
        target.write_text(file.path.ljust(file.size))


@pytest.fixture
def remote() -> FakeFolder:
    return FakeFolder()


def video(remote: FakeFolder, path: str, *below: str) -> RemoteVideo:
    paths = [f"{path}/{name}" for name in below] or [path]
    return RemoteVideo(remote, path, tuple(RemoteFile(name, SIZE, "etag:0") for name in paths))


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_video_is_downloaded_once(remote: FakeFolder, tmp_path: Path) -> None:
    for downloads in (Downloads(10 * SIZE, tmp_path), Downloads(10 * SIZE, tmp_path)):
        for _ in range(2):
            with downloads.use(video(remote, "real/a.mp4"), "k") as path:
                assert path == tmp_path / "k" / "a.mp4"
                assert path.read_text().strip() == "real/a.mp4"
    assert remote.downloaded == ["real/a.mp4"]


def test_a_folder_of_frames_is_one_video(remote: FakeFolder, tmp_path: Path) -> None:
    frames = video(remote, "real/a.mp4", "0.png", "more/1.png")
    with Downloads(10 * SIZE, tmp_path).use(frames, "k") as path:
        assert (path / "0.png").is_file()
        assert (path / "more" / "1.png").read_text().strip() == "real/a.mp4/more/1.png"


def test_the_least_recently_used_goes_first(remote: FakeFolder, tmp_path: Path) -> None:
    downloads = Downloads(int(3.5 * SIZE), tmp_path)
    for second, key in enumerate(["a", "b", "c"]):
        with downloads.use(video(remote, f"{key}.mp4"), key):
            pass
        os.utime(tmp_path / key, (second, second))
    with downloads.use(video(remote, "a.mp4"), "a"):
        pass
    with downloads.use(video(remote, "d.mp4"), "d"):
        pass
    assert kept(tmp_path) == {"a", "c", "d"}


@pytest.mark.parametrize("limit", [0, SIZE])
def test_a_video_in_use_is_never_deleted(remote: FakeFolder, tmp_path: Path, limit: int) -> None:
    """Neither by this process nor by another one, even if the videos in use exceed the limit."""
    downloads = Downloads(limit, tmp_path)
    with (
        downloads.use(video(remote, "a.mp4"), "a") as a,
        downloads.use(video(remote, "b.mp4"), "b"),
    ):
        program = (
            "import sys; from pathlib import Path; from deepfake.jobs.downloads import Downloads;"
            f"Downloads(0, Path({str(tmp_path)!r}))._make_room(1)"
        )
        subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ})
        assert a.is_file()
        assert kept(tmp_path) == {"a", "b"}
    assert len(kept(tmp_path)) <= limit // SIZE


def test_threads_that_want_the_same_and_other_videos(remote: FakeFolder, tmp_path: Path) -> None:
    downloads = Downloads(2 * SIZE, tmp_path)

    def read(number: int) -> bool:
        name = f"{number % 5}.mp4"
        with downloads.use(video(remote, name), str(number % 5)) as path:
            return path.read_text().strip() == name

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(200)))
    assert len(kept(tmp_path)) <= 2


def test_a_failed_download_leaves_nothing(remote: FakeFolder, tmp_path: Path) -> None:
    remote.is_down = True
    downloads = Downloads(SIZE, tmp_path)
    with pytest.raises(RemoteError), downloads.use(video(remote, "a.mp4"), "a"):
        pass
    assert kept(tmp_path) == set()


def test_what_a_killed_process_left_is_deleted_when_room_is_needed(
    remote: FakeFolder, tmp_path: Path
) -> None:
    left = tmp_path / f"{TEMPORARY_PREFIX}x"
    left.mkdir()
    (left / "a.mp4").write_bytes(b"x" * SIZE)
    os.utime(left, (0, 0))
    with Downloads(SIZE, tmp_path).use(video(remote, "a.mp4"), "a"):
        assert kept(tmp_path) == {"a"}


def test_a_discarded_video_is_downloaded_again(remote: FakeFolder, tmp_path: Path) -> None:
    downloads = Downloads(10 * SIZE, tmp_path)
    with downloads.use(video(remote, "a.mp4"), "a"):
        pass
    downloads.discard("a")
    with downloads.use(video(remote, "a.mp4"), "a") as path:
        assert path.is_file()
    assert len(remote.downloaded) == 2
