"""Videos in a bucket: from the listing to frames, digests and splits, through outages and changes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ClipMaker, InProcessWorker, execution
from storage_servers import PASSWORD, USER, Server, serve_storage

from deepfake.base import remote
from deepfake.base.errors import ManifestError
from deepfake.base.remote import RemoteError
from deepfake.base.remote_listing import RemoteListingError
from deepfake.core.files import sha256_of
from deepfake.datasets.manifest import build_manifest
from deepfake.datasets.remote import update_listing
from deepfake.datasets.scanning import scan
from deepfake.jobs import pool
from deepfake.jobs.cache import Cache
from deepfake.jobs.step import Failure, Video
from deepfake.params.loading import load_params
from deepfake.splits.policies import with_digests
from deepfake.video import frames

pytestmark = pytest.mark.slow

UNCACHED = ("--dir-cache-time", "0s")  # these tests change the files behind the server

NAMES = [f"real/{i}.mp4" for i in range(4)] + [f"fake/{i}.mp4" for i in range(4)]
FRAMES = load_params(Path(__file__).parents[2] / "params.yaml").frames
LISTING, OUT = Path("data/listings/mine"), Path("data/frames")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_storage("s3", tmp_path_factory.mktemp("servers") / "s3", *UNCACHED) as started:
        yield started


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory, make_clip: ClipMaker) -> Path:
    """A folder with a clip for each of `NAMES`."""
    folder = tmp_path_factory.mktemp("originals")
    for number, name in enumerate(NAMES):
        (folder / name).parent.mkdir(exist_ok=True)
        make_clip(folder / name, 4 + number)
    return folder


@pytest.fixture
def bucket(
    server: Server, originals: Path, in_threads: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The local folder of a bucket with clips, listed; an empty folder is current."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", PASSWORD)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(remote, "PAUSES", (0.05, 0.05))
    folder = server.folder / "bucket" / in_threads.name
    shutil.copytree(originals, folder)
    update_listing(LISTING, f"s3://bucket/{folder.name}")
    return folder


def manifest() -> pd.DataFrame:
    return build_manifest({"mine": scan(LISTING, "mine", "folders", "*")}).table


def extract(rows: pd.DataFrame, gigabytes: float = 1, workers: int = 1) -> pd.DataFrame:
    limits = execution(workers, download_gigabytes=gigabytes)
    table = frames.extract_frames(rows, {"mine": LISTING}, OUT, FRAMES, limits)
    return table.set_index("video_id")


def finished() -> int:
    """Number of videos whose result is kept."""
    return sum(path.name.startswith("frame_archive") for _, path in Cache().entries())


def test_videos_in_a_bucket_give_the_frames_and_digests_of_local_ones(bucket: Path) -> None:
    rows = manifest()
    there = extract(rows, workers=2)
    local = scan(bucket, "mine", "folders", "*").rows
    (OUT / "mine").rename("there")
    here = frames.extract_frames(local, {"mine": bucket}, OUT, FRAMES, execution())
    assert there.reset_index().equals(here)
    assert {p.name for p in Path("there/real").iterdir()} == {f"{i}.tar" for i in range(4)}
    for path in OUT.rglob("*.tar"):
        assert path.read_bytes() == (Path("there") / path.relative_to(OUT / "mine")).read_bytes()
    digests = frames.remote_digests(rows, Cache())
    assert digests["sha256"].tolist() == [sha256_of(bucket / path) for path in rows["path"]]
    filled = with_digests(rows, digests)
    assert filled.equals(local[filled.columns])


def test_the_same_command_finishes_after_an_outage(
    bucket: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finished videos are kept, and the outage is no result of a video."""
    decoded: list[str] = []
    rows = manifest()
    assert len(rows) == len([*bucket.rglob("*.mp4")])

    class KillingWorker(InProcessWorker):
        """Kills the server after the second video."""

        def run(self, function: Callable[..., bytes], video: Video) -> bytes | Failure:
            decoded.append(video.path.name)
            result = super().run(function, video)
            if len(decoded) == 2:
                server.kill()
            return result

    monkeypatch.setattr(pool, "Worker", KillingWorker)
    try:
        with pytest.raises(RemoteError, match="run the same command again when the server can"):
            extract(rows)
        done = finished()
        assert 2 <= done == len(decoded) < len(NAMES)
        with pytest.raises(RemoteError):
            extract(rows)
        done = finished()
        assert done == len(decoded) < len(NAMES)
    finally:
        server.start()
    table = extract(rows)
    assert (table["status"] == "ok").all()
    assert len(decoded) == finished() == len(NAMES)
    server.relay.reset()
    assert extract(rows).equals(table)
    assert server.relay.down == 0


