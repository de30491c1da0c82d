"""Every bad input gets a status and a reason in the tables, and no stage stops."""

import os
from pathlib import Path

import pandas as pd
import pytest
from bad_inputs import BAD_INPUTS, BadInput
from conftest import ClipMaker, execution

from deepfake.core import archive
from deepfake.core.tables import read_csv, write_csv
from deepfake.datasets.manifest import build_manifest
from deepfake.datasets.scanning import scan
from deepfake.faces.crops import extract_crops
from deepfake.params.loading import load_params
from deepfake.video.frames import extract_frames, failures
from deepfake.video.record import OK, USABLE


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory, make_clip: ClipMaker) -> Path:
    """All bad inputs below fake/, each in its own folder, and a valid clip below real/."""
    root = tmp_path_factory.mktemp("raw")
    for number, bad in enumerate(BAD_INPUTS):
        folder = root / "fake" / f"{number:02d}"
        folder.mkdir(parents=True)
        bad.write(folder)
    (root / "real").mkdir()
    make_clip(root / "real/good.mp4", 30)
    return root


@pytest.fixture(scope="module")
def tables(
    raw: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pd.DataFrame]:
    """Tables that the stages write."""
    params = load_params(repository / "params.yaml")
    before = Path.cwd()
    out = tmp_path_factory.mktemp("project")
    os.chdir(out)
    try:
        manifest = build_manifest({"d": scan(raw, "d", "auto", "*")}).table
        write_csv(out / "manifest.csv", manifest)
        manifest = read_csv(out / "manifest.csv")  # as the stages read it
        frames = extract_frames(
            manifest, {"d": raw}, out / "frames", params.frames, execution(2, video_seconds=60)
        )
        failed = failures(frames, manifest)
        write_csv(out / "failures.csv", failed)
        _, videos = extract_crops(
            manifest, out / "frames", out / "crops", params.crops, execution(2)
        )
    finally:
        os.chdir(before)
    by_name = frames.assign(path=manifest["path"]).set_index("path")
    return {"frames": by_name, "failures": read_csv(out / "failures.csv"), "coverage": videos}


def path_of(bad: BadInput) -> str:
    return f"fake/{BAD_INPUTS.index(bad):02d}/{bad.name}"


@pytest.mark.slow
@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: ascii(bad.name)[:40])
def test_status(tables: dict[str, pd.DataFrame], bad: BadInput) -> None:
    row = tables["frames"].loc[path_of(bad)]
    assert row["status"] in bad.status
    listed = tables["failures"][tables["failures"]["path"] == path_of(bad)]
    assert len(listed) == (row["status"] != OK)
    if len(listed):
        assert listed["reason"].item() == row["reason"] != ""
        assert os.sep not in row["reason"], "tables must not have absolute paths"


def test_the_valid_clip_is_ok(tables: dict[str, pd.DataFrame]) -> None:
    row = tables["frames"].loc["real/good.mp4"]
    assert (row["status"], row["reason"], row["frame_count"]) == ("ok", "", 30)


def test_every_input_has_a_row_in_coverage(tables: dict[str, pd.DataFrame]) -> None:
    frames, coverage = tables["frames"], tables["coverage"]
    assert coverage["video_id"].tolist() == frames["video_id"].tolist()
    assert len(coverage) == len(BAD_INPUTS) + 1
    usable = frames["status"].isin(USABLE).to_numpy()
    assert ((coverage["status"] == "no_frames").to_numpy() == ~usable).all()


def test_unusual_names_have_distinct_archives(
    tables: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    ids = tables["frames"]["video_id"]
    assert len({archive.path_of(tmp_path, video_id) for video_id in ids}) == len(ids)
