"""Experiments: params.yaml with an overlay, run by the project's own pipeline in a folder of its own.

An overlay `experiments/NAME.yaml` names what it changes of params.yaml. The run happens in
`.scratch/experiments/NAME`, which has the checkout's code, the merged params.yaml and links to the
data, so that the checkout's own results stay as they are. All experiments share one DVC cache and
one scratch cache: what one has found out about a video, the next one need not.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from pydantic import BaseModel, Field

from deepfake import scanning
from deepfake.datasets import Listing, files_below
from deepfake.errors import DeepfakeError, ParamsError
from deepfake.files import write_bytes, write_json
from deepfake.params import Params, Section, checked, read_yaml
from deepfake.tables import write_csv

OVERLAYS = Path("experiments")
RESULTS = OVERLAYS / "results"
WORK = Path(".scratch/experiments")
DATA = "data/raw"  # in an experiment's folder, links to the data sets
DVC_CACHE, VIDEOS = "cache", "videos"  # in WORK, shared; so no experiment has such a name
CODE = (
    "deepfake",
    "stages",
    "models/pretrained",
    "models/starter",
    "dvc.yaml",
    ".dvcignore",
)  # what a run needs
ROOTS = "roots.json"  # in an experiment's folder: where its data is on this machine
CARDS = ("models/model.json", "docs/model-card.md")
TEXT = frozenset({".json", ".tsv", ".md", ".yaml"})
PICTURES = frozenset({".png", ".svg"})
LARGEST = 2_000_000  # bytes of a file in the repository
DVC_CONFIG = f"""[core]
    no_scm = true
    analytics = false
    check_update = false
[cache]
    dir = ../../{DVC_CACHE}
"""


class ExperimentError(DeepfakeError):
    """An experiment is unknown, lacks its data, or would publish what it must not."""


class Preparation(BaseModel):
    """The `experiment` section of an overlay: what is done to the tables of its data sets.

    A data set named here is listed by its importer, and what is left of the list becomes a
    labels.csv, which the pipeline then reads with the layout csv.

    Attributes:
        keep: by data set and column of the list, the values whose videos take part.
        random_split: data sets of which every video gets an `official_split` at random, by the
            shares and the seed of the split section, blind to people and originals.
        model_of: an experiment that was run; its model is `starter` in this one.
    """

    model_config = Section.model_config

    keep: dict[str, dict[str, list[str]]] = Field(default_factory=dict)
    random_split: list[str] = Field(default_factory=list)
    model_of: str | None = None

    @property
    def datasets(self) -> set[str]:
        """The data sets that get a table."""
        return {*self.keep, *self.random_split}


class ExperimentParams(Params):
    """params.yaml with an overlay, whose section `experiment` the pipeline does not get to see."""

    experiment: Preparation | None = None


@dataclass(frozen=True)
class Experiment:
    """What params.yaml, an overlay and settings come to.

    Attributes:
        content: as it is written to a params.yaml.
        params: the same, typed.
        preparation: of its tables.
    """

    content: dict[str, Any]
    params: Params
    preparation: Preparation


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with what `overlay` says: mappings are merged, anything else is replaced.

    Example:
        >>> merge({"train": {"epochs": 6, "seed": 0}}, {"train": {"epochs": 12}})
        {'train': {'epochs': 12, 'seed': 0}}
    """
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merge(old, value)
        merged[key] = value
    return merged


def parse_setting(text: str) -> dict[str, Any]:
    """An overlay of one value.

    Raises:
        ParamsError: it is not like KEY=VALUE, or the value is not YAML.

    Example:
        >>> parse_setting("train.epochs=12")
        {'train': {'epochs': 12}}
    """
    keys, equals, value = text.partition("=")
    if not equals or not all(keys.split(".")):
        raise ParamsError(f"--set {text}: write it like train.epochs=12")
    try:
        overlay = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ParamsError(f"--set {text}: {value!r} is not valid YAML") from error
    for key in reversed(keys.split(".")):
        overlay = {key: overlay}
    return dict(overlay)


def parse_data(texts: Sequence[str]) -> dict[str, Path]:
    """Folders by the name of the data set, of texts like "ffpp=/data/FaceForensics++".

    Raises:
        ExperimentError: a text is not like that, or a name comes twice.
    """
    roots: dict[str, Path] = {}
    for text in texts:
        name, _, path = text.partition("=")
        if not name or not path or name in roots:
            raise ExperimentError(f"--data {text}: write NAME=/path/to/its/folder, each name once")
        roots[name] = Path(path).expanduser()
    return roots


