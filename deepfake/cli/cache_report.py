"""What is in the scratch cache, and which results the current manifest still needs."""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from deepfake.base.errors import CacheError
from deepfake.base.numerics import ANYWHERE, VARIABLE
from deepfake.core.tables import read_csv
from deepfake.faces.crops import crop_inputs, crop_step
from deepfake.faces.landmark_table import landmark_inputs, landmark_step
from deepfake.jobs.cache import Cache, is_leftover
from deepfake.jobs.step import DIGEST, Step, Video
from deepfake.params.schema import Params
from deepfake.splits.identities import embedding_inputs, embedding_step
from deepfake.splits.near_duplicates import hash_inputs, hash_step
from deepfake.video.frames import frame_inputs, frame_step

COLUMNS = ["step", "results", "bytes", "needed"]


@dataclass(frozen=True)
class CachedResult:
    """A file in the cache.

    Attributes:
        path: the file.
        step: name of the function that made it.
        size: bytes.
        needed: whether a run of the pipeline as it is now would read it.
    """

    path: Path
    step: str
    size: int
    needed: bool


def cached_results(cache: Cache, params: Params) -> list[CachedResult]:
    """All results in the cache.

    A result is needed if it belongs to a video of `data/manifest.csv` and to the current parameters,
    code, frames and crops. If the frames or crops of a video are missing, as after a killed run, all
    results that are made from them are needed.

    Args:
        cache: the scratch cache.
        params: params.yaml.

    Raises:
        CacheError: there is no manifest.
    """
    path = Path("data/manifest.csv")
    if not path.is_file():
        raise CacheError(f"{path} is missing: run `dvc repro manifest`")
    needed, steps_needed = _needed(read_csv(path), params)
    results = []
    for key, file in cache.entries():
        name, _, checksum = file.name.partition(".")
        step = name.split("-")[0]
        matches = checksum and (name in needed[key] or step in steps_needed[key])
        is_needed = bool(matches) and not is_leftover(file)
        results.append(CachedResult(file, step, file.stat().st_size, is_needed))
    return results


def overview(results: list[CachedResult]) -> pd.DataFrame:
    """Totals per step: step, number of results, bytes, number of needed results."""
    rows = [(one.step, 1, one.size, int(one.needed)) for one in results]
    return pd.DataFrame(rows, columns=COLUMNS).groupby("step", as_index=False).sum()


def prune(results: list[CachedResult]) -> None:
    """Delete results that are not needed, and folders that become empty."""
    for one in results:
        if not one.needed:
            one.path.unlink(missing_ok=True)
    for folder in {one.path.parent for one in results}:
        for level in (folder, folder.parent):
            if not any(level.iterdir()):
                level.rmdir()


def _needed(
    manifest: pd.DataFrame, params: Params
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """By key of the video: names of needed results, and steps whose results are all needed."""
    names: dict[str, set[str]] = defaultdict(set)
    steps: dict[str, set[str]] = defaultdict(set)
    with _numerics(params.numerics):
        wanted = list(_steps(manifest, params))
    for step, videos in wanted:
        for video in videos:
            if video.is_original or video.path.is_file():
                names[video.key].add(step.result_name(video))
                if video.remote:
                    names[video.key].add(DIGEST)
            else:
                steps[video.key].add(step.function.__name__)
    return names, steps


@contextmanager
def _numerics(numerics: str) -> Iterator[None]:
    """Let the versions of code that are read in the block be those of the stages."""
    before = os.environ.pop(VARIABLE, None)
    if numerics == ANYWHERE:
        os.environ[VARIABLE] = ANYWHERE
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before


def _steps(manifest: pd.DataFrame, params: Params) -> Iterator[tuple[Step, list[Video]]]:
    """The steps of the pipeline that use the cache, with their inputs."""
    roots = {name: Path(dataset.root) for name, dataset in params.dataset.items()}
    current = manifest[manifest["dataset"].isin(roots)]
    frames, crops = Path("data/frames"), Path("data/crops")
    yield frame_step(), frame_inputs(current, roots, frames, params.frames)
    yield crop_step(params.crops), crop_inputs(current, frames, crops, params.crops)
    yield landmark_step(), landmark_inputs(current, crops, params.crops.margin)
    yield hash_step(), hash_inputs(current, frames)
    settings = params.identities
    yield embedding_step(), embedding_inputs(current, crops, params.crops.margin, settings)
