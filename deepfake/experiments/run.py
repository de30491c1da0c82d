"""Experiments: the project's own pipeline, run with an overlay in a folder of its own.

The run happens in `.scratch/experiments/NAME`, which has the checkout's code, the merged params.yaml
and links to the data, so that the checkout's own results stay as they are. All experiments share one
DVC cache and one scratch cache: what one has found out about a video, the next one need not.
"""

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from deepfake.base.symlinks import link
from deepfake.core.files import write_bytes
from deepfake.experiments.data import find_roots, link_data
from deepfake.experiments.publish import RESULTS, publish
from deepfake.model.card import CARD, STARTER, WEIGHTS
from deepfake.params.overlay import ExperimentError, read_experiment

WORK = Path(".scratch/experiments")
DVC_CACHE, VIDEOS = "cache", "videos"  # in WORK, shared; so no experiment has such a name
CODE = (
    "deepfake",
    "stages",
    "models/pretrained",
    "models/starter",
    "dvc.yaml",
    ".dvcignore",
)  # what a run needs
DVC_CONFIG = f"""[core]
    no_scm = true
    analytics = false
    check_update = false
[cache]
    dir = ../../{DVC_CACHE}
    type = "reflink,hardlink,copy"
"""


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
        ExperimentError: the overlay, a folder or the model of another run is missing or cannot have
            that name, the experiment is running already, or its results must not be published.
        ManifestError: as `prepared_table`.
        ParamsError: as `read_experiment`.
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
        params = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        write_bytes(folder / "params.yaml", params.encode())
        code = repro(folder, stage, lock)
        if code == 0 and stage is None:
            private = [repository, Path.home(), *roots.values()]
            copied = publish(folder, repository / RESULTS / run, private)
            print(f"{len(copied)} files of results are in {RESULTS / run}")
    return code


def check_name(name: str) -> str:
    """The name of a run, if it can be that of a folder.

    Raises:
        ExperimentError: it cannot, or is that of a folder that all experiments share.
    """
    if name in (DVC_CACHE, VIDEOS) or not re.fullmatch(r"\w[\w.-]*", name):
        raise ExperimentError(f"an experiment must not be called {name}: give it another name")
    return name


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
    """Make the model of another run, if one is named, the starter of this one.

    Raises:
        ExperimentError: it has no model yet, or no run can have that name.
    """
    if run is None:
        return

    if run == folder.name:
        raise ExperimentError(f"the experiment {run} cannot begin with its own model: name another")
    models = folder.parent / check_name(run) / "models"
    for name in (WEIGHTS, CARD):
        if not (models / name).is_file():
            raise ExperimentError(f"the experiment {run} has no model yet: run it first")
        write_bytes(folder / STARTER / name, (models / name).read_bytes())


def set_up_dvc(folder: Path) -> None:
    """Give the folder a DVC without git, whose caches it shares with the other experiments.

    What a killed DVC leaves behind is deleted: its list of who reads and writes what, since nobody
    does any more, and a lock file that was cut short, since the shared run cache has the results of
    all stages that ended.
    """
    write_bytes(folder / ".dvc/config", DVC_CONFIG.encode())
    videos = folder.parent / VIDEOS
    videos.mkdir(exist_ok=True)
    link(folder / ".scratch/videos", Path("../..") / VIDEOS)
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


def repro(folder: Path, stage: str | None, lock: int) -> int:
    """`dvc repro` with the interpreter that runs this; its output goes where ours goes.

    DVC holds the lock too: it may live on when we are killed.
    """
    command = [sys.executable, "-m", "dvc", "repro", *([stage] if stage else [])]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    sys.stdout.flush()
    environment = {**os.environ, "PATH": path}
    return subprocess.run(command, cwd=folder, env=environment, pass_fds=[lock]).returncode


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


def ship_model(repository: Path, run: str) -> Path:
    """Make the model of a run the starter that comes with the repository, in half precision.

    Returns:
        Its folder. The README there, with what the model is good for, is written by people.

    Raises:
        ExperimentError: no run can have that name.
        ModelError: the run has no model.
    """
    from deepfake.model.network import load_model, save_model  # takes seconds

    network, card = load_model(repository / WORK / check_name(run) / "models")
    halves = {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    save_model(repository / STARTER, halves, card)
    return STARTER