def combine(
    base: Mapping[str, Any], overlay: Mapping[str, Any], settings: Sequence[str] = ()
) -> Experiment:
    """The params of an experiment, checked.

    Args:
        base: content of params.yaml.
        overlay: content of an overlay.
        settings: like "train.epochs=12"; they have the last word.

    Raises:
        ParamsError: naming each key that is unknown, of another type or out of range.
    """
    merged = merge(base, overlay)
    for setting in settings:
        merged = merge(merged, parse_setting(setting))
    params = checked(ExperimentParams, merged, "the experiment")
    preparation = params.experiment or Preparation()
    unknown = sorted(preparation.datasets - {dataset.name for dataset in params.dataset})
    if unknown:
        raise ParamsError(f"experiment: no data set is called {', '.join(unknown)}")
    merged.pop("experiment", None)
    return Experiment(merged, params, preparation)


def read_experiment(repository: Path, name: str, settings: Sequence[str] = ()) -> Experiment:
    """The checkout's params.yaml with the overlay called `name` and settings.

    Raises:
        ExperimentError: there is no such overlay.
        ParamsError: as `combine`.
    """
    known = sorted(file.stem for file in (repository / OVERLAYS).glob("*.yaml"))
    if name not in known:
        there = ", ".join(known) or "none, as this is not the repository's top"
        raise ExperimentError(f"no experiment is called {name}; in {OVERLAYS}/ there are: {there}")
    overlay = read_yaml(repository / OVERLAYS / f"{name}.yaml") or {}
    return combine(read_yaml(repository / "params.yaml"), overlay, settings)


def check_name(name: str) -> str:
    """The name of a run, if it can be that of a folder.

    Raises:
        ExperimentError: it cannot, or is that of a folder that all experiments share.
    """
    if name in (DVC_CACHE, VIDEOS) or not re.fullmatch(r"\w[\w.-]*", name):
        raise ExperimentError(f"an experiment must not be called {name}: give it another name")
    return name


def run_experiment(
    repository: Path,
    name: str,
    data: Mapping[str, Path],
    settings: Sequence[str] = (),
    stage: str | None = None,
    variant: str | None = None,
) -> int:
    """Run an experiment, or go on with it, and copy its results to `experiments/results/NAME`.

    Args:
        repository: the top of the checkout.
        name: of the overlay.
        data: folders by the name of the data set; those given in an earlier run need not be given.
        settings: like "train.epochs=12".
        stage: run up to this one only; results are then not copied.
        variant: what the run is called in place of `name`, so that both are kept.

    Returns:
        The exit code of `dvc repro`.

    Raises:
        ExperimentError: the overlay or a folder is missing, or the experiment is running already.
        ParamsError: as `combine`.
    """
    repository = repository.resolve()
    experiment = read_experiment(repository, name, settings)
    run = check_name(variant or name)
    folder = repository / WORK / run
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder) as lock:
        roots = find_roots(folder, experiment, data)
        copy_code(repository, folder)
        copy_model(folder, experiment.preparation.model_of)
        set_up_dvc(folder)
        content = link_data(folder, experiment, roots)
        _write_yaml(folder / "params.yaml", content)
        code = repro(folder, stage, lock)
        if code == 0 and stage is None:
            private = [repository, Path.home(), *roots.values()]
            copied = publish(folder, repository / RESULTS / run, private)
            print(f"{len(copied)} files of results are in {RESULTS / run}")
    return code


def find_roots(folder: Path, experiment: Experiment, data: Mapping[str, Path]) -> dict[str, Path]:
    """Where each data set of the experiment is, as given now or in an earlier run.

    Raises:
        ExperimentError: a data set has no folder or an impossible name, or a folder is given for
            none of them.
    """
    names = [dataset.name for dataset in experiment.params.dataset]
    if dots := [name for name in names if not name.strip(".")]:
        raise ExperimentError(f"a data set must not be called {dots[0]}")
    strange = sorted(data.keys() - {*names})
    if strange:
        raise ExperimentError(
            f"--data {strange[0]}=...: the experiment has no such data set, but {', '.join(names)}"
        )
    memory = folder / ROOTS
    known = json.loads(memory.read_text(encoding="utf-8")) if memory.is_file() else {}
    known |= {name: str(path.resolve()) for name, path in data.items()}
    for name in names:
        if name not in known:
            raise ExperimentError(
                f"the experiment needs the data set {name}: add --data {name}=/path/to/its/folder"
            )
        if not Path(known[name]).is_dir():
            raise ExperimentError(
                f"{known[name]} is not a folder: give that of the data set with"
                f" --data {name}=/path/to/its/folder"
            )
    write_json(memory, known)
    return {name: Path(known[name]) for name in names}


