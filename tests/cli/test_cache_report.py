"""What is in the cache, and which results the manifest still needs."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ClipMaker, execution
from typer.testing import CliRunner

from deepfake.base.errors import CacheError
from deepfake.base.numerics import ANYWHERE, VARIABLE
from deepfake.cli.app import app
from deepfake.cli.cache_report import cached_results, overview, prune
from deepfake.core.files import sha256_of
from deepfake.core.tables import write_csv
from deepfake.faces.crops import extract_crops
from deepfake.jobs.cache import Cache
from deepfake.params.schema import DatasetParams, Params
from deepfake.splits.near_duplicates import hash_videos
from deepfake.video.frames import extract_frames

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(params: Params) -> Params:
    dataset = DatasetParams(root="raw", layout="auto", include="*")
    return params.model_copy(update={"dataset": {"d": dataset}, "numerics": "machine"})


@pytest.fixture
def project(in_threads: Path, make_clip: ClipMaker, settings: Params) -> Path:
    """Three clips whose frames, crops and hashes are in the cache."""
    (in_threads / "raw").mkdir()
    for name, count in (("a", 6), ("b", 7), ("c", 8)):
        make_clip(in_threads / f"raw/{name}.mp4", count)
    manifest = write_manifest("a", "b", "c")
    preprocess(manifest, settings)
    return in_threads


def write_manifest(*names: str) -> pd.DataFrame:
    """Write data/manifest.csv with these clips; returns its rows."""
    table = pd.DataFrame(
        {
            "video_id": [f"d/{name}" for name in names],
            "path": [f"{name}.mp4" for name in names],
            "dataset": "d",
            "kind": "video",
            "sha256": [sha256_of(Path(f"raw/{name}.mp4")) for name in names],
        }
    )
    write_csv(Path("data/manifest.csv"), table)
    return table


def preprocess(manifest: pd.DataFrame, settings: Params) -> None:
    frames = Path("data/frames")
    extract_frames(manifest, {"d": Path("raw")}, frames, settings.frames, execution())
    extract_crops(manifest, frames, Path("data/crops"), settings.crops, execution())
    hash_videos(manifest, frames, execution())


def needed_count(settings: Params) -> int:
    return sum(one.needed for one in cached_results(Cache(), settings))


@pytest.mark.usefixtures("project")
def test_everything_is_needed_after_a_run(settings: Params) -> None:
    found = cached_results(Cache(), settings)
    assert [one.needed for one in found] == [True] * 9
    table = overview(found).set_index("step")
    assert table["results"].to_dict() == {"crop_archive": 3, "frame_archive": 3, "hash_frames": 3}
    assert table["bytes"].sum() == sum(one.path.stat().st_size for one in found)
    assert (table["needed"] == table["results"]).all()


@pytest.mark.usefixtures("project")
def test_results_of_a_removed_video_are_pruned(settings: Params) -> None:
    write_manifest("a", "c")
    assert needed_count(settings) == 6
    prune(cached_results(Cache(), settings))
    assert [one.needed for one in cached_results(Cache(), settings)] == [True] * 6
    assert len(list(Path(".scratch/videos").iterdir())) <= 2, "no empty folders are left"


@pytest.mark.usefixtures("project")
def test_results_of_other_parameters_are_pruned(settings: Params) -> None:
    other = settings.frames.model_copy(update={"per_video": 2})
    changed = settings.model_copy(update={"frames": other})
    assert needed_count(changed) == 6, "new frames are missing, the crops of the old ones exist"
    preprocess(write_manifest("a", "b", "c"), changed)
    assert len(cached_results(Cache(), changed)) == 18
    assert needed_count(changed) == 9


@pytest.mark.usefixtures("project")
def test_results_of_other_numerics_are_not_needed(
    settings: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command runs without the environment of the stages."""
    anywhere = settings.model_copy(update={"numerics": ANYWHERE})
    assert (needed_count(settings), needed_count(anywhere)) == (9, 0)
    with monkeypatch.context() as stage:
        stage.setenv(VARIABLE, ANYWHERE)
        preprocess(write_manifest("a", "b", "c"), anywhere)
        assert needed_count(settings) == 9
    assert needed_count(anywhere) == 9


@pytest.mark.usefixtures("project")
def test_results_of_a_killed_run_are_needed(settings: Params) -> None:
    """DVC deletes the outputs of a stage before it runs the stage again."""
    shutil.rmtree("data/frames")
    leftover = next(Path(".scratch/videos").glob("*/*")) / ".writing-abc"
    leftover.touch()
    found = cached_results(Cache(), settings)
    assert [one.path for one in found if not one.needed] == [leftover]


def test_a_missing_manifest_is_an_error(in_threads: Path, settings: Params) -> None:
    assert in_threads.is_dir()
    with pytest.raises(CacheError, match="dvc repro manifest"):
        cached_results(Cache(), settings)


def test_command(project: Path, settings: Params) -> None:
    (project / "params.yaml").write_text(yaml.safe_dump(settings.model_dump()))
    write_manifest("a")
    result = CliRunner().invoke(app, ["cache"])
    assert result.exit_code == 0
    assert "frame_archive" in result.stdout
    assert "9 results in all, 6 (" in result.stdout
    assert "--prune" in result.stdout
    assert CliRunner().invoke(app, ["cache", "--prune"]).stdout.strip().endswith("deleted")
    assert "3 results in all, 0 (0.0 MB) not needed" in CliRunner().invoke(app, ["cache"]).stdout


def test_command_without_a_manifest(in_threads: Path, settings: Params) -> None:
    (in_threads / "params.yaml").write_text(yaml.safe_dump(settings.model_dump()))
    result = CliRunner().invoke(app, ["cache"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: data/manifest.csv is missing")
