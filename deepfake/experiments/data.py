"""The data sets of an experiment: where they are on this machine, their tables, and links to them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from deepfake.base.symlinks import link, remove
from deepfake.core.files import write_json
from deepfake.core.folders import files_below
from deepfake.core.tables import write_csv
from deepfake.datasets import scanning
from deepfake.datasets.listing import Listing
from deepfake.experiments.split_lists import random_split, with_official_split
from deepfake.params.overlay import Experiment, ExperimentError

DATA = "data/raw"  # in an experiment's folder, links to the data sets
ROOTS = "roots.json"  # in an experiment's folder: where its data is on this machine


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


def find_roots(folder: Path, experiment: Experiment, data: Mapping[str, Path]) -> dict[str, Path]:
    """Where each data set of the experiment is, as given now or in an earlier run.

    Raises:
        ExperimentError: a data set has no folder, or a folder is given for none of them.
    """
    names = list(experiment.params.dataset)
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


def link_data(
    folder: Path, experiment: Experiment, roots: Mapping[str, Path], repository: Path
) -> dict[str, Any]:
    """Make each data set reachable as data/raw/NAME below the folder.

    Args:
        folder: of the run.
        experiment: whose data sets they are.
        roots: where each data set is on this machine.
        repository: the top of the checkout, with the lists that the experiment names.

    Returns:
        The content of params.yaml: roots are those links, and data sets that got a table have the
        layout csv.

    Raises:
        ManifestError: as `prepared_table`.
        ExperimentError: as `prepared_table`; or a path of the list is not below its root.
    """
    entries = {}
    for name, dataset in experiment.params.dataset.items():
        entries[name] = entry = {**dataset.model_dump(), "root": f"{DATA}/{name}"}
        place = folder / entry["root"]
        if name in experiment.preparation.datasets:
            table = prepared_table(experiment, name, dataset.layout, roots[name], repository)
            _link_files(place, table, roots[name])
            entry["layout"] = "csv"
        else:
            link(place, roots[name])
    return {**experiment.content, "dataset": entries}


def prepared_table(
    experiment: Experiment, name: str, layout: str, root: Path, repository: Path
) -> pd.DataFrame:
    """The videos of a data set that take part, as a labels.csv.

    Raises:
        ManifestError: the importer cannot read the data set, or there is none of that name.
        ExperimentError: nothing is left, the listing has no such column, or a list of splits is
            missing or invalid.
    """
    preparation, split = experiment.preparation, experiment.params.split
    picked = scanning.resolved_layout(root, layout)
    listing: Listing = scanning.LAYOUTS[picked].listing(root)
    table = listing.rows.sort_values("path")
    for column, values in preparation.keep.get(name, {}).items():
        if column not in table:
            raise ExperimentError(f"experiment.keep.{name}: no column is called {column}")
        table = table[table[column].isin(values)]
    if table.empty:
        raise ExperimentError(
            f"experiment.keep.{name} keeps nothing of {root}: is it complete, with its lists,"
            " and is each value spelt as in them?"
        )
    if name in preparation.random_split:
        shares = {"train": split.train, "val": split.val, "test": split.test}
        table = table.assign(official_split=random_split(len(table), shares, split.seed))
    if name in preparation.official_split:
        assignment = preparation.official_split[name]
        table = with_official_split(table, name, assignment, repository)
        if table.empty:
            raise ExperimentError(
                f"experiment.official_split.{name}: {assignment} names no video of {root}"
            )
    return table.reset_index(drop=True)


def _link_files(place: Path, table: pd.DataFrame, root: Path) -> None:
    """Make `place` a folder of labels.csv and links to the files that it names.

    Every file is linked by itself: DVC does not look through a link to a folder inside of a folder.

    Raises:
        ExperimentError: a path leads out of `root`, so that its link would be elsewhere too.
    """
    remove(place)
    for path in table["path"]:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ExperimentError(f"{path} is not below {root}, whose list names it")
        is_folder = (root / path).is_dir()
        for file in files_below(root / path) if is_folder else [root / path]:
            here = place / file.relative_to(root)
            here.parent.mkdir(parents=True, exist_ok=True)
            if not here.is_symlink():  # a path that comes twice: the manifest refuses it
                here.symlink_to(file)
    write_csv(place / "labels.csv", table)
