"""Frames and crops of real clips in real processes: the same bytes, and no video is lost."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import execution
from mutations import mutate

from deepfake.core.files import content_digest
from deepfake.core.media import kind_by_name
from deepfake.faces.crops import extract_crops
from deepfake.jobs.cache import Cache
from deepfake.params.schema import Params
from deepfake.video import record
from deepfake.video.frames import STATUSES, extract_frames, failures

pytestmark = pytest.mark.slow

CLIPS = ("real/astronaut_1.mp4", "real/carphone_1.mp4", "real/orl01_1.mp4", "real/pyfeat_3.mp4")


def manifest_of(root: Path) -> pd.DataFrame:
    """Rows for all files directly below a folder."""
    paths = sorted(root.iterdir())
    return pd.DataFrame(
        {
            "video_id": [f"d/{path.name}" for path in paths],
            "path": [path.name for path in paths],
            "dataset": "d",
            "kind": [kind_by_name(path) for path in paths],
            "sha256": [content_digest(path) for path in paths],
        }
    )


def preprocess(root: Path, out: Path, params: Params, workers: int = 2) -> dict[str, pd.DataFrame]:
    """Frames, crops and tables of a folder, as the two stages write them."""
    manifest = manifest_of(root)
    limits = execution(workers)
    settings = params.frames.model_copy(update={"per_video": 2})
    frames = extract_frames(manifest, {"d": root}, out / "frames", settings, limits)
    crops, coverage = extract_crops(manifest, out / "frames", out / "crops", params.crops, limits)
    failed = failures(frames, manifest)
    return {"frames": frames, "crops": crops, "coverage": coverage, "failures": failed}


def content(out: Path) -> Mapping[str, bytes]:
    """All files below a folder."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


def cached_files() -> set[Path]:
    """All files in the scratch cache."""
    return {path for _, path in Cache().entries()}


@pytest.fixture
def root(demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four clips of the demo, and a text file with the name of a video."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "raw"
    folder.mkdir()
    for clip in CLIPS:
        shutil.copy(demo_root / clip, folder)
    (folder / "text.mp4").write_text("no video")
    return folder


def test_the_same_bytes_at_any_number_of_workers(
    root: Path, tmp_path: Path, params: Params
) -> None:
    outputs = {}
    for workers in (1, 2, 4):
        shutil.rmtree(".scratch", ignore_errors=True)
        out = tmp_path / f"out{workers}"
        tables = preprocess(root, out, params, workers)
        outputs[workers] = {**content(out), **{name: t.to_csv() for name, t in tables.items()}}
    assert len(outputs[1]) == 2 * 5 + 4
    assert outputs[1] == outputs[2] == outputs[4]


def test_only_new_videos_are_processed(root: Path, tmp_path: Path, params: Params) -> None:
    """Adding, removing, renaming or changing one video costs that video only."""

    def new_results(name: str) -> int:
        before = cached_files()
        preprocess(root, tmp_path / name, params)
        return len(cached_files() - before)

    assert new_results("first") == 2 * 5
    assert new_results("nothing") == 0
    assert content(tmp_path / "nothing") == content(tmp_path / "first")
    (root / "carphone_1.mp4").rename(root / "renamed.mp4")
    assert new_results("renamed") == 0
    (root / "renamed.mp4").unlink()
    assert new_results("removed") == 0
    shutil.copy(root / "orl01_1.mp4", root / "copy.mp4")
    assert new_results("a copy of a known video") == 0
    (root / "copy.mp4").write_bytes((root / "orl01_1.mp4").read_bytes()[:-9])
    assert new_results("changed") == 2


def test_mutated_clips_are_all_reported(
    root: Path, tmp_path: Path, params: Params, mutations: int
) -> None:
    """Each of hundreds of broken files has a status, a reason and an archive."""
    sources = containers(root, tmp_path / "containers")
    rng = np.random.default_rng(0)
    folder = tmp_path / "mutated"
    folder.mkdir()
    for number in range(mutations):
        source = sources[number % len(sources)]
        (folder / f"{number:05d}{source.suffix}").write_bytes(mutate(source.read_bytes(), rng))
    tables = preprocess(folder, tmp_path / "out", params)
    frames, failed = tables["frames"], tables["failures"]
    assert frames["video_id"].tolist() == [f"d/{path.name}" for path in sorted(folder.iterdir())]
    assert len(tables["coverage"]) == mutations
    assert set(frames["status"]) <= set(STATUSES)
    print(frames["status"].value_counts().to_dict())
    not_ok = frames[frames["status"] != record.OK]
    assert failed["video_id"].tolist() == not_ok["video_id"].tolist()
    assert (failed["reason"] != "").all()
    assert len(not_ok) > mutations / 4, "too few mutations break the file"
    archives = {path.name for path in (tmp_path / "out/frames/d").iterdir()}
    assert len(archives) == mutations


def containers(root: Path, folder: Path) -> list[Path]:
    """Real clips in several containers, and a frame as JPEG and PNG."""
    folder.mkdir()
    clips = [Path(shutil.copy(root / name, folder)) for name in ("carphone_1.mp4", "orl01_1.mp4")]
    with av.open(str(root / "carphone_1.mp4")) as clip:
        frames = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)][:40]
    for suffix, codec in ((".mkv", "libx264"), (".webm", "libvpx-vp9"), (".avi", "mpeg4")):
        path = folder / f"clip{suffix}"
        with av.open(str(path), "w") as output:
            stream = output.add_stream(codec, rate=25)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            for frame in frames:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            output.mux(stream.encode())
        clips.append(path)
    for suffix in (".jpg", ".png"):
        cv2.imwrite(str(folder / f"frame{suffix}"), frames[0][..., ::-1])
        clips.append(folder / f"frame{suffix}")
    return clips
