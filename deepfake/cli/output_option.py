"""The option `--output` of `deepfake predict`."""

from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT.csv",
        help="Write the results to this file instead of printing them, and skip files that have a"
        " result there: CSV, JSON lines (.jsonl), or a folder of Parquet files (.parquet).",
    ),
]


def check_output(output: Path, frames: bool, watch: bool, annotate: bool) -> None:
    """Raise BadParameter if `--output` is of no known form, or does not go with other options."""
    from deepfake.predict.stored_results import JSON_LINES, PARQUET, SUFFIXES

    if output.suffix not in SUFFIXES:
        raise typer.BadParameter(f"--output must end in {', '.join(SUFFIXES)}")
    if frames and output.suffix != JSON_LINES:
        raise typer.BadParameter(f"--frames needs --output with the suffix {JSON_LINES}")
    if watch and output.suffix == PARQUET:
        raise typer.BadParameter(
            "--watch writes .csv or .jsonl: Parquet files are written in parts"
        )
    if annotate:
        raise typer.BadParameter("--annotate prints its result: leave out --output")