def test_a_changed_object_is_noticed_and_only_its_frames_are_made_again(
    bucket: Path, make_clip: ClipMaker, server: Server
) -> None:
    before = extract(manifest())
    make_clip(bucket / "real/0.mp4", 20)
    rows = manifest()
    server.relay.reset()
    assert extract(rows).equals(before)  # the bucket is not asked
    assert server.relay.down == 0
    update_listing(LISTING)
    with pytest.raises(RemoteListingError, match="mine changed after it was scanned: run `dvc rep"):
        extract(rows)
    after = extract(manifest())
    assert (after["frame_count"] - before["frame_count"]).replace(0, np.nan).dropna().to_dict() == {
        "mine/real/0": 16
    }
    assert finished() == len(NAMES) + 1


@pytest.mark.parametrize(
    ("action", "error"), [("change", "changed after it was listed"), ("delete", "not found")]
)
def test_an_outdated_listing_stops_the_stage(
    bucket: Path, make_clip: ClipMaker, action: str, error: str
) -> None:
    """The listing is what DVC knows, so nothing else may become its result."""
    rows = manifest()
    if action == "change":
        make_clip(bucket / "real/0.mp4", 20)
    else:
        (bucket / "real/0.mp4").unlink()
    with pytest.raises(RemoteError, match=f"/real/0.mp4.* {error}.*list the files again with"):
        extract(rows)
    update_listing(LISTING)
    assert (extract(manifest())["status"] == "ok").all()


@pytest.mark.usefixtures("bucket")
def test_wrong_credentials_stop_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(RemoteError, match=f"access denied .*: {remote.CREDENTIALS[:21]}") as caught:
        extract(manifest())
    assert "\n" not in str(caught.value)
    assert finished() == 0


def test_broken_and_empty_objects_are_failures_like_local_ones(bucket: Path) -> None:
    (bucket / "real/0.mp4").write_text("no video")
    (bucket / "real/1.mp4").write_text("")
    update_listing(LISTING)
    rows = manifest()
    there = frames.failures(extract(rows).reset_index(), rows)
    local = scan(bucket, "mine", "folders", "*").rows
    table = frames.extract_frames(local, {"mine": bucket}, OUT, FRAMES, execution())
    assert there.equals(frames.failures(table, local))
    assert there["path"].tolist() == ["real/0.mp4", "real/1.mp4"]
    digests = frames.remote_digests(rows, Cache()).set_index("video_id")["sha256"]
    assert digests["mine/real/1"] == ""


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("gigabytes", [0, 10e-6])
def test_downloads_stay_within_their_limit(gigabytes: float) -> None:
    extract(manifest(), gigabytes, workers=2)
    kept = [path for path in Path(".scratch/downloads").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in kept) <= gigabytes * 2**30
    assert len(kept) < len(NAMES)
    assert bool(kept) == bool(gigabytes)


def test_identical_objects_with_both_labels_stop_the_split(bucket: Path) -> None:
    (bucket / "fake/0.mp4").write_bytes((bucket / "real/0.mp4").read_bytes())
    update_listing(LISTING)
    rows = manifest()
    extract(rows)
    with pytest.raises(ManifestError, match="mine/fake/0, mine/real/0: identical files, labelled"):
        with_digests(rows, frames.remote_digests(rows, Cache()))


@pytest.mark.usefixtures("bucket")
def test_a_damaged_copy_is_downloaded_again() -> None:
    rows = manifest()
    before = extract(rows)
    for _, path in [*Cache().entries()]:
        if path.name.startswith("frame_archive"):
            path.unlink()
    (copy, *_) = Path(".scratch/downloads").rglob("*.mp4")
    copy.write_text("damaged")
    assert extract(rows).equals(before)