def copy_code(repository: Path, folder: Path) -> None:
    """Make the code in `folder` that of the checkout, edits and new files included.

    Only what differs is written, and what the checkout has no longer is deleted.

    Raises:
        ExperimentError: `repository` is not a git checkout.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *CODE]
    listed = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    if listed.returncode:
        raise ExperimentError(f"git cannot list the code of {repository}: {listed.stderr.strip()}")
    names = {name for name in listed.stdout.split("\0") if (repository / name).is_file()}
    for name in sorted(names):
        old, new = folder / name, (repository / name).read_bytes()
        if not old.is_file() or old.read_bytes() != new:
            write_bytes(old, new)
    for top in CODE:
        for path in sorted((folder / top).rglob("*")):
            ours = path.relative_to(folder).as_posix() in names
            if path.is_file() and not ours and "__pycache__" not in path.parts:
                path.unlink()


def copy_model(folder: Path, run: str | None) -> None:
    """Make the model of another run the starter of this one.

    Raises:
        ExperimentError: it has no model yet.
    """
    if run is None:
        return
    from deepfake import model  # takes seconds; only this needs it

    models = folder.parent / check_name(run) / "models"
    for name in (model.WEIGHTS, model.CARD):
        if not (models / name).is_file():
            raise ExperimentError(f"the experiment {run} has no model yet: run it first")
        write_bytes(folder / model.STARTER / name, (models / name).read_bytes())


def ship_model(repository: Path, run: str) -> Path:
    """Make the model of a run the starter that comes with the repository, in half precision.

    Returns:
        Its folder. The README there, with what the model is good for, is written by people.

    Raises:
        ExperimentError: the name is none.
        ModelError: the run has no model.
    """
    from deepfake import model  # takes seconds; only this needs it

    network, card = model.load_model(repository / WORK / check_name(run) / "models")
    halves = {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    model.save_model(repository / model.STARTER, halves, card)
    return model.STARTER


def set_up_dvc(folder: Path) -> None:
    """Give the folder a DVC without git, whose caches it shares with the other experiments.

    What a killed DVC leaves behind is deleted: its list of who reads and writes what, since nobody
    does any more, and a lock file that was cut short, since the shared run cache has the results of
    all stages that ended.
    """
    write_bytes(folder / ".dvc/config", DVC_CONFIG.encode())
    videos = folder.parent / VIDEOS
    videos.mkdir(exist_ok=True)
    (folder / ".scratch").mkdir(exist_ok=True)
    _link(folder / ".scratch/videos", Path("../..") / VIDEOS)
    (folder / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    lock = folder / "dvc.lock"
    if lock.is_file() and not _is_whole(lock):
        print("dvc.lock was cut short when DVC was killed, and is made anew")
        lock.unlink()


def _is_whole(path: Path) -> bool:
    try:
        return isinstance(yaml.safe_load(path.read_bytes()), dict)
    except yaml.YAMLError:
        return False


def link_data(folder: Path, experiment: Experiment, roots: Mapping[str, Path]) -> dict[str, Any]:
    """Make each data set reachable as data/raw/NAME below the folder.

    Returns:
        The content of params.yaml; data sets that got a table have the layout csv there.

    Raises:
        ManifestError, ExperimentError: as `prepared_table`.
    """
    entries = []
    for dataset in experiment.params.dataset:
        entry = {**dataset.model_dump(), "root": f"{DATA}/{dataset.name}"}
        place = folder / entry["root"]
        if dataset.name in experiment.preparation.datasets:
            table = prepared_table(experiment, dataset.name, dataset.layout, roots[dataset.name])
            _link_files(place, table, roots[dataset.name])
            entry["layout"] = "csv"
        else:
            _link(place, roots[dataset.name])
        entries.append(entry)
    return {**experiment.content, "dataset": entries}


def prepared_table(experiment: Experiment, name: str, layout: str, root: Path) -> pd.DataFrame:
    """The videos of a data set that take part, as a labels.csv.

    Raises:
        ManifestError: the importer cannot read the data set.
        ExperimentError: nothing is left, or the list has no such column.
    """
    preparation, split = experiment.preparation, experiment.params.split
    picked = scanning.pick_layout(root) if layout == scanning.AUTO else layout
    listing: Listing = scanning.LAYOUTS[picked].listing(root)
    table = listing.rows.sort_values("path")
    for column, values in preparation.keep.get(name, {}).items():
        if column not in table:
            raise ExperimentError(f"experiment.keep.{name}: no column is called {column}")
        table = table[table[column].isin(values)]
    if table.empty:
        raise ExperimentError(
            f"experiment.keep.{name} keeps nothing of {root}: is it complete, with its lists?"
        )
    if name in preparation.random_split:
        shares = {"train": split.train, "val": split.val, "test": split.test}
        table = table.assign(official_split=random_split(len(table), shares, split.seed))
    return table.reset_index(drop=True)


def random_split(count: int, shares: Mapping[str, float], seed: int) -> list[str]:
    """A split for each of `count` videos, whoever they show; for what not to do."""
    ends = np.round(np.cumsum(list(shares.values())) * count).astype(int)
    order = np.random.default_rng(seed).permutation(count)
    names = np.repeat(list(shares), np.diff(ends, prepend=0))
    chosen = np.empty(count, names.dtype)
    chosen[order] = names
    return [str(name) for name in chosen]


def _link_files(place: Path, table: pd.DataFrame, root: Path) -> None:
    """Make `place` a folder of labels.csv and links to the files that it names.

    Every file is linked by itself: DVC does not look through a link to a folder inside of a folder.
    """
    _remove(place)
    for path in table["path"]:
        is_folder = (root / path).is_dir()
        for file in files_below(root / path) if is_folder else [root / path]:
            link = place / file.relative_to(root)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file)
    write_csv(place / "labels.csv", table)


def _link(place: Path, target: Path) -> None:
    if place.is_symlink() and place.readlink() == target:
        return
    _remove(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target, target_is_directory=True)


def _remove(place: Path) -> None:
    """Delete a link or a folder of links, never what they lead to."""
    if place.is_symlink():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)


def repro(folder: Path, stage: str | None, lock: int) -> int:
    """`dvc repro` with the interpreter that runs this; its output goes where ours goes.

    DVC holds the lock too: it may live on when we are killed.
    """
    command = [sys.executable, "-m", "dvc", "repro", *([stage] if stage else [])]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    sys.stdout.flush()
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, cwd=folder, env=environment, pass_fds=[lock]).returncode


def publish(folder: Path, results: Path, private: Sequence[Path]) -> list[Path]:
    """Copy what the pipeline writes for git, the merged params and the model's card.

    Pictures of faces are not among them: the pipeline leaves those to DVC's cache.

    Args:
        folder: of the experiment, after a whole run.
        results: made anew.
        private: paths of this machine that must not be in any of the files.

    Returns:
        The files, below `results`.

    Raises:
        ExperimentError: a file is neither a small text nor a small picture, or names a private path.
    """
    stages = yaml.safe_load((folder / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    names = [*_for_git(stages), *(card for card in CARDS if (folder / card).is_file())]
    found = {Path(name): (folder / name).read_bytes() for name in sorted({*names, "params.yaml"})}
    for name, data in found.items():
        _check_publishable(name, data, [str(path) for path in private])
    _remove(results)
    for name, data in found.items():
        write_bytes(results / name, data)
    return list(found)


def _for_git(stages: Mapping[str, Any]) -> Iterator[str]:
    """The metrics and plots that dvc.yaml does not leave to DVC's cache."""
    for stage in stages.values():
        for out in [*stage.get("metrics", []), *stage.get("plots", [])]:
            if isinstance(out, dict):
                yield from (path for path, options in out.items() if not options.get("cache", True))


def _check_publishable(name: Path, data: bytes, private: Sequence[str]) -> None:
    if name.suffix not in TEXT | PICTURES or len(data) > LARGEST:
        raise ExperimentError(f"{name} is no small text or picture, and is not copied to {RESULTS}")
    for path in private:
        whole = rb"(?<![\w.])" + re.escape(path.encode()) + rb"(?![\w])"
        if len(path) > 1 and re.search(whole, data):
            raise ExperimentError(
                f"{name} names {path}, a path of this machine: results are not copied to {RESULTS}"
            )


def _write_yaml(path: Path, content: Mapping[str, Any]) -> None:
    write_bytes(path, yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True).encode())


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    """Keep a second run of the same experiment out; gives the file that holds the lock.

    Raises:
        ExperimentError: there is one.
    """
    with (folder / ".running").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExperimentError(f"the experiment {folder.name} is running already") from error
        yield file.fileno()
