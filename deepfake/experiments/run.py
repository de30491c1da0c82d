"""Experiments: the project's own pipeline, run with an overlay in a folder of its own.

The folder is `.scratch/experiments/NAME`, a git worktree with the code of the checkout, the merged
params.yaml and links to the data, so the checkout's own results stay as they are. All experiments
share the DVC cache of the checkout and one scratch cache of results of single videos.
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

from deepfake.core.files import write_bytes
from deepfake.experiments.data import find_roots, link_data
from deepfake.experiments.publish import RESULTS, publish
from deepfake.experiments.worktree import VIDEOS, make_worktree, set_up_dvc
from deepfake.model.card import CARD, STARTER, WEIGHTS
from deepfake.model.operating_points import MEASURED
from deepfake.params.overlay import ExperimentError, read_experiment
from deepfake.review.model_card import model_card

WORK = Path(".scratch/experiments")
STARTER_NOTES, README = Path("docs/starter-notes.md"), "README.md"


def run_experiment(
    repository: Path,
    name: str | None,
    data: Mapping[str, Path],
    settings: Sequence[str] = (),
    stage: str | None = None,
    variant: str | None = None,
) -> int:
    """Run an experiment, or go on with it, and copy its results to `experiments/results/NAME`.

    Args:
        repository: the top of the checkout.
        name: of the overlay; None for params.yaml alone, which needs a `variant`.
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
    run = check_name(variant or name or "")
    folder = repository / WORK / run
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder) as lock:
        make_worktree(repository, folder)
        roots = find_roots(folder, experiment, data)
        copy_model(folder, experiment.preparation.model_of)
        set_up_dvc(repository, folder)
        content = link_data(folder, experiment, roots, repository)
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
    if name == VIDEOS or not re.fullmatch(r"\w[\w.-]*", name):
        raise ExperimentError(f"an experiment must not be called {name}: give it another name")
    return name


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
    with folder.with_name(f"{folder.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExperimentError(f"the experiment {folder.name} is running already") from error
        yield file.fileno()


def ship_model(repository: Path, run: str) -> Path:
    """Make the model of a run the starter that comes with the repository, in half precision.

    What its operating points measured on test goes with it, and a model card for people.

    Returns:
        Its folder.

    Raises:
        CardError: the run is not finished, or `STARTER_NOTES` have other headings.
        ExperimentError: no run can have that name.
        ModelError: the run has no model.
    """
    from deepfake.model.network import load_model, save_model  # takes seconds

    folder = repository / WORK / check_name(run)
    models = folder / "models"
    network, card = load_model(models)
    text = model_card(folder, repository / STARTER_NOTES)
    halves = {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    save_model(repository / STARTER, halves, card)
    write_bytes(repository / STARTER / MEASURED, (models / MEASURED).read_bytes())
    write_bytes(repository / STARTER / README, text.encode())
    return STARTER
