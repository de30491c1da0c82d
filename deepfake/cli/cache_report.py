"""What is in the scratch cache, and which of it the current manifest still needs."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from deepfake.base.errors import CacheError
from deepfake.core.tables import read_csv
from deepfake.faces.crops import crop_inputs, crop_step
from deepfake.faces.landmark_table import landmark_inputs, landmark_step
from deepfake.jobs.cache import Cache, is_leftover
from deepfake.jobs.step import Step, Video
from deepfake.params.schema import Params
from deepfake.splits.identities import embedding_inputs, embedding_step
from deepfake.splits.near_duplicates import hash_inputs, hash_step
from deepfake.video.frames import frame_inputs, frame_step

COLUMNS = ["step", "results", "bytes", "needed"]


@dataclass(frozen=True)
class Stored:
    """A file in the cache.

    Attributes:
        path: where it is.
        step: name of the function that made it.
        size: bytes.
        needed: whether a run of the pipeline as it is now would read it.
    """

    path: Path
    step: str
    size: int
    needed: bool


def stored_results(cache: Cache, params: Params) -> list[Stored]:
    """Everything in the cache.

    Needed is what belongs to a video of `data/manifest.csv`, the parameters and code of now, and
    the frames and crops that are there; where those of a video are missing, as after a run that was
    killed, all its results are.

    Args:
        cache: the scratch cache.
        params: params.yaml.

    Raises:
        CacheError: there is no manifest.
    """
    path = Path("data/manifest.csv")
    if not path.is_file():
        raise CacheError(
            f"{path} is missing, so what it needs is not known: run `dvc repro manifest`"
        )
    needed, steps_needed = _needed(read_csv(path), params)
    found = []
    for video, file in cache.entries():
        name, _, checksum = file.name.partition(".")
        step = name.split("-")[0]
        wanted = checksum and (name in needed[video] or step in steps_needed[video])
        is_needed = bool(wanted) and not is_leftover(file)
        found.append(Stored(file, step, file.stat().st_size, is_needed))
    return found


def overview(found: list[Stored]) -> pd.DataFrame:
    """`COLUMNS` of each step."""
    rows = [(one.step, 1, one.size, int(one.needed)) for one in found]
    return pd.DataFrame(rows, columns=COLUMNS).groupby("step", as_index=False).sum()


def prune(found: list[Stored]) -> None:
    """Delete what is not needed, and folders that become empty."""
    for one in found:
        if not one.needed:
            one.path.unlink(missing_ok=True)
    for folder in {one.path.parent for one in found}:
        for level in (folder, folder.parent):
            if not any(level.iterdir()):
                level.rmdir()


def _needed(
    manifest: pd.DataFrame, params: Params
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Names of needed results by the content of the video, and steps of which all are needed."""
    names: dict[str, set[str]] = defaultdict(set)
    steps: dict[str, set[str]] = defaultdict(set)
    for step, videos in _work(manifest, params):
        for video in videos:
            if video.is_original or video.path.is_file():
                names[video.content].add(step.name(video))
            else:
                steps[video.content].add(step.function.__name__)
    return names, steps


def _work(manifest: pd.DataFrame, params: Params) -> Iterator[tuple[Step, list[Video]]]:
    """What the pipeline asks the cache for."""
    roots = {name: Path(dataset.root) for name, dataset in params.dataset.items()}
    known = manifest[manifest["dataset"].isin(roots)]
    frames, crops = Path("data/frames"), Path("data/crops")
    yield frame_step(), frame_inputs(known, roots, frames, params.frames)
    yield crop_step(params.crops), crop_inputs(known, frames, crops, params.crops)
    yield landmark_step(), landmark_inputs(known, crops, params.crops.margin)
    yield hash_step(), hash_inputs(known, frames)
    settings = params.identities
    yield embedding_step(), embedding_inputs(known, crops, params.crops.margin, settings)
