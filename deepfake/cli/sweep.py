"""`deepfake sweep`: DVC's experiments side by side."""

from pathlib import Path
from typing import Annotated

import typer

from deepfake.base.errors import DeepfakeError

FIGURE = Path(".scratch/sweep.png")


def sweep(
    metric: Annotated[
        str, typer.Option(help="Metric of val that the settings are compared by.")
    ] = "val.roc_auc",
) -> None:
    """Compare the experiments of `dvc exp run` that belong to the last commit.

    Prints the mean of the metric over the seeds of each setting, the best one
    first, and writes a parallel-coordinates plot of all runs to
    .scratch/sweep.png. Settings are never chosen by test. See
    docs/experiments.md.

    Exit code: 0, or 1 if there is nothing to compare.

    Example: dvc exp run --queue -S train.learning_rate=0.0001,0.0003 -S train.seed=0,1
    && dvc exp run --run-all && deepfake sweep
    """
    from deepfake.experiments.sweep import plot_runs, read_runs, summarise  # loads DVC
    from deepfake.plots.figures import save_figure

    try:
        runs = read_runs(metric)
    except DeepfakeError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{metric} of {len(runs)} experiments\n")
    typer.echo(summarise(runs).to_string(index=False))
    save_figure(plot_runs(runs), FIGURE)
    typer.echo(f"\nall runs: {FIGURE}; `dvc exp show --only-changed` lists them")
