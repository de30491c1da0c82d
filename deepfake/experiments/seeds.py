"""Several seeds of one recipe: how much of a difference between two runs is luck."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from deepfake.core.files import write_metrics
from deepfake.experiments.publish import RESULTS
from deepfake.experiments.run import check_name, run_experiment
from deepfake.params.overlay import ExperimentError, read_experiment

COUNTS = ("videos", "groups")  # in metrics/evaluate.json, which no seed changes
PARAMS_ALONE = "params"  # name of the runs without an overlay


@dataclass(frozen=True)
class Spread:
    """What several seeds do to a metric.

    Attributes:
        mean: over the seeds.
        deviation: standard deviation of one run; NaN with one seed.
        luck: 95 % of the differences between two runs that differ in nothing but the seed are within
            this and its negative; NaN with one seed.
    """

    mean: float
    deviation: float
    luck: float


def run_seeds(
    repository: Path,
    name: str | None,
    count: int,
    data: Mapping[str, Path],
    settings: Sequence[str] = (),
    variant: str | None = None,
) -> int:
    """Run an experiment with the values 0 to `count` - 1 of train.seed; finished runs run nothing.

    Args:
        repository: the top of the checkout.
        name: of the overlay; None for params.yaml as it is, with the data where it says.
        count: number of seeds.
        data, settings: as for `run_experiment`.
        variant: what the runs are called, before `_seed0` and so on, in place of `name`.

    Returns:
        The exit code of the first run that fails, or 0.

    Raises:
        DeepfakeError: as `run_experiment`.
    """
    if name is None:
        params = read_experiment(repository, None).params
        roots = {key: repository / dataset.root for key, dataset in params.dataset.items()}
        data = {**roots, **data}
    for seed in range(count):
        print(f"seed {seed} of 0 to {count - 1}", flush=True)
        chosen = [*settings, f"train.seed={seed}"]
        run = f"{base_name(name, variant)}_seed{seed}"
        code = run_experiment(repository, name, data, chosen, variant=run)
        if code:
            return code
    return 0


def base_name(name: str | None, variant: str | None = None) -> str:
    """The name of the runs of all seeds, without the seed; raises ExperimentError as `check_name`."""
    return check_name(variant or name or PARAMS_ALONE)


def finished_seeds(repository: Path, base: str, count: int) -> dict[int, dict[str, float]]:
    """Metrics of the finished runs by seed, below `count`, and by name such as test.roc_auc.

    Raises:
        ExperimentError: there is none, a file is damaged, or the runs differ in more than the seed.
    """
    found: dict[int, dict[str, float]] = {}
    recipes: dict[str, Any] = {}
    for seed in range(count):
        folder = repository / RESULTS / f"{base}_seed{seed}"
        if not folder.is_dir():
            continue
        try:
            recipes[folder.name] = _recipe(folder / "params.yaml")
            metrics = json.loads((folder / "metrics/evaluate.json").read_text(encoding="utf-8"))
            found[seed] = dict(_without_counts(metrics))
        except (AttributeError, OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
            raise ExperimentError(
                f"{folder} is not a finished run ({error}): delete it, then run the seeds again"
            ) from error
    if not found:
        raise ExperimentError(
            f"no seed of {base} is finished: run `deepfake seeds` without --report"
        )
    first, *others = recipes
    for other in others:
        if recipes[other] != recipes[first]:
            raise ExperimentError(
                f"{RESULTS / first} and {RESULTS / other} differ in more than the seed: run the seeds"
                " again, or delete the one that is outdated"
            )
    return found


def _recipe(path: Path) -> Any:
    """Params of a run without its seed."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    del content["train"]["seed"]
    content.pop("execution", None)
    return content


def _without_counts(metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """The metrics of val and test, with their path in the file."""
    for split, values in metrics.items():
        for name, value in values.items():
            if name not in COUNTS:
                yield f"{split}.{name}", float(value)


def summarize_seeds(seeds: Mapping[int, Mapping[str, float]]) -> dict[str, Spread]:
    """The spread of each metric that all seeds have."""
    rows = list(seeds.values())
    shared = [name for name in rows[0] if all(name in row for row in rows)]
    return {name: spread([row[name] for row in rows]) for name in shared}


def spread(values: Sequence[float]) -> Spread:
    """Mean, standard deviation, and the range of a difference of two further runs.

    The difference of two normal values has sqrt(2) times their deviation, which is estimated from
    the values, so its 95 % range comes from Student's t with one degree of freedom less than values.
    """
    from scipy.stats import t  # takes a second

    count = len(values)
    if count < 2:
        return Spread(float(values[0]), math.nan, math.nan)
    deviation = float(np.std(values, ddof=1))
    luck = float(t.ppf(0.975, count - 1)) * math.sqrt(2) * deviation
    return Spread(float(np.mean(values)), deviation, luck)


def write_summary(repository: Path, base: str, seeds: Mapping[int, Mapping[str, float]]) -> Path:
    """Write experiments/results/BASE_seeds.json: the number of seeds and each metric's spread."""
    path = RESULTS / f"{base}_seeds.json"
    spreads = {name: asdict(one) for name, one in summarize_seeds(seeds).items()}
    write_metrics(repository / path, {"seeds": len(seeds), "metrics": spreads})
    return path


def describe_seeds(seeds: Mapping[int, Mapping[str, float]]) -> str:
    """A table of the spreads, and how to read it."""
    spreads = summarize_seeds(seeds)
    width = max(map(len, spreads), default=0)
    lines = [f"{'metric':<{width}}    mean  deviation  luck of one difference"]
    lines += [
        f"{name:<{width}}  {_text(one.mean):>6}  {_text(one.deviation):>9}  {_text(one.luck, '±'):>7}"
        for name, one in spreads.items()
    ]
    numbers = ", ".join(map(str, seeds))
    if len(seeds) < 2:
        return "\n".join([*lines, f"seed {numbers}: run two or more seeds to see the spread"])
    lines.append(
        f"seeds {numbers}. Two runs that differ in nothing but the seed differ by no more than the"
        " last column in 95 % of cases: a smaller difference shows nothing."
    )
    return "\n".join(lines)


def _text(value: float, sign: str = "") -> str:
    return f"{sign}{value:.4f}" if math.isfinite(value) else "-"
